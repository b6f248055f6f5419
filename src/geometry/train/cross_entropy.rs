use crate::error::Result;
use crate::geometry::{BATCH, Output, axis, expect, extents, inputs, op};
use crate::shape::Shape;

/// The cross-entropy of the softmax of each row of logits with its label: log(sum of exp(logits)) - logits\[label\].
///
/// A label is a whole number from 0 to classes - 1, and to 2^24 at most, held in any element type. One that is not makes the loss of its
/// row NaN, and the row's gradients; so does a logit that is NaN or infinite, but for a negative infinity, which counts 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CrossEntropy {
    /// The reduction of the rows' losses.
    pub reduction: Reduction,
}

/// Reduction of the losses of the rows of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Reduction {
    /// The loss of each row.
    None,
    /// The mean of the losses; 0 for a batch of 0.
    #[default]
    Mean,
    /// The sum of the losses.
    Sum,
}

inputs!(
    /// The inputs of a [`CrossEntropy`].
    CrossEntropyInputs {
        /// (batch, classes)
        logits,
        /// (batch)
        labels,
    }
);

/// A checked cross-entropy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CrossEntropyGeometry {
    pub(crate) reduction: Reduction,
    pub(crate) batch: u32,
    pub(crate) classes: u32,
}

impl CrossEntropyGeometry {
    /// Checks that there is a label for each row of logits.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) with the two figures that disagree.
    pub fn new(op: &CrossEntropy, shapes: &CrossEntropyInputs<Shape>) -> Result<Self> {
        let [batch, classes] = extents("logits", shapes.logits, [BATCH, axis("classes")])?;
        let [labels] = extents("labels", shapes.labels, [BATCH])?;
        expect("labels", "elements", labels, batch.into(), "the logits' batch is")?;
        Ok(Self { reduction: op.reduction, batch, classes })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> CrossEntropyInputs<Shape> {
        CrossEntropyInputs { logits: [self.batch, self.classes].into(), labels: [self.batch].into() }
    }

    /// (batch) without a reduction, else a scalar.
    pub fn output_shape(&self) -> Shape {
        match self.reduction {
            Reduction::None => [self.batch].into(),
            Reduction::Mean | Reduction::Sum => [].into(),
        }
    }

    /// The factor of each row's loss.
    pub(crate) fn scale(&self) -> f32 {
        match self.reduction {
            Reduction::Mean => (1.0 / f64::from(self.batch.max(1))) as f32,
            Reduction::None | Reduction::Sum => 1.0,
        }
    }
}

op!(CrossEntropy: CrossEntropyInputs<()> => Output, CrossEntropyGeometry::output_shape);
