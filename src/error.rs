//! The one error type, by cause.

/// `Result` with pliant's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Cause of a failure. The text is one sentence with the figures that disagree.
///
/// ```
/// use pliant::{Conv2d, Conv2dInputs, Error, geometry::Conv2dGeometry};
///
/// let shapes = Conv2dInputs { input: [1, 4, 8, 8].into(), weight: [6, 3, 3, 3].into(), bias: None };
/// let error = Conv2dGeometry::new(&Conv2d::default(), &shapes).unwrap_err();
/// assert!(matches!(error, Error::Shape { argument: "weight", .. }));
/// assert_eq!(error.to_string(), "weight takes 3 input channels per group; 4 input channels in 1 group give 4");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor's shape does not fit the problem.
    #[error("{message}")]
    Shape {
        /// The argument at fault.
        argument: &'static str,
        /// The shape that was given and the shape that is needed.
        message: String,
    },
    /// An attribute of an op has a value that it cannot have.
    #[error("{message}")]
    Attribute {
        /// The attribute at fault.
        argument: &'static str,
        /// The value that was given and the values that are possible.
        message: String,
    },
    /// A tensor's element type does not fit.
    #[error("{message}")]
    DType {
        /// The argument at fault.
        argument: &'static str,
        /// The element type that was given and the one that is needed.
        message: String,
    },
    /// An argument lies on another device than the recorder or the plan.
    #[error("{message}")]
    Device {
        /// The argument at fault.
        argument: &'static str,
        /// The device that it lies on and the device that is needed.
        message: String,
    },
    /// A tensor that is written shares memory with another argument.
    #[error("{message}")]
    Aliased {
        /// The tensor that is written.
        argument: &'static str,
        /// The argument that it shares memory with.
        message: String,
    },
    /// The problem is legal, and too large for this device.
    #[error("{message}")]
    Limit {
        /// The argument at fault.
        argument: &'static str,
        /// The amount that is needed and the limit of the device.
        message: String,
    },
    /// This device, this target or this version of pliant cannot do what was asked.
    #[error("{0}")]
    Unsupported(String),
    /// A file is not what its format says.
    #[error("{0}")]
    Malformed(String),
    /// No adapter satisfies the options. The text says how to get one.
    #[error("{0}")]
    NoAdapter(String),
    /// A tensor was asked for its elements before anything that writes them was submitted.
    #[error("{0}")]
    NotSubmitted(String),
    /// The device was lost; make a new [`Gpu`](crate::Gpu).
    #[error("the device was lost: {0}")]
    DeviceLost(String),
    /// The device had no memory for a buffer.
    #[error("out of memory: {0}")]
    OutOfMemory(String),
    /// wgpu refused a call, for the reason that the text gives. A buffer that the caller has mapped or destroyed, or that belongs to another
    /// device, and a tensor that a consuming download is reading, are refused so; anything else is a defect of pliant.
    #[error("wgpu refused a call: {0}")]
    Validation(String),
}

impl Error {
    pub(crate) fn shape(argument: &'static str, message: impl Into<String>) -> Self {
        Self::Shape { argument, message: message.into() }
    }

    pub(crate) fn attribute(argument: &'static str, message: impl Into<String>) -> Self {
        Self::Attribute { argument, message: message.into() }
    }

    pub(crate) fn dtype(argument: &'static str, message: impl Into<String>) -> Self {
        Self::DType { argument, message: message.into() }
    }

    pub(crate) fn device(argument: &'static str, message: impl Into<String>) -> Self {
        Self::Device { argument, message: message.into() }
    }

    pub(crate) fn aliased(argument: &'static str, message: impl Into<String>) -> Self {
        Self::Aliased { argument, message: message.into() }
    }

    pub(crate) fn limit(argument: &'static str, message: impl Into<String>) -> Self {
        Self::Limit { argument, message: message.into() }
    }
}
