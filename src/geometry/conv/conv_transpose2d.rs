use crate::error::{Error, Result};
use crate::geometry::{
    Conv2dGeometry, Im2col, Im2colGeometry, NCHW, Output, axis, check_elements, check_padded_extent, divides, expect,
    extents, gradients, inputs, op, positive,
};
use crate::shape::Shape;

/// Transposed two-dimensional convolution: what the gradient of a [`Conv2d`](crate::Conv2d)'s input is of that of its output.
///
/// Each input pixel adds the kernel, times its value, to the output, `stride` pixels from that of the pixel before. The output has
/// `stride · (extent - 1) + dilation · (kernel - 1) + 1 + output_padding - padding` rows and columns.
///
/// Pairs are `[height, width]`; padding is `[top, left, bottom, right]`. The kernel's extents are the weight's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvTranspose2d {
    /// Output pixels from the kernel of one input pixel to that of the next.
    pub stride: [u32; 2],
    /// Output pixels that are left out: top, left, bottom, right.
    pub padding: [u32; 4],
    /// Pixels from one tap to the next.
    pub dilation: [u32; 2],
    /// Groups of channels that are convolved apart; divides both channel counts.
    pub groups: u32,
    /// Output pixels added at the bottom and on the right.
    pub output_padding: [u32; 2],
}

impl Default for ConvTranspose2d {
    fn default() -> Self {
        Self { stride: [1, 1], padding: [0; 4], dilation: [1, 1], groups: 1, output_padding: [0; 2] }
    }
}

inputs!(
    /// The inputs of a [`ConvTranspose2d`].
    ConvTranspose2dInputs {
        /// (batch, channels, height, width)
        input,
        /// (channels, out_channels / groups, kernel_height, kernel_width)
        weight,
        ;
        /// (out_channels); absent, it counts 0.
        bias,
    }
);

gradients!(
    /// The gradients of a [`ConvTranspose2d`]'s inputs.
    ConvTranspose2dGradients {
        input,
        weight,
        bias,
    }
);

/// A checked transposed convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvTranspose2dGeometry {
    /// The convolution that leads back, from the output to the input.
    pub(crate) convolution: Conv2dGeometry,
    bias: bool,
}

impl ConvTranspose2dGeometry {
    /// Checks a transposed convolution's attributes and shapes.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`], with the two figures that disagree.
    pub fn new(op: &ConvTranspose2d, shapes: &ConvTranspose2dInputs<Shape>) -> Result<Self> {
        let [batch, channels, height, width] = extents("input", shapes.input, NCHW)?;
        let axes = [axis("channels"), axis("out_channels"), axis("kernel_height"), axis("kernel_width")];
        let [weight_channels, group_out_channels, kernel_height, kernel_width] =
            extents("weight", shapes.weight, axes)?;
        expect("weight", "input channels", weight_channels, channels.into(), "the input's channels are")?;
        let ConvTranspose2d { stride, padding, dilation, groups, output_padding } = *op;
        divides("groups", groups, channels, "input")?;
        let kernel = [kernel_height, kernel_width];
        let mut out = [0; 2];
        for (along, (name, extent)) in [("height", height), ("width", width)].into_iter().enumerate() {
            positive("stride", stride[along])?;
            positive("dilation", dilation[along])?;
            let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
            let whole = product(stride[along], extent - 1)
                .saturating_add(product(dilation[along], kernel[along] - 1))
                .saturating_add(u64::from(output_padding[along]) + 1);
            let padding = [padding[along], padding[along + 2]];
            let Some(left) = whole.checked_sub(padding.map(u64::from).iter().sum()).filter(|&left| left > 0) else {
                let message = format!(
                    "the output would have no pixels: it has {name} {whole} with its padding, of {} and {}",
                    padding[0], padding[1]
                );
                return Err(Error::shape("input", message));
            };
            check_padded_extent(name, left.min(u32::MAX.into()) as u32, padding)?;
            out[along] = left as u32;
        }
        let Some(out_channels) = group_out_channels.checked_mul(groups) else {
            let message = format!(
                "weight has {group_out_channels} output channels for each of {groups} groups; {} are possible",
                u32::MAX
            );
            return Err(Error::shape("weight", message));
        };
        if let Some(bias) = shapes.bias {
            let [channels] = extents("bias", bias, [axis("channels")])?;
            expect("bias", "channels", channels, out_channels.into(), "the weight's output channels are")?;
        }
        let im2col = Im2colGeometry {
            batch,
            channels: out_channels,
            height: out[0],
            width: out[1],
            window: Im2col { kernel, stride, padding, dilation },
            out_height: height,
            out_width: width,
        };
        let convolution = Conv2dGeometry { im2col, out_channels: channels, groups, bias: false };
        let geometry = Self { convolution, bias: shapes.bias.is_some() };
        check_elements("output", geometry.output_shape())?;
        Ok(geometry)
    }

    /// (batch, out_channels, out_height, out_width)
    pub fn output_shape(&self) -> Shape {
        self.convolution.input_shape()
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> ConvTranspose2dInputs<Shape> {
        let bias = self.bias.then_some([self.out_channels()].into());
        ConvTranspose2dInputs { input: self.convolution.output_shape(), weight: self.convolution.weight_shape(), bias }
    }

    /// The channels of the output.
    pub(crate) fn out_channels(&self) -> u32 {
        self.convolution.im2col.channels
    }

    /// Floating-point operations: a multiplication and an addition per weight and input pixel.
    pub fn flops(&self) -> u64 {
        self.convolution.flops()
    }
}

op!(ConvTranspose2d: ConvTranspose2dInputs<()> => Output, ConvTranspose2dGeometry::output_shape);
