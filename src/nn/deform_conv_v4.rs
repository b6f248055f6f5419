use super::connected::connected;
use super::deform_conv2d::renamed;
use super::samples::CenterGeometry;
use crate::error::Result;
use crate::geometry::{
    DeformConvV3, DeformConvV4, DeformConvV4Geometry, DeformConvV4Inputs, MatmulGeometry, Output, axis, divides,
    expect, extents, gradients, inputs, op, positive,
};
use crate::shape::Shape;

/// A [`DeformConvV4`] that learns its value, its offsets and its masks: the block of *Efficient Deformable ConvNets*.
///
/// ```text
/// value   = value_proj(input)
/// sampled = deform_conv_v4(value, offset_mask(offset_mask_input))
/// c       = sigmoid(center_feature_scale_proj(sampled))                  for each group of channels
/// output  = output_proj(sampled * (1 - c) + value * c)
/// ```
///
/// Projections are fully connected layers over pixels. `offset_mask_input` is what the depthwise convolution `offset_mask_dw` gives, where a network has
/// one, and else the input. Without the parameters of the scale, `c` is 0. All between is computed in `f32`, in workspace. The backward pass keeps nothing
/// from the forward: it repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DeformConvV4Layer {
    /// The attributes of the op.
    pub window: DeformConvV3,
}

inputs!(
    /// The parameters of a [`DeformConvV4Layer`]: fully connected layers, weights (outputs, inputs) and biases (outputs).
    DeformConvV4Parameters {
        /// (value, channels of the input)
        value_proj_weight,
        /// (value)
        value_proj_bias,
        /// (3 · groups · taps, rounded up to a multiple of 8, channels of the offset and mask input)
        offset_mask_weight,
        /// (outputs of the weight)
        offset_mask_bias,
        /// (any, value)
        output_proj_weight,
        /// (outputs of the weight)
        output_proj_bias,
        ;
        /// (groups, value); absent, as is its bias, nothing is scaled
        center_feature_scale_proj_weight,
        /// (groups)
        center_feature_scale_proj_bias,
    }
);

inputs!(
    /// The inputs of a [`DeformConvV4Layer`]: tensors, their shapes, or slices for the reference.
    DeformConvV4LayerInputs {
        /// (batch, height, width, channels)
        input,
        ;
        /// (batch, out_height, out_width, any); absent, it is `input`
        offset_mask_input,
        |
        /// The parameters of the layer.
        parameters: DeformConvV4Parameters,
    }
);

gradients!(
    /// The gradients of a [`DeformConvV4Layer`]'s inputs and parameters.
    DeformConvV4LayerGradients {
        input,
        offset_mask_input,
        value_proj_weight,
        value_proj_bias,
        offset_mask_weight,
        offset_mask_bias,
        output_proj_weight,
        output_proj_bias,
        center_feature_scale_proj_weight,
        center_feature_scale_proj_bias,
    }
);

/// How large the parameters of a new [`DeformConvV4Layer`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeformConvV4Sizes {
    /// Channels of the input.
    pub input: u32,
    /// Channels of the offset and mask input.
    pub offset_mask_input: u32,
    /// Channels of the value: those of all groups.
    pub value: u32,
    /// Channels of the output.
    pub output: u32,
    /// Whether there is a scale of the centre.
    pub center_feature_scale: bool,
}

impl DeformConvV4Sizes {
    /// As many channels everywhere, as published models have, and no scale of the centre.
    pub fn new(channels: u32) -> Self {
        Self {
            input: channels,
            offset_mask_input: channels,
            value: channels,
            output: channels,
            center_feature_scale: false,
        }
    }
}

impl DeformConvV4Layer {
    /// The shapes of the parameters of a layer.
    ///
    /// # Errors
    /// [`Error::Attribute`](crate::Error::Attribute) where a size is 0, or groups do not divide the value's channels; [`Error::Shape`](crate::Error::Shape) where a parameter has more elements than
    /// `u32` counts.
    pub fn parameter_shapes(&self, sizes: &DeformConvV4Sizes) -> Result<DeformConvV4Parameters<Shape>> {
        let DeformConvV4Sizes { input, offset_mask_input, value, output, center_feature_scale } = *sizes;
        let named = [("input", input), ("offset_mask_input", offset_mask_input), ("value", value), ("output", output)];
        named.into_iter().try_for_each(|(argument, size)| positive(argument, size))?;
        divides("groups", self.window.groups, value, "value")?;
        let planes = self.window.taps().saturating_mul(self.window.groups).saturating_mul(3);
        let planes = planes.checked_next_multiple_of(8).unwrap_or(u32::MAX);
        positive("kernel", planes)?;
        let shapes = DeformConvV4Parameters {
            value_proj_weight: Shape::from([value, input]),
            value_proj_bias: [value].into(),
            offset_mask_weight: [planes, offset_mask_input].into(),
            offset_mask_bias: [planes].into(),
            output_proj_weight: [output, value].into(),
            output_proj_bias: [output].into(),
            center_feature_scale_proj_weight: center_feature_scale.then(|| [self.window.groups, value].into()),
            center_feature_scale_proj_bias: center_feature_scale.then(|| [self.window.groups].into()),
        };
        super::check_parameters(shapes.named())?;
        Ok(shapes)
    }

    /// The parameters that training begins with, as the authors have them: offsets, masks and biases are 0; projections are drawn evenly between
    /// ± sqrt(6 / (inputs + outputs)). The scale of the centre is one half everywhere. `uniform` gives numbers between 0 and 1; 1 excluded.
    ///
    /// # Errors
    /// [`Error::Attribute`](crate::Error::Attribute) where a size is 0, or groups do not divide the value's channels; [`Error::Shape`](crate::Error::Shape) where a parameter has more elements than
    /// `u32` counts.
    pub fn initial(
        &self,
        sizes: &DeformConvV4Sizes,
        mut uniform: impl FnMut() -> f32,
    ) -> Result<DeformConvV4Parameters<(Shape, Vec<f32>)>> {
        let shapes = self.parameter_shapes(sizes)?;
        let mut parameters = shapes.map(|&shape| (shape, vec![0.0; shape.elements() as usize]));
        super::draw_evenly(&mut parameters.value_proj_weight, &mut uniform);
        super::draw_evenly(&mut parameters.output_proj_weight, &mut uniform);
        Ok(parameters)
    }
}

/// A checked [`DeformConvV4Layer`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeformConvV4LayerGeometry {
    pub(crate) value_proj: MatmulGeometry,
    pub(crate) offset_mask: MatmulGeometry,
    pub(crate) output_proj: MatmulGeometry,
    pub(crate) convolution: DeformConvV4Geometry,
    pub(crate) center: Option<CenterGeometry>,
    shapes: DeformConvV4LayerInputs<Shape>,
}

impl DeformConvV4LayerGeometry {
    /// Checks a layer's attributes and the shapes of its inputs and parameters.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) or [`Error::Attribute`](crate::Error::Attribute), with the two figures that disagree.
    pub fn new(op: &DeformConvV4Layer, inputs: &DeformConvV4LayerInputs<Shape>) -> Result<Self> {
        let axes = [axis("batch"), axis("height"), axis("width"), axis("channels")];
        let [batch, height, width, channels] = extents("input", inputs.input, axes)?;
        let parameters = &inputs.parameters;
        let weight = ("value_proj_weight", parameters.value_proj_weight);
        let bias = ("value_proj_bias", parameters.value_proj_bias);
        let value_proj = connected(batch * height * width, channels, [weight, bias], None)?;

        let (argument, read) = match inputs.offset_mask_input {
            Some(shape) => ("offset_mask_input", shape),
            None => ("input", inputs.input),
        };
        let [images, out_height, out_width, read_channels] = extents(argument, read, axes)?;
        expect(argument, "images", images, batch.into(), "the input's batch is")?;
        let weight = ("offset_mask_weight", parameters.offset_mask_weight);
        let bias = ("offset_mask_bias", parameters.offset_mask_bias);
        let rows = batch * out_height * out_width;
        let offset_mask = connected(rows, read_channels, [weight, bias], None)?;

        let shapes = DeformConvV4Inputs {
            input: [batch, height, width, value_proj.columns].into(),
            offset_mask: [batch, out_height, out_width, offset_mask.columns].into(),
        };
        let convolution = DeformConvV4Geometry::new(&DeformConvV4 { window: op.window }, &shapes)
            .map_err(|error| renamed(error, &[("offset_mask", "offset_mask_weight")]))?;
        let weight = ("output_proj_weight", parameters.output_proj_weight);
        let bias = ("output_proj_bias", parameters.output_proj_bias);
        let output_proj = connected(rows, value_proj.columns, [weight, bias], None)?;
        let scale = [parameters.center_feature_scale_proj_weight, parameters.center_feature_scale_proj_bias];
        let center = CenterGeometry::new(&convolution.window, value_proj.columns, scale)?;
        Ok(Self { value_proj, offset_mask, output_proj, convolution, center, shapes: *inputs })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> DeformConvV4LayerInputs<Shape> {
        self.shapes
    }

    /// (batch, out_height, out_width, outputs of `output_proj_weight`)
    pub fn output_shape(&self) -> Shape {
        self.convolution.output_shape().with_extent(3, self.output_proj.columns)
    }
}

op!(DeformConvV4Layer: DeformConvV4LayerInputs<()> => Output, DeformConvV4LayerGeometry::output_shape);
