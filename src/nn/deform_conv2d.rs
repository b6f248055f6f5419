use crate::error::{Error, Result};
use crate::geometry::{
    Border, Conv2d, Conv2dGeometry, Conv2dInputs, DeformConv2d, DeformConv2dGeometry, DeformConv2dInputs,
    EdgeDerivative, NCHW, OffsetLayout, Output, WEIGHT, divides, expect, extents, gradients, inputs, likely, op,
    positive,
};
use crate::shape::Shape;

/// Function that makes a layer's masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Mask {
    /// No masks: version 1.
    #[default]
    None,
    /// The sigmoid of what the convolution gives: version 2, as in mmcv, Detectron2, EDVR and BasicVSR++.
    Sigmoid,
    /// Twice the sigmoid, which is 1 where the convolution gives 0: version 2 as in BiRefNet and its authors' example.
    TwoSigmoid,
}

impl Mask {
    /// The factor of the sigmoid; 0 where there is no mask.
    pub(crate) fn scale(self) -> f32 {
        match self {
            Self::None => 0.0,
            Self::Sigmoid => 1.0,
            Self::TwoSigmoid => 2.0,
        }
    }
}

/// A deformable convolution that learns its offsets, and its masks: a plain convolution with the same window computes them.
///
/// ```text
/// o      = conv2d(offset_input or input, offset_weight, offset_bias)
/// m      = conv2d(the same, mask_weight, mask_bias), or else the last third of the channels of o
/// offset = o, or offset_limit * tanh(o); plus the flow, if there is one
/// mask   = sigmoid(m), or 2 * sigmoid(m)
/// output = deform_conv2d(input, offset, mask, weight, bias)
/// ```
///
/// The channels of `o` are dy and dx of each sampling point, interleaved, and then, in a layer of version 2 without a convolution of its
/// own for them, the masks: [`OffsetLayout::Joint`]. That is the order of mmcv's `conv_offset`. The kernel's extents are the weights';
/// stride, padding and dilation are those of all convolutions. Pairs are `[height, width]`; padding is `[top, left, bottom, right]`.
///
/// Offsets and masks are computed and kept in `f32`, whatever the tensors hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeformConv2dLayer {
    /// Pixels from one window to the next.
    pub stride: [u32; 2],
    /// Pixels around the image: top, left, bottom, right.
    pub padding: [u32; 4],
    /// Pixels from one tap to the next.
    pub dilation: [u32; 2],
    /// Groups of channels that are convolved apart by `weight`; the convolutions of offsets and masks have one.
    pub groups: u32,
    /// Groups of input channels that share their offsets.
    pub offset_groups: u32,
    /// The border rule: the value of samples near and beyond the edge.
    pub border: Border,
    /// The derivative of samples at the edge. Offsets that begin at 0 put samples there: see [`EdgeDerivative`].
    pub edge_derivative: EdgeDerivative,
    /// The function that makes the masks.
    pub mask: Mask,
    /// The largest offset, approached through tanh: BasicVSR++'s `max_residue_magnitude`. Absent, offsets have no limit.
    pub offset_limit: Option<f32>,
}

impl Default for DeformConv2dLayer {
    fn default() -> Self {
        let DeformConv2d { stride, padding, dilation, groups, offset_groups, border, edge_derivative, .. } =
            DeformConv2d::default();
        Self {
            stride,
            padding,
            dilation,
            groups,
            offset_groups,
            border,
            edge_derivative,
            mask: Mask::default(),
            offset_limit: None,
        }
    }
}

inputs!(
    /// The parameters of a [`DeformConv2dLayer`]: tensors, their shapes, or slices for the reference.
    DeformConv2dParameters {
        /// (out_channels, channels / groups, kernel_height, kernel_width)
        weight,
        /// (2 or 3 · offset_groups · taps, channels, kernel_height, kernel_width): 3 where it gives the masks too.
        offset_weight,
        ;
        /// (out_channels); absent, it counts 0.
        bias,
        /// (2 or 3 · offset_groups · taps); absent, it counts 0.
        offset_bias,
        /// (offset_groups · taps, channels, kernel_height, kernel_width), where a convolution of its own gives the masks.
        mask_weight,
        /// (offset_groups · taps); absent, it counts 0.
        mask_bias,
    }
);

inputs!(
    /// The inputs of a [`DeformConv2dLayer`]: tensors, their shapes, or slices for the reference.
    DeformConv2dLayerInputs {
        /// (batch, channels, height, width)
        input,
        ;
        /// The input of the offset and mask convolutions, where that is not the input, as in EDVR and BasicVSR++: (batch, its channels,
        /// height, width).
        offset_input,
        /// Optical flow, added to the offsets: (batch, 2 · flows, out_height, out_width), dx and dy of each flow in pixels, in this order,
        /// which is that of networks for optical flow. The offset groups are shared out among the flows in order: BasicVSR++ has two.
        flow,
        |
        /// The parameters of the layer.
        parameters: DeformConv2dParameters,
    }
);

impl<T> DeformConv2dLayerInputs<T> {
    /// Inputs whose offsets are computed from `input`, without flow.
    pub fn new(input: T, parameters: DeformConv2dParameters<T>) -> Self {
        Self { input, offset_input: None, flow: None, parameters }
    }
}

inputs!(
    /// Offsets and masks as a [`DeformConv2dLayer`] has computed them, in `f32`.
    DeformConv2dField {
        /// (batch, 2 or 3 · offset_groups · taps, out_height, out_width): dy and dx interleaved, then, with 3, the masks.
        offset,
        ;
        /// (batch, offset_groups · taps, out_height, out_width), where a convolution of its own gives them.
        mask,
    }
);

gradients!(
    /// The gradients of a [`DeformConv2dLayer`]'s inputs and parameters.
    DeformConv2dLayerGradients {
        input,
        offset_input,
        flow,
        weight,
        offset_weight,
        bias,
        offset_bias,
        mask_weight,
        mask_bias,
    }
);

/// How large the parameters of a new [`DeformConv2dLayer`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeformConv2dSizes {
    /// Channels of the input.
    pub channels: u32,
    /// Channels of the output.
    pub out_channels: u32,
    /// Rows and columns of taps.
    pub kernel: [u32; 2],
    /// Channels of `offset_input`, where there is one.
    pub offset_channels: Option<u32>,
    /// Whether a convolution of its own gives the masks.
    pub split: bool,
    /// Whether there is a `bias`. The convolutions of offsets and masks always have theirs.
    pub bias: bool,
}

impl DeformConv2dSizes {
    /// Sizes for an input and an output of so many channels; offsets from the input, one convolution for offsets and masks, and a bias.
    pub fn new([channels, out_channels]: [u32; 2], kernel: [u32; 2]) -> Self {
        Self { channels, out_channels, kernel, offset_channels: None, split: false, bias: true }
    }
}

impl DeformConv2dLayer {
    /// The shapes of the parameters.
    ///
    /// # Errors
    /// [`Error::Attribute`] where a size is 0, groups do not divide the channels, or a convolution of masks is asked for where there are
    /// none; [`Error::Shape`] where a parameter has more elements than `u32` counts.
    pub fn parameter_shapes(&self, sizes: &DeformConv2dSizes) -> Result<DeformConv2dParameters<Shape>> {
        let DeformConv2dSizes { channels, out_channels, kernel: [kernel_height, kernel_width], .. } = *sizes;
        let offset_channels = sizes.offset_channels.unwrap_or(channels);
        for (argument, size) in [
            ("channels", channels),
            ("out_channels", out_channels),
            ("kernel", kernel_height),
            ("kernel", kernel_width),
            ("offset_channels", offset_channels),
        ] {
            positive(argument, size)?;
        }
        divides("groups", self.groups, channels, "input")?;
        divides("groups", self.groups, out_channels, "output")?;
        divides("offset_groups", self.offset_groups, channels, "input")?;
        if sizes.split && self.mask == Mask::None {
            return Err(Error::attribute("split", "split is true; a layer of version 1 has 0 masks to compute apart"));
        }
        let points = self.offset_groups.saturating_mul(kernel_height).saturating_mul(kernel_width);
        let offset_planes = self.planes_per_point(sizes.split).saturating_mul(points);
        let kernel = |out_channels, channels| [out_channels, channels, kernel_height, kernel_width].into();
        let shapes = DeformConv2dParameters {
            weight: kernel(out_channels, channels / self.groups),
            offset_weight: kernel(offset_planes, offset_channels),
            bias: sizes.bias.then_some([out_channels].into()),
            offset_bias: Some([offset_planes].into()),
            mask_weight: sizes.split.then_some(kernel(points, offset_channels)),
            mask_bias: sizes.split.then_some([points].into()),
        };
        super::check_parameters(shapes.named())?;
        Ok(shapes)
    }

    /// The parameters that training begins with, as the papers and mmcv have them: those of offsets and masks are 0, so is the bias, and
    /// the weight is drawn evenly between two bounds, ± sqrt(6 / terms) in version 1, where `terms` are those of an output element, and
    /// ± 1 / sqrt(channels · taps) in version 2. `uniform` gives numbers between 0 and 1; 1 excluded.
    ///
    /// # Errors
    /// [`Error::Attribute`] where a size is 0, groups do not divide the channels, or a convolution of masks is asked for where there are
    /// none; [`Error::Shape`] where a parameter has more elements than `u32` counts.
    pub fn initial(
        &self,
        sizes: &DeformConv2dSizes,
        mut uniform: impl FnMut() -> f32,
    ) -> Result<DeformConv2dParameters<(Shape, Vec<f32>)>> {
        let shapes = self.parameter_shapes(sizes)?;
        let [_, channels, kernel_height, kernel_width] = extents("weight", shapes.weight, WEIGHT)?;
        let terms = [channels, kernel_height, kernel_width].into_iter().map(f64::from).product::<f64>();
        let bound = match self.mask {
            Mask::None => (6.0 / terms).sqrt(),
            Mask::Sigmoid | Mask::TwoSigmoid => (terms * f64::from(self.groups)).sqrt().recip(),
        } as f32;
        let mut parameters = shapes.map(|&shape| (shape, vec![0.0; shape.elements() as usize]));
        parameters.weight.1.fill_with(|| bound * (2.0 * uniform() - 1.0));
        Ok(parameters)
    }

    /// The deformable convolution within.
    pub(crate) fn convolution(&self, offset_layout: OffsetLayout) -> DeformConv2d {
        let Self { stride, padding, dilation, groups, offset_groups, border, edge_derivative, .. } = *self;
        DeformConv2d { stride, padding, dilation, groups, offset_groups, border, edge_derivative, offset_layout }
    }

    /// Channels of the offset convolution for each sampling point.
    fn planes_per_point(&self, split: bool) -> u32 {
        if self.mask == Mask::None || split { 2 } else { 3 }
    }

    /// The mistake of an offset convolution with this many channels for so many points: the layer that would have them, where this one has
    /// others.
    pub(crate) fn other_version(&self, planes: u32, points: u64, split: bool) -> Option<String> {
        let (other, layer) = match self.planes_per_point(split) {
            2 => (3, "a layer whose offset_weight gives the masks too (Mask::Sigmoid or Mask::TwoSigmoid)"),
            _ => (2, "a layer without masks (Mask::None), or with a mask_weight"),
        };
        let fits = points > 0 && u64::from(planes) == points.saturating_mul(other);
        fits.then(|| format!("{planes} would fit {layer}"))
    }
}

/// The elementwise functions of a tensor that a convolution of a layer has written: planes of offsets, then planes of masks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OffsetField {
    pub(crate) batch: u32,
    pub(crate) planes: u32,
    pub(crate) pixels: u32,
    /// The planes that are offsets; the others are masks.
    pub(crate) offset_planes: u32,
    /// The offsets' limit; 0 for none.
    pub(crate) limit: f32,
    /// The factor of the sigmoid.
    pub(crate) mask_scale: f32,
    /// Planes of the flow, 0 where there is none, or where the tensor has no offsets.
    pub(crate) flow_planes: u32,
}

impl OffsetField {
    /// The planes of offsets that share a flow.
    pub(crate) fn planes_per_flow(&self) -> u32 {
        self.offset_planes.checked_div(self.flow_planes).map_or(self.planes, |planes| planes * 2)
    }

    /// The planes that are changed.
    pub(crate) fn changed(&self) -> std::ops::Range<u32> {
        let kept = self.limit == 0.0 && self.flow_planes == 0;
        if kept { self.offset_planes..self.planes } else { 0..self.planes }
    }

    /// The planes whose gradients are changed.
    pub(crate) fn curved(&self) -> std::ops::Range<u32> {
        if self.limit == 0.0 { self.offset_planes..self.planes } else { 0..self.planes }
    }
}

/// A checked layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeformConv2dLayerGeometry {
    pub(crate) offset_conv: Conv2dGeometry,
    pub(crate) mask_conv: Option<Conv2dGeometry>,
    pub(crate) fields: DeformConv2dField<OffsetField>,
    pub(crate) convolution: DeformConv2dGeometry,
    pub(crate) shapes: DeformConv2dLayerInputs<Shape>,
}

impl DeformConv2dLayerGeometry {
    /// Checks a layer's attributes and the shapes of its inputs and parameters.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`], with the two figures that disagree.
    pub fn new(op: &DeformConv2dLayer, inputs: &DeformConv2dLayerInputs<Shape>) -> Result<Self> {
        let parameters = &inputs.parameters;
        let DeformConv2dParameters { weight, offset_weight, bias, offset_bias, mask_weight, mask_bias } = *parameters;
        let limit = op.offset_limit.unwrap_or(0.0);
        if op.offset_limit.is_some() && !(limit > 0.0 && limit.is_finite()) {
            let message = format!("offset_limit is {limit}; a number above 0 is needed");
            return Err(Error::attribute("offset_limit", message));
        }
        match (op.mask, mask_weight, mask_bias) {
            (Mask::None, Some(shape), _) => {
                let message = format!("mask_weight ({shape}) was given; a layer of version 1 has 0 masks");
                return Err(Error::shape("mask_weight", message));
            }
            (_, None, Some(shape)) => {
                let message =
                    format!("mask_bias ({shape}) was given without a mask_weight, of 1 mask channel at least");
                return Err(Error::shape("mask_bias", message));
            }
            _ => {}
        }

        let offset_input = inputs.offset_input.unwrap_or(inputs.input);
        let conv = |[input, weight, bias]: [&'static str; 3], weight_shape, bias_shape| {
            let window = Conv2d { stride: op.stride, padding: op.padding, dilation: op.dilation, groups: 1 };
            let inputs = Conv2dInputs { input: offset_input, weight: weight_shape, bias: bias_shape };
            Conv2dGeometry::new(&window, &inputs)
                .map_err(|error| renamed(error, &[("input", input), ("weight", weight), ("bias", bias)]))
        };
        let read = if inputs.offset_input.is_some() { "offset_input" } else { "input" };
        let offset_conv = conv([read, "offset_weight", "offset_bias"], offset_weight, offset_bias)?;
        let mask_conv =
            mask_weight.map(|weight| conv([read, "mask_weight", "mask_bias"], weight, mask_bias)).transpose()?;

        let planes = offset_conv.out_channels;
        let [_, _, kernel_height, kernel_width] = extents("weight", weight, WEIGHT)?;
        let points = [op.offset_groups, kernel_height, kernel_width].into_iter().map(u64::from);
        let points = points.fold(1, u64::saturating_mul);
        if let Some(version) = op.other_version(planes, points, mask_conv.is_some()) {
            let needs = points.saturating_mul(op.planes_per_point(mask_conv.is_some()).into());
            let message = format!("offset_weight has {planes} output channels; the layer needs {needs}; {version}");
            return Err(Error::shape("offset_weight", message));
        }
        let joint = op.mask != Mask::None && mask_conv.is_none();
        let convolution = op.convolution(if joint { OffsetLayout::Joint } else { OffsetLayout::Separate });
        let (offset, mask) = (offset_conv.output_shape(), mask_conv.map(|conv| conv.output_shape()));
        let convolution = DeformConv2dGeometry::new(
            &convolution,
            &DeformConv2dInputs { input: inputs.input, offset, mask, weight, bias },
        )
        .map_err(|error| renamed(error, &[("offset", "offset_weight"), ("mask", "mask_weight")]))?;

        let points = convolution.deformation.points(&convolution.conv2d.im2col);
        let flow_planes = inputs.flow.map(|flow| Self::flow_planes(&convolution, flow)).transpose()?;
        let field = |conv: &Conv2dGeometry, offset_planes, flow_planes| OffsetField {
            batch: conv.im2col.batch,
            planes: conv.out_channels,
            pixels: conv.im2col.out_pixels(),
            offset_planes,
            limit,
            mask_scale: op.mask.scale(),
            flow_planes,
        };
        let fields = DeformConv2dField {
            offset: field(&offset_conv, 2 * points, flow_planes.unwrap_or(0)),
            mask: mask_conv.as_ref().map(|conv| field(conv, 0, 0)),
        };
        Ok(Self { offset_conv, mask_conv, fields, convolution, shapes: *inputs })
    }

    fn flow_planes(convolution: &DeformConv2dGeometry, flow: Shape) -> Result<u32> {
        let im2col = convolution.conv2d.im2col;
        let [batch, planes, height, width] = extents("flow", flow, NCHW)?;
        let or_channels_last = |error: Error| error.perhaps(likely::channels_last("flow", flow, 2));
        expect("flow", "images", batch, im2col.batch.into(), "the input's batch is")?;
        expect("flow", "rows", height, im2col.out_height.into(), "the output's height is").map_err(or_channels_last)?;
        expect("flow", "columns", width, im2col.out_width.into(), "the output's width is").map_err(or_channels_last)?;
        let groups = convolution.deformation.offset_groups;
        if !planes.is_multiple_of(2) {
            let message = format!("flow has {planes} channels; dx and dy of each flow need a multiple of 2");
            return Err(or_channels_last(Error::shape("flow", message)));
        }
        if !groups.is_multiple_of(planes / 2) {
            let flows = planes / 2;
            let message = format!(
                "flow has {planes} channels, which makes {flows} flows; they do not divide {groups} offset groups"
            );
            return Err(Error::shape("flow", message));
        }
        Ok(planes)
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> DeformConv2dLayerInputs<Shape> {
        self.shapes
    }

    /// (batch, out_channels, out_height, out_width)
    pub fn output_shape(&self) -> Shape {
        self.convolution.output_shape()
    }

    /// The shapes of offsets and masks.
    pub fn field_shapes(&self) -> DeformConv2dField<Shape> {
        DeformConv2dField {
            offset: self.offset_conv.output_shape(),
            mask: self.mask_conv.map(|conv| conv.output_shape()),
        }
    }
}

/// An error of a part of the layer, under the argument's name in the layer.
pub(super) fn renamed(error: Error, names: &[(&str, &'static str)]) -> Error {
    match error {
        Error::Shape { argument, message } => match names.iter().find(|(part, _)| *part == argument) {
            Some((_, layer)) if *layer != argument => Error::shape(layer, format!("{layer}: {message}")),
            _ => Error::Shape { argument, message },
        },
        error => error,
    }
}

op!(DeformConv2dLayer: DeformConv2dLayerInputs<()> => Output, DeformConv2dLayerGeometry::output_shape);
