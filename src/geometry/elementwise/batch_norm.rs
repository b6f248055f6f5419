use crate::error::{Error, Result};
use crate::geometry::elementwise::binary::BroadcastAxis;
use crate::geometry::{Output, any_rank, axis, expect, extents, gradients, inputs, op};
use crate::shape::{MAX_RANK, Shape};

/// Batch normalisation with fixed statistics, folded: input * scale + shift, by channel. [`BatchNorm::fold`] gives scale and shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BatchNorm;

inputs!(
    /// The inputs of a [`BatchNorm`].
    BatchNormInputs {
        /// (batch, channels, ...)
        input,
        /// (channels)
        scale,
        /// (channels)
        shift,
    }
);

gradients!(
    /// The gradients of a [`BatchNorm`]'s inputs. Scale and shift are inputs: what they were folded from is not differentiated.
    BatchNormGradients {
        input,
        scale,
        shift,
    }
);

/// A checked batch normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchNormGeometry {
    pub(crate) shape: Shape,
    pub(crate) batch: u32,
    pub(crate) channels: u32,
    pub(crate) pixels: u32,
}

impl BatchNorm {
    /// Scale and shift, gamma / sqrt(variance + epsilon) and beta - mean * scale, computed in `f64`.
    ///
    /// ```
    /// let (scale, shift) = pliant::BatchNorm::fold(&[3.0], &[5.0], &[2.0], &[3.0], 1.0)?;
    /// assert_eq!((scale, shift), (vec![1.5], vec![2.0]));
    /// # Ok::<(), pliant::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] where the slices differ in length, [`Error::Attribute`] where variance + epsilon is not positive.
    pub fn fold(
        gamma: &[f32],
        beta: &[f32],
        mean: &[f32],
        variance: &[f32],
        epsilon: f32,
    ) -> Result<(Vec<f32>, Vec<f32>)> {
        for (argument, slice) in [("beta", beta), ("mean", mean), ("variance", variance)] {
            if slice.len() != gamma.len() {
                let message = format!("{argument} has {} channels; gamma has {}", slice.len(), gamma.len());
                return Err(Error::shape(argument, message));
            }
        }
        let mut folded = (Vec::with_capacity(gamma.len()), Vec::with_capacity(gamma.len()));
        for channel in 0..gamma.len() {
            let [gamma, beta, mean, variance] = [gamma, beta, mean, variance].map(|slice| f64::from(slice[channel]));
            let sum = variance + f64::from(epsilon);
            if sum.is_nan() || sum <= 0.0 {
                let message = format!(
                    "variance of channel {channel} is {variance} and epsilon {epsilon}; their sum must be above 0"
                );
                return Err(Error::attribute("variance", message));
            }
            let scale = gamma / sum.sqrt();
            folded.0.push(scale as f32);
            folded.1.push((beta - mean * scale) as f32);
        }
        Ok(folded)
    }
}

impl BatchNormGeometry {
    /// Checks that scale and shift have the input's channels. The input has two axes or more, of which the first may be 0.
    ///
    /// # Errors
    /// [`Error::Shape`] with the two figures that disagree.
    pub fn new(BatchNorm: &BatchNorm, shapes: &BatchNormInputs<Shape>) -> Result<Self> {
        let shape = shapes.input;
        any_rank("input", shape)?;
        let [batch, channels, ref rest @ ..] = *shape.extents() else {
            let message = format!("input ({shape}) has {} axes; at least 2 are needed: batch, channels", shape.rank());
            return Err(Error::shape("input", message));
        };
        for (argument, shape) in [("scale", shapes.scale), ("shift", shapes.shift)] {
            let [has] = extents(argument, shape, [axis("channels")])?;
            expect(argument, "channels", has, channels.into(), "the input's channels are")?;
        }
        Ok(Self { shape, batch, channels, pixels: rest.iter().product() })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> BatchNormInputs<Shape> {
        let channels = [self.channels].into();
        BatchNormInputs { input: self.shape, scale: channels, shift: channels }
    }

    /// The shape of the output: the input's.
    pub fn output_shape(&self) -> Shape {
        self.shape
    }

    /// Batch, channels and pixels, with the strides of the input and of the scale.
    pub(crate) fn axes(&self) -> [BroadcastAxis; MAX_RANK] {
        let Self { batch, channels, pixels, .. } = *self;
        let one = BroadcastAxis { extent: 1, strides: [0; 2] };
        [
            one,
            one,
            one,
            BroadcastAxis { extent: batch, strides: [channels * pixels, 0] },
            BroadcastAxis { extent: channels, strides: [pixels, 1] },
            BroadcastAxis { extent: pixels, strides: [1, 0] },
        ]
    }
}

op!(BatchNorm: BatchNormInputs<()> => Output, BatchNormGeometry::output_shape);
