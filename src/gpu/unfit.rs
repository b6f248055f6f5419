//! Refusal of work that one dispatch cannot do.

use crate::error::Error;

/// Outcome of recording work as one dispatch.
pub(crate) type Fit<T = ()> = Result<T, Unfit>;

/// Reason why work was not recorded as one dispatch.
///
/// A function that returns [`Result`](crate::Result) turns it into an [`Error`] by `?`: nothing around it can halve the work then.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// The work is too large for one dispatch, along the axis that is named, if any; a part of it may fit.
    TooLarge { axis: Option<usize>, error: Error },
    /// An error that a part of the work would meet too.
    Failed(Error),
}

impl Unfit {
    /// Work that is too large, whatever axis it is halved along.
    pub(crate) fn too_large(argument: &'static str, message: impl Into<String>) -> Self {
        Self::TooLarge { axis: None, error: Error::limit(argument, message) }
    }

    /// Names the axis along which halves help.
    pub(crate) fn along(self, axis: usize) -> Self {
        match self {
            Self::TooLarge { error, .. } => Self::TooLarge { axis: Some(axis), error },
            failed @ Self::Failed(_) => failed,
        }
    }
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Unfit> for Error {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::TooLarge { error, .. } | Unfit::Failed(error) => error,
        }
    }
}
