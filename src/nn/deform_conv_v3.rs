use super::connected::connected;
use super::deform_conv2d::renamed;
use super::samples::CenterGeometry;
use crate::error::{Error, Result};
use crate::geometry::{
    Conv2d, Conv2dGeometry, Conv2dInputs, DeformConvV3, DeformConvV3Geometry, DeformConvV3Inputs, LayerNorm,
    LayerNormGeometry, LayerNormInputs, MatmulGeometry, Output, Softmax, SoftmaxGeometry, Unary, UnaryGeometry, WEIGHT,
    axis, divides, expect, extents, gradients, inputs, op, positive,
};
use crate::shape::Shape;

/// A [`DeformConvV3`] that learns its value, its offsets and its masks: the core of InternImage's blocks.
///
/// ```text
/// value    = input_proj(input)
/// features = gelu(layer_norm(dw_conv(input)))
/// sampled  = deform_conv_v3(value, offset(features), softmax(mask(features)))        the softmax over the taps of a group
/// c        = sigmoid(center_feature_scale_proj(features))                            for each group of channels
/// output   = output_proj(sampled * (1 - c) + value * c)
/// ```
///
/// `dw_conv` is a depthwise convolution that keeps the extents, and so must the window. All other parts are fully connected layers over pixels, and the
/// normalisation is over the features of one. Without the parameters of the scale, `c` is 0. All between is computed in `f32`, in workspace. The
/// backward pass keeps nothing from the forward: it repeats it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeformConvV3Layer {
    /// The attributes of the op.
    pub window: DeformConvV3,
    /// The addend to the variance of the normalisation.
    pub epsilon: f32,
}

impl Default for DeformConvV3Layer {
    /// The default window, and 1e-6.
    fn default() -> Self {
        Self { window: DeformConvV3::default(), epsilon: 1e-6 }
    }
}

inputs!(
    /// The parameters of a [`DeformConvV3Layer`]. Weights are (outputs, inputs) and biases (outputs), but for those of the convolution and the
    /// normalisation; there are as many features as channels of the input.
    DeformConvV3Parameters {
        /// (value, channels of the input)
        input_proj_weight,
        /// (value)
        input_proj_bias,
        /// (features, 1, kernel_height, kernel_width), both extents odd
        dw_conv_weight,
        /// (features)
        dw_conv_bias,
        /// (features)
        norm_weight,
        /// (features)
        norm_bias,
        /// (2 · groups · taps, features)
        offset_weight,
        /// (2 · groups · taps)
        offset_bias,
        /// (groups · taps, features)
        mask_weight,
        /// (groups · taps)
        mask_bias,
        /// (any, value)
        output_proj_weight,
        /// (outputs of the weight)
        output_proj_bias,
        ;
        /// (groups, features); absent, as is its bias, nothing is scaled
        center_feature_scale_proj_weight,
        /// (groups)
        center_feature_scale_proj_bias,
    }
);

inputs!(
    /// The inputs of a [`DeformConvV3Layer`]: tensors, their shapes, or slices for the reference.
    DeformConvV3LayerInputs {
        /// (batch, height, width, channels)
        input,
        |
        /// The parameters of the layer.
        parameters: DeformConvV3Parameters,
    }
);

gradients!(
    /// The gradients of a [`DeformConvV3Layer`]'s input and parameters.
    DeformConvV3LayerGradients {
        input,
        input_proj_weight,
        input_proj_bias,
        dw_conv_weight,
        dw_conv_bias,
        norm_weight,
        norm_bias,
        offset_weight,
        offset_bias,
        mask_weight,
        mask_bias,
        output_proj_weight,
        output_proj_bias,
        center_feature_scale_proj_weight,
        center_feature_scale_proj_bias,
    }
);

/// How large the parameters of a new [`DeformConvV3Layer`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeformConvV3Sizes {
    /// Channels of the input.
    pub input: u32,
    /// Channels of the value: those of all groups.
    pub value: u32,
    /// Channels of the output.
    pub output: u32,
    /// Rows and columns of the depthwise convolution's kernel.
    pub dw_kernel: [u32; 2],
    /// Whether there is a scale of the centre.
    pub center_feature_scale: bool,
}

impl DeformConvV3Sizes {
    /// As many channels everywhere, and a depthwise convolution of 3x3, as most published models have, and no scale of the centre.
    pub fn new(channels: u32) -> Self {
        Self { input: channels, value: channels, output: channels, dw_kernel: [3; 2], center_feature_scale: false }
    }
}

impl DeformConvV3Layer {
    /// The shapes of the parameters of a layer.
    ///
    /// # Errors
    /// [`Error::Attribute`] where a size is 0, or groups do not divide the value's channels; [`Error::Shape`] where a parameter has more elements than
    /// `u32` counts.
    pub fn parameter_shapes(&self, sizes: &DeformConvV3Sizes) -> Result<DeformConvV3Parameters<Shape>> {
        let DeformConvV3Sizes { input, value, output, dw_kernel: [dw_rows, dw_columns], center_feature_scale } = *sizes;
        let named = [("input", input), ("value", value), ("output", output), ("dw_kernel", dw_rows.min(dw_columns))];
        named.into_iter().try_for_each(|(argument, size)| positive(argument, size))?;
        let groups = self.window.groups;
        divides("groups", groups, value, "value")?;
        let points = self.window.taps().saturating_mul(groups);
        positive("kernel", points)?;
        let coordinates = points.saturating_mul(2);
        let shapes = DeformConvV3Parameters {
            input_proj_weight: Shape::from([value, input]),
            input_proj_bias: [value].into(),
            dw_conv_weight: [input, 1, dw_rows, dw_columns].into(),
            dw_conv_bias: [input].into(),
            norm_weight: [input].into(),
            norm_bias: [input].into(),
            offset_weight: [coordinates, input].into(),
            offset_bias: [coordinates].into(),
            mask_weight: [points, input].into(),
            mask_bias: [points].into(),
            output_proj_weight: [output, value].into(),
            output_proj_bias: [output].into(),
            center_feature_scale_proj_weight: center_feature_scale.then(|| [groups, input].into()),
            center_feature_scale_proj_bias: center_feature_scale.then(|| [groups].into()),
        };
        super::check_parameters(shapes.named())?;
        Ok(shapes)
    }

    /// The parameters that training begins with, as the authors have them. Offsets are 0, masks and the scale of the centre are the same everywhere.
    /// Projections are drawn evenly between ± sqrt(6 / (inputs + outputs)), the convolution and its bias between ± 1 / sqrt(taps). `uniform` gives
    /// numbers between 0 and 1; 1 excluded.
    ///
    /// # Errors
    /// [`Error::Attribute`] where a size is 0, or groups do not divide the value's channels; [`Error::Shape`] where a parameter has more elements than
    /// `u32` counts.
    pub fn initial(
        &self,
        sizes: &DeformConvV3Sizes,
        mut uniform: impl FnMut() -> f32,
    ) -> Result<DeformConvV3Parameters<(Shape, Vec<f32>)>> {
        let shapes = self.parameter_shapes(sizes)?;
        let mut parameters = shapes.map(|&shape| (shape, vec![0.0; shape.elements() as usize]));
        super::draw_evenly(&mut parameters.input_proj_weight, &mut uniform);
        super::draw_evenly(&mut parameters.output_proj_weight, &mut uniform);
        let bound = sizes.dw_kernel.into_iter().map(f64::from).product::<f64>().sqrt().recip() as f32;
        for (_, elements) in [&mut parameters.dw_conv_weight, &mut parameters.dw_conv_bias] {
            elements.fill_with(|| bound * (2.0 * uniform() - 1.0));
        }
        parameters.norm_weight.1.fill(1.0);
        Ok(parameters)
    }
}

/// A checked [`DeformConvV3Layer`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeformConvV3LayerGeometry {
    pub(crate) input_proj: MatmulGeometry,
    pub(crate) dw_conv: Conv2dGeometry,
    pub(crate) norm: LayerNormGeometry,
    pub(crate) activation: UnaryGeometry,
    pub(crate) offset: MatmulGeometry,
    pub(crate) mask: MatmulGeometry,
    pub(crate) softmax: SoftmaxGeometry,
    pub(crate) convolution: DeformConvV3Geometry,
    pub(crate) center: Option<CenterGeometry>,
    pub(crate) output_proj: MatmulGeometry,
    shapes: DeformConvV3LayerInputs<Shape>,
}

impl DeformConvV3LayerGeometry {
    /// Checks a layer's attributes and the shapes of its inputs and parameters.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`], with the two figures that disagree.
    pub fn new(op: &DeformConvV3Layer, inputs: &DeformConvV3LayerInputs<Shape>) -> Result<Self> {
        let axes = [axis("batch"), axis("height"), axis("width"), axis("channels")];
        let [batch, height, width, channels] = extents("input", inputs.input, axes)?;
        let (parameters, groups) = (&inputs.parameters, op.window.groups);
        let rows = batch * height * width;
        let weight = ("input_proj_weight", parameters.input_proj_weight);
        let bias = ("input_proj_bias", parameters.input_proj_bias);
        let input_proj = connected(rows, channels, [weight, bias], None)?;

        let [_, _, dw_rows, dw_columns] = extents("dw_conv_weight", parameters.dw_conv_weight, WEIGHT)?;
        if dw_rows % 2 == 0 || dw_columns % 2 == 0 {
            let message = format!("dw_conv_weight has a kernel of {dw_rows}x{dw_columns}; both must be odd");
            return Err(Error::shape("dw_conv_weight", message));
        }
        let [above, before] = [dw_rows / 2, dw_columns / 2];
        let dw_conv = Conv2d { padding: [above, before, above, before], groups: channels, ..Conv2d::default() };
        let read = Conv2dInputs {
            input: [batch, channels, height, width].into(),
            weight: parameters.dw_conv_weight,
            bias: Some(parameters.dw_conv_bias),
        };
        let dw_conv = Conv2dGeometry::new(&dw_conv, &read)
            .map_err(|error| renamed(error, &[("weight", "dw_conv_weight"), ("bias", "dw_conv_bias")]))?;
        expect("dw_conv_weight", "output channels", dw_conv.out_channels, channels.into(), "the input's channels are")?;
        let read = LayerNormInputs {
            input: inputs.input,
            scale: Some(parameters.norm_weight),
            shift: Some(parameters.norm_bias),
        };
        let norm = LayerNormGeometry::new(&LayerNorm { axes: 1, epsilon: op.epsilon }, &read)
            .map_err(|error| renamed(error, &[("scale", "norm_weight"), ("shift", "norm_bias")]))?;

        let weight = ("offset_weight", parameters.offset_weight);
        let bias = ("offset_bias", parameters.offset_bias);
        let offset = connected(rows, channels, [weight, bias], None)?;
        let weight = ("mask_weight", parameters.mask_weight);
        let bias = ("mask_bias", parameters.mask_bias);
        let mask = connected(rows, channels, [weight, bias], None)?;
        let read = DeformConvV3Inputs {
            input: [batch, height, width, input_proj.columns].into(),
            offset: [batch, height, width, offset.columns].into(),
            mask: [batch, height, width, mask.columns].into(),
        };
        let convolution = DeformConvV3Geometry::new(&op.window, &read)
            .map_err(|error| renamed(error, &[("offset", "offset_weight"), ("mask", "mask_weight")]))?;

        let weight = ("output_proj_weight", parameters.output_proj_weight);
        let bias = ("output_proj_bias", parameters.output_proj_bias);
        let output_proj = connected(rows, input_proj.columns, [weight, bias], None)?;
        let scale = [parameters.center_feature_scale_proj_weight, parameters.center_feature_scale_proj_bias];
        Ok(Self {
            input_proj,
            dw_conv,
            norm,
            activation: UnaryGeometry::new(&Unary::Gelu, norm.output_shape())?,
            offset,
            mask,
            softmax: SoftmaxGeometry::new(&Softmax { axis: 2, log: false }, [rows, groups, convolution.taps()].into())?,
            center: CenterGeometry::new(&convolution, channels, scale)?,
            convolution,
            output_proj,
            shapes: *inputs,
        })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> DeformConvV3LayerInputs<Shape> {
        self.shapes
    }

    /// (batch, height, width, outputs of `output_proj_weight`)
    pub fn output_shape(&self) -> Shape {
        self.convolution.output_shape().with_extent(3, self.output_proj.columns)
    }
}

op!(DeformConvV3Layer: DeformConvV3LayerInputs<()> => Output, DeformConvV3LayerGeometry::output_shape);
