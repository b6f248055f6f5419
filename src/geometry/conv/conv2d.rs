use crate::error::{Error, Result};
use crate::geometry::{
    Im2col, Im2colGeometry, Output, WEIGHT, axis, check_elements, divides, expect, extents, gradients, inputs, likely,
    op,
};
use crate::shape::Shape;

/// Plain two-dimensional convolution (cross-correlation, as every framework has it).
///
/// Pairs are `[height, width]`; padding is `[top, left, bottom, right]`. The kernel's extents are the weight's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Pixels from one window to the next.
    pub stride: [u32; 2],
    /// Pixels of zeros around the image: top, left, bottom, right.
    pub padding: [u32; 4],
    /// Pixels from one tap to the next.
    pub dilation: [u32; 2],
    /// Groups of channels that are convolved apart; divides both channel counts.
    pub groups: u32,
}

impl Default for Conv2d {
    fn default() -> Self {
        Self { stride: [1, 1], padding: [0; 4], dilation: [1, 1], groups: 1 }
    }
}

inputs!(
    /// The inputs of a [`Conv2d`]: tensors, their shapes, or slices for the reference.
    Conv2dInputs {
        /// (batch, channels, height, width)
        input,
        /// (out_channels, channels / groups, kernel_height, kernel_width). A plan also takes a [`PackedWeight`](crate::PackedWeight).
        weight,
        ;
        /// (out_channels); absent, it counts 0.
        bias,
    }
);

gradients!(
    /// The gradients of a [`Conv2d`]'s inputs.
    Conv2dGradients {
        input,
        weight,
        bias,
    }
);

/// A checked convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv2dGeometry {
    pub(crate) im2col: Im2colGeometry,
    pub(crate) out_channels: u32,
    pub(crate) groups: u32,
    pub(crate) bias: bool,
}

impl Conv2dGeometry {
    /// Checks a convolution's attributes and shapes.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`], with the two figures that disagree.
    pub fn new(op: &Conv2d, shapes: &Conv2dInputs<Shape>) -> Result<Self> {
        let [out_channels, group_channels, kernel_height, kernel_width] = extents("weight", shapes.weight, WEIGHT)?;
        let Conv2d { stride, padding, dilation, groups } = *op;
        let window = Im2col { kernel: [kernel_height, kernel_width], stride, padding, dilation };
        let channels_last =
            || likely::channels_last("input", shapes.input, u64::from(group_channels) * u64::from(groups));
        let im2col = Im2colGeometry::new(&window, shapes.input).map_err(|error| error.perhaps(channels_last()))?;

        let channels = im2col.channels;
        divides("groups", groups, channels, "input").map_err(|error| error.perhaps(channels_last()))?;
        let per_group = channels / groups;
        if group_channels != per_group {
            let message = format!(
                "weight takes {group_channels} input channels per group; \
                 {channels} input channels in {groups} group{} give {per_group}",
                if groups == 1 { "" } else { "s" }
            );
            let mistake = channels_last().or_else(|| likely::weight_order(shapes.weight, per_group));
            return Err(Error::shape("weight", message).perhaps(mistake));
        }
        divides("groups", groups, out_channels, "output")?;
        if let Some(bias) = shapes.bias {
            let [channels] = extents("bias", bias, [axis("channels")])?;
            expect("bias", "channels", channels, out_channels.into(), "the weight's output channels are")?;
        }
        let geometry = Self { im2col, out_channels, groups, bias: shapes.bias.is_some() };
        check_elements("output", geometry.output_shape())?;
        Ok(geometry)
    }

    /// (batch, out_channels, out_height, out_width)
    pub fn output_shape(&self) -> Shape {
        let Im2colGeometry { batch, out_height, out_width, .. } = self.im2col;
        [batch, self.out_channels, out_height, out_width].into()
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> Conv2dInputs<Shape> {
        let bias = self.bias.then_some([self.out_channels].into());
        Conv2dInputs { input: self.input_shape(), weight: self.weight_shape(), bias }
    }

    pub(crate) fn input_shape(&self) -> Shape {
        self.im2col.input_shape()
    }

    pub(crate) fn weight_shape(&self) -> Shape {
        let [kernel_height, kernel_width] = self.im2col.window.kernel;
        [self.out_channels, self.group_channels(), kernel_height, kernel_width].into()
    }

    /// Input channels of one group.
    pub(crate) fn group_channels(&self) -> u32 {
        self.im2col.channels / self.groups
    }

    /// Output channels of one group.
    pub(crate) fn group_out_channels(&self) -> u32 {
        self.out_channels / self.groups
    }

    /// Floating-point operations of the contraction: a multiplication and an addition per weight and output pixel.
    pub fn flops(&self) -> u64 {
        let terms = u64::from(self.group_channels()) * u64::from(self.im2col.taps());
        2u64.saturating_mul(self.output_shape().elements()).saturating_mul(terms)
    }
}

op!(Conv2d: Conv2dInputs<()> => Output, Conv2dGeometry::output_shape);
