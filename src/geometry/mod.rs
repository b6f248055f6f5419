//! Pure arithmetic: attributes and shapes in, a checked problem out.
//!
//! This is the one place where shapes and attributes are refused. Whoever holds a geometry knows that every extent and
//! every product of extents in it fits `u32`, and that the output has pixels (though perhaps no batch). One product is refused
//! later, when it is asked for: the columns of a window, which a convolution never holds at once.

/// Declares what an op reads, for tensors, their specs, their shapes, or slices alike. Optional members stand last, behind the
/// weight, which may be of another type than the rest.
macro_rules! inputs {
    (
        $(#[$doc:meta])* $name:ident, $count:literal {
            $($(#[$field_doc:meta])* $field:ident,)+
            $(| $(#[$weight_doc:meta])* $weight:ident: $w:ident,)?
            $(; $($(#[$optional_doc:meta])* $optional:ident,)+)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name<T $(, $w = T)?> {
            $($(#[$field_doc])* pub $field: T,)+
            $($(#[$weight_doc])* pub $weight: $w,)?
            $($($(#[$optional_doc])* pub $optional: Option<T>,)+)?
        }

        impl<T> $name<T> {
            /// The same structure with `f` applied to each member.
            pub fn map<'a, U>(&'a self, mut f: impl FnMut(&'a T) -> U) -> $name<U> {
                $name {
                    $($field: f(&self.$field),)+
                    $($weight: f(&self.$weight),)?
                    $($($optional: self.$optional.as_ref().map(&mut f),)+)?
                }
            }

            /// The same structure with `f` applied to each member, or the first error.
            ///
            /// # Errors
            /// What `f` gives.
            pub fn try_map<'a, U, E>(
                &'a self,
                mut f: impl FnMut(&'a T) -> std::result::Result<U, E>,
            ) -> std::result::Result<$name<U>, E> {
                Ok($name {
                    $($field: f(&self.$field)?,)+
                    $($weight: f(&self.$weight)?,)?
                    $($($optional: self.$optional.as_ref().map(&mut f).transpose()?,)+)?
                })
            }

            /// The members by name; an optional one that is absent is `None`.
            pub fn named(&self) -> [(&'static str, Option<&T>); $count] {
                [
                    $((stringify!($field), Some(&self.$field)),)+
                    $((stringify!($weight), Some(&self.$weight)),)?
                    $($((stringify!($optional), self.$optional.as_ref()),)+)?
                ]
            }
        }
    };
}

/// Declares the gradients of an op's inputs: each is there where it was asked for and the input was.
macro_rules! gradients {
    ($(#[$doc:meta])* $name:ident { $($field:ident,)+ }) => {
        $(#[$doc])*
        ///
        /// With `()` in place of tensors it names those that are wanted: `ALL` has all that there are, `default()` none.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name<T> {
            $(
                #[doc = concat!("In the shape of `", stringify!($field), "`.")]
                pub $field: Option<T>,
            )+
        }

        impl<T> Default for $name<T> {
            /// None of them.
            fn default() -> Self {
                Self { $($field: None,)+ }
            }
        }

        impl $name<()> {
            /// All that there are: those of inputs that are absent do not count. Any other value must not name these.
            pub const ALL: Self = Self { $($field: Some(()),)+ };

            /// Of what belongs to each input that there is, that of those named here.
            pub(crate) fn of<T>(&self, present: $name<T>) -> crate::error::Result<$name<T>> {
                if *self != Self::ALL {
                    $(if self.$field.is_some() && present.$field.is_none() {
                        return Err(crate::geometry::no_input(concat!("grad_", stringify!($field))));
                    })+
                }
                Ok($name { $($field: self.$field.and(present.$field),)+ })
            }
        }

        impl<T> $name<T> {
            /// The gradients that there are, named after their inputs: `grad_input`.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, &T)> {
                [$((concat!("grad_", stringify!($field)), self.$field.as_ref()),)+]
                    .into_iter()
                    .filter_map(|(name, gradient)| Some((name, gradient?)))
            }

            /// The same structure with `f` applied to each gradient that there is.
            pub fn map<'a, U>(&'a self, mut f: impl FnMut(&'a T) -> U) -> $name<U> {
                $name { $($field: self.$field.as_ref().map(&mut f),)+ }
            }

            /// The same structure with `f` applied to each gradient that there is, or the first error.
            ///
            /// # Errors
            /// What `f` gives.
            pub fn try_map<'a, U, E>(
                &'a self,
                mut f: impl FnMut(&'a T) -> std::result::Result<U, E>,
            ) -> std::result::Result<$name<U>, E> {
                Ok($name { $($field: self.$field.as_ref().map(&mut f).transpose()?,)+ })
            }
        }
    };
}

mod conv;
mod elementwise;
pub(crate) mod likely;
mod matmul;
mod movement;
pub(crate) mod nn;
mod reduce;
mod roi;
mod sample;
mod train;

pub use conv::conv2d::{Conv2d, Conv2dGeometry, Conv2dGradients, Conv2dInputs};
pub use conv::deform::{
    Border, DeformConv2d, DeformConv2dGeometry, DeformConv2dGradients, DeformConv2dInputs, DeformIm2col,
    DeformIm2colGeometry, DeformIm2colInputs, Deformation, EdgeDerivative, OffsetLayout, Planes,
};
pub use conv::im2col::{Im2col, Im2colGeometry};
pub use elementwise::batch_norm::{BatchNorm, BatchNormGeometry, BatchNormGradients, BatchNormInputs};
pub use elementwise::binary::{Binary, BinaryGeometry, BinaryGradients, BinaryInputs};
pub use elementwise::unary::{Unary, UnaryGeometry};
pub use matmul::{Matmul, MatmulGeometry, MatmulGradients, MatmulInputs};
pub use movement::concat::{Concat, ConcatGeometry};
pub use movement::split::{Split, SplitGeometry};
pub use reduce::{GlobalAveragePool, GlobalAveragePoolGeometry};
pub use roi::{
    DeformPsRoiPool, DeformPsRoiPoolGeometry, DeformPsRoiPoolGradients, DeformPsRoiPoolInputs, DeformRoiPool,
    DeformRoiPoolGeometry, DeformRoiPoolGradients, DeformRoiPoolInputs, OffsetGradient, RoiAlign, RoiAlignGeometry,
    RoiAlignGradients, RoiAlignInputs, RoiChannels,
};
pub use sample::{BilinearSample, BilinearSampleGeometry, BilinearSampleGradients, BilinearSampleInputs};
pub use train::cross_entropy::{CrossEntropy, CrossEntropyGeometry, CrossEntropyInputs, Reduction};

pub(crate) use elementwise::binary::BroadcastAxis;
pub(crate) use movement::concat::Sections;
pub(crate) use roi::{FURTHEST, RoiPooling, RoiRule, SampleDerivative};

use crate::error::{Error, Result};
use crate::shape::Shape;

/// A named axis of a tensor: `(name, may be 0)`.
type Axis = (&'static str, bool);

pub(crate) const BATCH: Axis = ("batch", true);

pub(crate) const fn axis(name: &'static str) -> Axis {
    (name, false)
}

/// The four axes of an image tensor.
pub(crate) const NCHW: [Axis; 4] = [BATCH, axis("channels"), axis("height"), axis("width")];

/// The four axes of a convolution's weight.
pub(crate) const WEIGHT: [Axis; 4] =
    [axis("out_channels"), axis("channels"), axis("kernel_height"), axis("kernel_width")];

/// Checks rank, extents and element count of one argument, and hands its extents out.
pub(crate) fn extents<const N: usize>(argument: &'static str, shape: Shape, axes: [Axis; N]) -> Result<[u32; N]> {
    let Ok(extents) = <[u32; N]>::try_from(shape.extents()) else {
        let names: Vec<_> = axes.iter().map(|(name, _)| *name).collect();
        return Err(Error::shape(
            argument,
            format!("{argument} ({shape}) has {} axes; it needs {N}: {}", shape.rank(), names.join(", ")),
        ));
    };
    for ((name, may_be_zero), extent) in axes.into_iter().zip(extents) {
        if extent == 0 && !may_be_zero {
            return Err(Error::shape(
                argument,
                format!("{argument} ({shape}) has {name} of extent 0; at least 1 is needed"),
            ));
        }
    }
    check_elements(argument, shape)?;
    Ok(extents)
}

/// Checks extents and element count of an argument of any rank: its first axis may be 0.
pub(crate) fn any_rank(argument: &'static str, shape: Shape) -> Result<()> {
    if let Some(axis) = shape.extents().iter().skip(1).position(|&extent| extent == 0) {
        return Err(Error::shape(
            argument,
            format!("{argument} ({shape}) has axis {} of extent 0; at least 1 is needed", axis + 1),
        ));
    }
    check_elements(argument, shape)
}

/// Refuses a tensor whose elements cannot be counted in `u32`. A batch of 0 counts as 1, so that products of the other
/// extents fit too.
pub(crate) fn check_elements(argument: &'static str, shape: Shape) -> Result<()> {
    let elements = shape.extents().iter().fold(1u64, |product, &extent| product.saturating_mul(extent.max(1).into()));
    let most = u64::from(u32::MAX);
    if elements > most {
        return Err(Error::shape(
            argument,
            format!("{argument} ({shape}) has {elements} elements; at most {most} are possible"),
        ));
    }
    Ok(())
}

/// Refuses an extent that is not the one the problem needs. `why` says where the need comes from.
pub(crate) fn expect(argument: &'static str, axis: &str, has: u32, needs: u64, why: &str) -> Result<()> {
    if u64::from(has) != needs {
        return Err(Error::shape(argument, format!("{argument} has {has} {axis}; {why} {needs}")));
    }
    Ok(())
}

/// The refusal of a gradient whose input is absent.
pub(crate) fn no_input(gradient: &'static str) -> Error {
    let input = gradient.trim_start_matches("grad_");
    Error::shape(gradient, format!("{gradient} was asked for; the plan was made without {input}"))
}

/// The padded extent beyond which an image is refused: positions are `i32`, and their sums must not overflow.
const MAX_PADDED_EXTENT: u64 = 1 << 29;

/// Refuses an image whose positions could overflow.
pub(crate) fn check_padded_extent(axis: &str, extent: u32, padding: [u32; 2]) -> Result<u64> {
    let padded = u64::from(extent) + u64::from(padding[0]) + u64::from(padding[1]);
    if padded > MAX_PADDED_EXTENT {
        return Err(Error::shape(
            "input",
            format!("the padded input has {axis} {padded}; at most {MAX_PADDED_EXTENT} is possible"),
        ));
    }
    Ok(padded)
}

/// Refuses an attribute of 0.
pub(crate) fn positive(argument: &'static str, value: u32) -> Result<()> {
    if value == 0 {
        return Err(Error::attribute(argument, format!("{argument} is 0; at least 1 is needed")));
    }
    Ok(())
}

/// Refuses channels that groups do not divide.
pub(crate) fn divides(argument: &'static str, groups: u32, channels: u32, of: &str) -> Result<()> {
    positive(argument, groups)?;
    if !channels.is_multiple_of(groups) {
        return Err(Error::attribute(
            argument,
            format!("{argument} is {groups}; it does not divide {channels} {of} channels"),
        ));
    }
    Ok(())
}
