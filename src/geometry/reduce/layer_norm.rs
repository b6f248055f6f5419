use crate::error::{Error, Result};
use crate::geometry::{Output, any_rank, gradients, inputs, op, positive};
use crate::shape::Shape;

/// Layer normalisation, as in torch and ONNX: (x - mean) / sqrt(variance + epsilon) * scale + shift, where mean and variance are those of the
/// elements along the last axes; the variance is that of these elements, not an estimate from them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNorm {
    /// The number of axes, the last ones, along which elements are normalised together.
    pub axes: u32,
    /// The addend to the variance.
    pub epsilon: f32,
}

impl Default for LayerNorm {
    /// The last axis alone, and 1e-5.
    fn default() -> Self {
        Self { axes: 1, epsilon: 1e-5 }
    }
}

inputs!(
    /// The inputs of a [`LayerNorm`].
    LayerNormInputs {
        /// Of any rank.
        input,
        ;
        /// Gamma: a factor, in the shape of the last axes; absent, it is 1.
        scale,
        /// Beta: an addend, in the shape of the last axes; absent, it is 0.
        shift,
    }
);

gradients!(
    /// The gradients of a [`LayerNorm`]'s inputs.
    LayerNormGradients {
        input,
        scale,
        shift,
    }
);

/// A checked layer normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNormGeometry {
    pub(crate) shapes: LayerNormInputs<Shape>,
    pub(crate) epsilon: f32,
    /// The elements that are normalised together, and how often.
    pub(crate) elements: u32,
    pub(crate) rows: u32,
}

impl LayerNormGeometry {
    /// Checks that there are so many axes, and that scale and shift have their extents. The input's first axis may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`] with the two figures that disagree.
    pub fn new(op: &LayerNorm, shapes: &LayerNormInputs<Shape>) -> Result<Self> {
        let (input, epsilon) = (shapes.input, op.epsilon);
        any_rank("input", input)?;
        positive("axes", op.axes)?;
        let Some(first) = input.rank().checked_sub(op.axes as usize) else {
            let message = format!("axes is {}; input ({input}) has {} axes", op.axes, input.rank());
            return Err(Error::attribute("axes", message));
        };
        if !(0.0..f32::INFINITY).contains(&epsilon) {
            let message = format!("epsilon is {epsilon}; it must be finite and at least 0");
            return Err(Error::attribute("epsilon", message));
        }
        let (outer, normalised) = input.extents().split_at(first);
        for (argument, shape) in [("scale", shapes.scale), ("shift", shapes.shift)] {
            if let Some(shape) = shape.filter(|shape| shape.extents() != normalised) {
                let needs = Shape::new(normalised)?;
                let message =
                    format!("{argument} is {shape}; the last {} axes of input ({input}) are {needs}", op.axes);
                return Err(Error::shape(argument, message));
            }
        }
        let (elements, rows) = (normalised.iter().product(), outer.iter().product());
        Ok(Self { shapes: *shapes, epsilon, elements, rows })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> LayerNormInputs<Shape> {
        self.shapes
    }

    /// The shape of the output: the input's.
    pub fn output_shape(&self) -> Shape {
        self.shapes.input
    }
}

op!(LayerNorm: LayerNormInputs<()> => Output, LayerNormGeometry::output_shape);
