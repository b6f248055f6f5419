use crate::error::{Error, Result};
use crate::geometry::movement::concat::checked_axis;
use crate::geometry::movement::indexing::{Indexing, along_axis, depth, elements, parts};
use crate::geometry::{BroadcastAxis, Output, any_rank, gradients, inputs, op};
use crate::shape::Shape;

/// Slices of a tensor along an axis, by their indices; 0 where an index is beyond the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Gather {
    /// The axis, counted from the outermost.
    pub axis: u32,
}

/// Elements of a tensor, each by its index along an axis and its own place along the others; 0 where an index is beyond the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct GatherElements {
    /// The axis, counted from the outermost.
    pub axis: u32,
}

/// Slices of a tensor by indices along its first axes, one part of an index for each; 0 where a part is beyond its axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct GatherNd {
    /// Axes in front that data and indices share.
    pub batch: u32,
}

inputs!(
    /// The inputs of a [`Gather`], a [`GatherElements`] or a [`GatherNd`].
    GatherInputs {
        /// Of floats or integers.
        data,
        /// Integers. A negative one counts from the end.
        indices,
    }
);

gradients!(
    /// The gradients of the inputs of a [`Gather`], a [`GatherElements`] or a [`GatherNd`]; indices have none.
    GatherGradients {
        data,
    }
);

macro_rules! geometry {
    ($(#[$doc:meta])* $geometry:ident of $op:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $geometry {
            pub(crate) op: $op,
            pub(crate) shapes: GatherInputs<Shape>,
            pub(crate) output: Shape,
            pub(crate) indexing: Indexing,
        }

        impl $geometry {
            /// Checks attributes and shapes. Only first axes may be 0.
            ///
            /// # Errors
            /// [`Error::Shape`] or [`Error::Attribute`] with the two figures that disagree.
            pub fn new(op: &$op, shapes: &GatherInputs<Shape>) -> Result<Self> {
                let GatherInputs { data, indices } = *shapes;
                any_rank("data", data)?;
                any_rank("indices", indices)?;
                let (output, indexing) = op.indexing(data, indices)?;
                any_rank("output", output)?;
                Ok(Self { op: *op, shapes: *shapes, output, indexing })
            }

            /// The shapes of the inputs.
            pub fn input_shapes(&self) -> GatherInputs<Shape> {
                self.shapes
            }

            /// The shape of the output.
            pub fn output_shape(&self) -> Shape {
                self.output
            }
        }

        op!($op: GatherInputs<()> => Output, $geometry::output_shape);
    };
}

geometry!(
    /// A checked gathering of slices.
    GatherGeometry of Gather
);
geometry!(
    /// A checked gathering of elements.
    GatherElementsGeometry of GatherElements
);
geometry!(
    /// A checked gathering by indices of several parts.
    GatherNdGeometry of GatherNd
);

impl Gather {
    fn indexing(self, data: Shape, indices: Shape) -> Result<(Shape, Indexing)> {
        let axis = checked_axis(self.axis, data)?;
        let (outer, rest) = data.extents().split_at(axis);
        let (extent, inner) = (rest[0], elements(&rest[1..]));
        let output = Shape::new(&[outer, indices.extents(), &rest[1..]].concat())?;
        let axes = [
            BroadcastAxis { extent: elements(outer), strides: [extent * inner, 0] },
            BroadcastAxis { extent: elements(indices.extents()), strides: [0, 1] },
            BroadcastAxis { extent: inner, strides: [1, 0] },
        ];
        Ok((output, Indexing::new(axes, parts(&[extent], inner))))
    }
}

impl GatherElements {
    fn indexing(self, data: Shape, indices: Shape) -> Result<(Shape, Indexing)> {
        let axis = checked_axis(self.axis, data)?;
        Ok((indices, along_axis(axis, data, indices)?))
    }
}

impl GatherNd {
    fn indexing(self, data: Shape, indices: Shape) -> Result<(Shape, Indexing)> {
        let batch = self.batch as usize;
        if batch >= data.rank().min(indices.rank()) {
            let message = format!("batch is {batch}; data ({data}) and indices ({indices}) need an axis more");
            return Err(Error::attribute("batch", message));
        }
        let ((of_data, rest), (of_indices, slots)) =
            (data.extents().split_at(batch), indices.extents().split_at(batch));
        if let Some(axis) = (0..batch).find(|&axis| of_data[axis] != of_indices[axis]) {
            let (has, needs) = (of_indices[axis], of_data[axis]);
            let message = format!("indices ({indices}) has extent {has} along axis {axis}; data ({data}) has {needs}");
            return Err(Error::shape("indices", message));
        }
        let depth = depth(indices, data, rest.len())?;
        let slots = &slots[..slots.len() - 1];
        let (indexed, inner) = rest.split_at(depth);
        let output = Shape::new(&[of_data, slots, inner].concat())?;
        let (each, count, inner) = (elements(rest), elements(slots), elements(inner));
        let depth = depth as u32;
        let axes = [
            BroadcastAxis { extent: elements(of_data), strides: [each, count * depth] },
            BroadcastAxis { extent: count, strides: [0, depth] },
            BroadcastAxis { extent: inner, strides: [1, 0] },
        ];
        Ok((output, Indexing::new(axes, parts(indexed, inner))))
    }
}
