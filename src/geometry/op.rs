use std::fmt;

use crate::error::Result;
use crate::geometry::{Members, Of};
use crate::shape::Shape;

/// An op: attributes that, with the shapes of the inputs, make a problem.
///
/// The trait is sealed: what it asks of an op will grow.
pub trait Op: sealed::Sealed + Clone + PartialEq + fmt::Debug + Send + Sync + 'static {
    /// The structure of the inputs.
    type Inputs: Members;
    /// The structure of the outputs.
    type Outputs: Members;
    /// A checked problem.
    type Geometry: Clone + fmt::Debug + Send + Sync + 'static;

    /// Checks attributes and shapes.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) or [`Error::Attribute`](crate::Error::Attribute), with the two figures that disagree.
    fn geometry(&self, shapes: &Of<Self::Inputs, Shape>) -> Result<Self::Geometry>;

    /// The shapes of the inputs of a checked problem.
    fn input_shapes(geometry: &Self::Geometry) -> Of<Self::Inputs, Shape>;

    /// The shapes of the outputs of a checked problem.
    fn output_shapes(geometry: &Self::Geometry) -> Of<Self::Outputs, Shape>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// Implements [`Op`] for attributes whose geometry has `new`, `input_shapes` and a method for the shapes of its outputs.
macro_rules! op {
    ($op:ident: $inputs:ty => $outputs:ty, $geometry:ident :: $output_shapes:ident) => {
        $crate::geometry::op!($op: $inputs => $outputs, $geometry::$output_shapes, |op, shapes| $geometry::new(op, shapes));
    };
    ($op:ident: $inputs:ty => $outputs:ty, $geometry:ident :: $output_shapes:ident, |$this:ident, $shapes:ident| $new:expr) => {
        impl $crate::geometry::op::sealed::Sealed for $op {}

        impl $crate::geometry::Op for $op {
            type Inputs = $inputs;
            type Outputs = $outputs;
            type Geometry = $geometry;

            fn geometry(
                &self,
                $shapes: &$crate::geometry::Of<$inputs, $crate::shape::Shape>,
            ) -> $crate::error::Result<$geometry> {
                let $this = self;
                $new
            }

            fn input_shapes(geometry: &$geometry) -> $crate::geometry::Of<$inputs, $crate::shape::Shape> {
                geometry.input_shapes()
            }

            fn output_shapes(geometry: &$geometry) -> $crate::geometry::Of<$outputs, $crate::shape::Shape> {
                geometry.$output_shapes()
            }
        }
    };
}
pub(crate) use op;
