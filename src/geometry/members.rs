//! Structures of the arguments of ops: inputs, outputs and gradients, with a member for each argument, whatever the members are.

use std::convert::Infallible;

/// A structure with a member for each argument of an op: its tensors, their specs, their shapes, or slices for the reference.
///
/// [`Conv2dInputs<()>`](crate::Conv2dInputs) stands for the structure, and `Of<T>` is it with members of type `T`: [`Conv2dInputs<T>`](crate::Conv2dInputs).
pub trait Members: 'static {
    /// The structure with members of type `T`.
    type Of<T>;

    /// Whether it is a list, all of whose members have one name.
    const LIST: bool = false;

    /// The members by name; an optional one that is absent is `None`.
    fn named<'a, T: 'a>(of: &'a Self::Of<T>) -> impl Iterator<Item = (&'static str, Option<&'a T>)>;

    /// The structure with `f` applied to each member and its name, or the first error.
    ///
    /// # Errors
    /// What `f` gives.
    fn try_map_named<'a, T: 'a, U, E>(
        of: &'a Self::Of<T>,
        f: impl FnMut(&'static str, &'a T) -> Result<U, E>,
    ) -> Result<Self::Of<U>, E>;

    /// The structure with the members that `f` gives by name; it is asked for each member once, and of a list until it gives none.
    ///
    /// # Errors
    /// The name of a member that is required, for which `f` gives none.
    fn build<T>(f: impl FnMut(&'static str) -> Option<T>) -> Result<Self::Of<T>, &'static str>;

    /// The structure with `f` applied to each member.
    fn map<'a, T: 'a, U>(of: &'a Self::Of<T>, mut f: impl FnMut(&'a T) -> U) -> Self::Of<U> {
        match Self::try_map_named(of, |_, member| Ok::<_, Infallible>(f(member))) {
            Ok(mapped) => mapped,
            Err(never) => match never {},
        }
    }

    /// The structure with `f` applied to each member, or the first error.
    ///
    /// # Errors
    /// What `f` gives.
    fn try_map<'a, T: 'a, U, E>(
        of: &'a Self::Of<T>,
        mut f: impl FnMut(&'a T) -> Result<U, E>,
    ) -> Result<Self::Of<U>, E> {
        Self::try_map_named(of, |_, member| f(member))
    }

    /// The members that there are, by name.
    fn present<'a, T: 'a>(of: &'a Self::Of<T>) -> impl Iterator<Item = (&'static str, &'a T)> {
        Self::named(of).filter_map(|(name, member)| Some((name, member?)))
    }
}

/// The structure `M` with members of type `T`.
pub type Of<M, T> = <M as Members>::Of<T>;

/// Marker of a gradient that is wanted: `DeformConv2dGradients::NONE.weight()` wants the weight's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wanted;

/// The structure of an op that has no such arguments.
#[derive(Debug)]
pub struct Nothing;

impl Members for Nothing {
    type Of<T> = ();

    fn named<'a, T: 'a>((): &'a ()) -> impl Iterator<Item = (&'static str, Option<&'a T>)> {
        std::iter::empty()
    }

    fn try_map_named<'a, T: 'a, U, E>((): &'a (), _: impl FnMut(&'static str, &'a T) -> Result<U, E>) -> Result<(), E> {
        Ok(())
    }

    fn build<T>(_: impl FnMut(&'static str) -> Option<T>) -> Result<(), &'static str> {
        Ok(())
    }
}

/// Declares a structure that is its one member.
macro_rules! one {
    ($($(#[$doc:meta])* $name:ident = $argument:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Members for $name {
            type Of<T> = T;

            fn named<'a, T: 'a>(of: &'a T) -> impl Iterator<Item = (&'static str, Option<&'a T>)> {
                std::iter::once(($argument, Some(of)))
            }

            fn try_map_named<'a, T: 'a, U, E>(
                of: &'a T,
                mut f: impl FnMut(&'static str, &'a T) -> Result<U, E>,
            ) -> Result<U, E> {
                f($argument, of)
            }

            fn build<T>(mut f: impl FnMut(&'static str) -> Option<T>) -> Result<T, &'static str> {
                f($argument).ok_or($argument)
            }
        }
    )+};
}

one! {
    /// The structure of an op with one input.
    Input = "input";
    /// The structure of an op with one output.
    Output = "output";
    /// The structure of the gradient of an [`Input`].
    InputGradient = "grad_input";
    /// The structure of the gradient of logits.
    LogitsGradient = "grad_logits";
}

/// Declares a structure that is a list of any number of members.
macro_rules! list {
    ($($(#[$doc:meta])* $name:ident = $argument:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Members for $name {
            type Of<T> = Vec<T>;

            const LIST: bool = true;

            fn named<'a, T: 'a>(of: &'a Vec<T>) -> impl Iterator<Item = (&'static str, Option<&'a T>)> {
                of.iter().map(|member| ($argument, Some(member)))
            }

            fn try_map_named<'a, T: 'a, U, E>(
                of: &'a Vec<T>,
                mut f: impl FnMut(&'static str, &'a T) -> Result<U, E>,
            ) -> Result<Vec<U>, E> {
                of.iter().map(|member| f($argument, member)).collect()
            }

            fn build<T>(mut f: impl FnMut(&'static str) -> Option<T>) -> Result<Vec<T>, &'static str> {
                Ok(std::iter::from_fn(|| f($argument)).collect())
            }
        }
    )+};
}

list! {
    /// The structure of an op with any number of inputs, in order.
    InputList = "input";
    /// The structure of an op with any number of outputs, in order.
    OutputList = "output";
}

/// The structure of the gradients of an [`InputList`], in their order: `None` for those that are not wanted.
#[derive(Debug)]
pub struct InputListGradients;

impl Members for InputListGradients {
    type Of<T> = Vec<Option<T>>;

    const LIST: bool = true;

    fn named<'a, T: 'a>(of: &'a Vec<Option<T>>) -> impl Iterator<Item = (&'static str, Option<&'a T>)> {
        of.iter().map(|member| ("grad_input", member.as_ref()))
    }

    fn try_map_named<'a, T: 'a, U, E>(
        of: &'a Vec<Option<T>>,
        mut f: impl FnMut(&'static str, &'a T) -> Result<U, E>,
    ) -> Result<Vec<Option<U>>, E> {
        of.iter().map(|member| member.as_ref().map(|member| f("grad_input", member)).transpose()).collect()
    }

    fn build<T>(mut f: impl FnMut(&'static str) -> Option<T>) -> Result<Vec<Option<T>>, &'static str> {
        Ok(std::iter::from_fn(|| f("grad_input")).map(Some).collect())
    }
}

/// Declares the structure of an op's inputs. Optional members stand behind a semicolon, and a structure within it behind a bar.
macro_rules! inputs {
    (
        $(#[$doc:meta])* $name:ident {
            $($(#[$field_doc:meta])* $field:ident,)+
            $(; $($(#[$optional_doc:meta])* $optional:ident,)+)?
            $(| $(#[$inner_doc:meta])* $inner:ident: $structure:ident,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name<T> {
            $($(#[$field_doc])* pub $field: T,)+
            $($($(#[$optional_doc])* pub $optional: Option<T>,)+)?
            $($(#[$inner_doc])* pub $inner: $structure<T>,)?
        }

        impl<T> $name<T> {
            /// Applies `f` to each member.
            pub fn map<'a, U>(&'a self, f: impl FnMut(&'a T) -> U) -> $name<U> {
                <$name<()> as $crate::geometry::Members>::map(self, f)
            }

            /// Applies `f` to each member; the first error ends it.
            ///
            /// # Errors
            /// What `f` gives.
            pub fn try_map<'a, U, E>(
                &'a self,
                f: impl FnMut(&'a T) -> std::result::Result<U, E>,
            ) -> std::result::Result<$name<U>, E> {
                <$name<()> as $crate::geometry::Members>::try_map(self, f)
            }

            /// Borrows each member.
            pub fn as_ref(&self) -> $name<&T> {
                self.map(|member| member)
            }

            /// The members by name; an optional one that is absent is `None`.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, Option<&T>)> {
                <$name<()> as $crate::geometry::Members>::named(self)
            }
        }

        impl $crate::geometry::Members for $name<()> {
            type Of<T> = $name<T>;

            fn named<'a, T: 'a>(of: &'a $name<T>) -> impl Iterator<Item = (&'static str, Option<&'a T>)> {
                let own = [
                    $((stringify!($field), Some(&of.$field)),)+
                    $($((stringify!($optional), of.$optional.as_ref()),)+)?
                ];
                own.into_iter()$(.chain(of.$inner.named()))?
            }

            fn try_map_named<'a, T: 'a, U, E>(
                of: &'a $name<T>,
                mut f: impl FnMut(&'static str, &'a T) -> std::result::Result<U, E>,
            ) -> std::result::Result<$name<U>, E> {
                Ok($name {
                    $($field: f(stringify!($field), &of.$field)?,)+
                    $($($optional: of.$optional.as_ref().map(|member| f(stringify!($optional), member)).transpose()?,)+)?
                    $($inner: <$structure<()> as $crate::geometry::Members>::try_map_named(&of.$inner, f)?,)?
                })
            }

            fn build<T>(
                mut f: impl FnMut(&'static str) -> Option<T>,
            ) -> std::result::Result<$name<T>, &'static str> {
                Ok($name {
                    $($field: f(stringify!($field)).ok_or(stringify!($field))?,)+
                    $($($optional: f(stringify!($optional)),)+)?
                    $($inner: <$structure<()> as $crate::geometry::Members>::build(f)?,)?
                })
            }
        }
    };
}
pub(crate) use inputs;

/// Declares the structure of the gradients of an op's inputs: each is there where it was asked for and the input was.
macro_rules! gradients {
    ($(#[$doc:meta])* $name:ident { $($field:ident,)+ }) => {
        $(#[$doc])*
        ///
        /// With [`Wanted`](crate::Wanted) in place of tensors it names those that are wanted, from `NONE` on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name<T> {
            $(
                #[doc = concat!("In the shape of `", stringify!($field), "`.")]
                pub $field: Option<T>,
            )+
        }

        impl<T> Default for $name<T> {
            /// No gradients.
            fn default() -> Self {
                Self { $($field: None,)+ }
            }
        }

        impl $name<$crate::geometry::Wanted> {
            /// No gradients: the start of a chain of methods that name the wanted ones.
            pub const NONE: Self = Self { $($field: None,)+ };

            $(
                #[doc = concat!("These and that of `", stringify!($field), "`.")]
                #[must_use]
                pub const fn $field(mut self) -> Self {
                    self.$field = Some($crate::geometry::Wanted);
                    self
                }
            )+
        }

        impl<T> $name<T> {
            /// The gradients that there are, named after their inputs: `grad_input`.
            pub fn named(&self) -> impl Iterator<Item = (&'static str, &T)> {
                <$name<()> as $crate::geometry::Members>::present(self)
            }

            /// Applies `f` to each gradient that there is.
            pub fn map<'a, U>(&'a self, f: impl FnMut(&'a T) -> U) -> $name<U> {
                <$name<()> as $crate::geometry::Members>::map(self, f)
            }

            /// Applies `f` to each gradient that there is; the first error ends it.
            ///
            /// # Errors
            /// What `f` gives.
            pub fn try_map<'a, U, E>(
                &'a self,
                f: impl FnMut(&'a T) -> std::result::Result<U, E>,
            ) -> std::result::Result<$name<U>, E> {
                <$name<()> as $crate::geometry::Members>::try_map(self, f)
            }
        }

        impl $crate::geometry::Members for $name<()> {
            type Of<T> = $name<T>;

            fn named<'a, T: 'a>(of: &'a $name<T>) -> impl Iterator<Item = (&'static str, Option<&'a T>)> {
                [$((concat!("grad_", stringify!($field)), of.$field.as_ref()),)+].into_iter()
            }

            fn try_map_named<'a, T: 'a, U, E>(
                of: &'a $name<T>,
                mut f: impl FnMut(&'static str, &'a T) -> std::result::Result<U, E>,
            ) -> std::result::Result<$name<U>, E> {
                Ok($name {
                    $($field: of.$field.as_ref().map(|member| f(concat!("grad_", stringify!($field)), member)).transpose()?,)+
                })
            }

            fn build<T>(
                mut f: impl FnMut(&'static str) -> Option<T>,
            ) -> std::result::Result<$name<T>, &'static str> {
                Ok($name { $($field: f(concat!("grad_", stringify!($field))),)+ })
            }
        }
    };
}
pub(crate) use gradients;
