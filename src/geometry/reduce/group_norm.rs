use crate::error::{Error, Result};
use crate::geometry::{Output, any_rank, divides, expect, gradients, inputs, op};
use crate::shape::Shape;

/// Group normalisation, as in torch and ONNX: (x - mean) / sqrt(variance + epsilon) * scale + shift, where mean and variance are those of the
/// elements of a group of channels of an image. As many groups as channels make it instance normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupNorm {
    /// The number of groups, which divides the channels.
    pub groups: u32,
    /// The addend to the variance.
    pub epsilon: f32,
}

impl Default for GroupNorm {
    /// One group, and 1e-5.
    fn default() -> Self {
        Self { groups: 1, epsilon: 1e-5 }
    }
}

inputs!(
    /// The inputs of a [`GroupNorm`].
    GroupNormInputs {
        /// (batch, channels, ...).
        input,
        /// Gamma: (channels).
        scale,
        /// Beta: (channels).
        shift,
    }
);

gradients!(
    /// The gradients of a [`GroupNorm`]'s inputs.
    GroupNormGradients {
        input,
        scale,
        shift,
    }
);

/// A checked group normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupNormGeometry {
    pub(crate) shapes: GroupNormInputs<Shape>,
    pub(crate) epsilon: f32,
    pub(crate) batch: u32,
    pub(crate) groups: u32,
    pub(crate) channels: u32,
    /// The elements of a channel of an image.
    pub(crate) pixels: u32,
}

impl GroupNormGeometry {
    /// Checks that groups divide the channels, and that there are a scale and a shift for each channel. The batch may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`] with the two figures that disagree.
    pub fn new(op: &GroupNorm, shapes: &GroupNormInputs<Shape>) -> Result<Self> {
        let (input, epsilon) = (shapes.input, op.epsilon);
        any_rank("input", input)?;
        let [batch, channels, ref pixels @ ..] = *input.extents() else {
            let message = format!("input ({input}) has {} axes; it needs 2 at least: batch, channels", input.rank());
            return Err(Error::shape("input", message));
        };
        divides("groups", op.groups, channels, "input")?;
        if !(0.0..f32::INFINITY).contains(&epsilon) {
            let message = format!("epsilon is {epsilon}; it must be finite and at least 0");
            return Err(Error::attribute("epsilon", message));
        }
        for (argument, shape) in [("scale", shapes.scale), ("shift", shapes.shift)] {
            let [has] = crate::geometry::extents(argument, shape, [crate::geometry::axis("channels")])?;
            expect(argument, "channels", has, channels.into(), "the input's channels are")?;
        }
        Ok(Self { shapes: *shapes, epsilon, batch, groups: op.groups, channels, pixels: pixels.iter().product() })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> GroupNormInputs<Shape> {
        self.shapes
    }

    /// The shape of the output: the input's.
    pub fn output_shape(&self) -> Shape {
        self.shapes.input
    }
}

op!(GroupNorm: GroupNormInputs<()> => Output, GroupNormGeometry::output_shape);
