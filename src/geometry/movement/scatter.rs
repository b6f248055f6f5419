use crate::error::{Error, Result};
use crate::geometry::movement::concat::checked_axis;
use crate::geometry::movement::indexing::{Indexing, along_axis, depth, elements, parts};
use crate::geometry::{BroadcastAxis, Output, any_rank, inputs, op};
use crate::shape::Shape;

/// A tensor with some elements updated, each named by an index along an axis and by the update's own place along the others. An update whose index is
/// beyond the axis is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ScatterElements {
    /// The axis, counted from the outermost.
    pub axis: u32,
    /// How an element and its update are put together. [`ScatterReduction::Replace`] by default.
    pub reduction: ScatterReduction,
}

/// A tensor with some slices updated, named by indices along its first axes, one part of an index for each. An update with a part beyond its axis is left
/// out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ScatterNd {
    /// How an element and its update are put together. [`ScatterReduction::Replace`] by default.
    pub reduction: ScatterReduction,
}

/// How an element and an update of it are put together. Several updates of one element are taken in their order, so that results have the same bits
/// whatever runs beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ScatterReduction {
    /// The update: of several the last.
    #[default]
    Replace,
    /// Their sum; of integers modulo 2^32.
    Add,
    /// Their product; of integers modulo 2^32.
    Mul,
    /// The smaller one; NaN, where one of them is.
    Min,
    /// The larger one; NaN, where one of them is.
    Max,
}

inputs!(
    /// The inputs of a [`ScatterElements`] or a [`ScatterNd`].
    ScatterInputs {
        /// Of floats or integers.
        data,
        /// Integers. A negative one counts from the end.
        indices,
        /// Of floats where the data are, else integers.
        updates,
    }
);

macro_rules! geometry {
    ($(#[$doc:meta])* $geometry:ident of $op:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $geometry {
            pub(crate) op: $op,
            pub(crate) shapes: ScatterInputs<Shape>,
            pub(crate) indexing: Indexing,
        }

        impl $geometry {
            /// Checks attributes and shapes. Only first axes may be 0.
            ///
            /// # Errors
            /// [`Error::Shape`] or [`Error::Attribute`](crate::Error::Attribute) with the two figures that disagree.
            pub fn new(op: &$op, shapes: &ScatterInputs<Shape>) -> Result<Self> {
                let ScatterInputs { data, indices, updates } = *shapes;
                any_rank("data", data)?;
                any_rank("indices", indices)?;
                any_rank("updates", updates)?;
                let (needs, indexing) = op.indexing(data, indices)?;
                if updates != needs {
                    let message = format!("updates is {updates}; data ({data}) and indices ({indices}) need {needs}");
                    return Err(Error::shape("updates", message));
                }
                Ok(Self { op: *op, shapes: *shapes, indexing })
            }

            /// The shapes of the inputs.
            pub fn input_shapes(&self) -> ScatterInputs<Shape> {
                self.shapes
            }

            /// The shape of the output: that of the data.
            pub fn output_shape(&self) -> Shape {
                self.shapes.data
            }
        }

        op!($op: ScatterInputs<()> => Output, $geometry::output_shape);
    };
}

geometry!(
    /// A checked update of elements.
    ScatterElementsGeometry of ScatterElements
);
geometry!(
    /// A checked update of slices.
    ScatterNdGeometry of ScatterNd
);

impl ScatterElements {
    fn indexing(self, data: Shape, indices: Shape) -> Result<(Shape, Indexing)> {
        let axis = checked_axis(self.axis, data)?;
        Ok((indices, along_axis(axis, data, indices)?))
    }
}

impl ScatterNd {
    fn indexing(self, data: Shape, indices: Shape) -> Result<(Shape, Indexing)> {
        let depth = depth(indices, data, data.rank())?;
        let slots = &indices.extents()[..indices.rank() - 1];
        let (indexed, inner) = data.extents().split_at(depth);
        let updates = Shape::new(&[slots, inner].concat())?;
        let inner = elements(inner);
        let axes = [
            BroadcastAxis { extent: elements(slots), strides: [0, depth as u32] },
            BroadcastAxis { extent: inner, strides: [1, 0] },
        ];
        Ok((updates, Indexing::new(axes, parts(indexed, inner))))
    }
}
