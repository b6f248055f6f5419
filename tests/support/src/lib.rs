//! Code that the tests, the examples and the program share.
//!
//! | module | holds |
//! | --- | --- |
//! | [`problem`] | a problem of any op with its inputs, to be given to any implementation |
//! | [`random`] | inputs drawn from a seed |
//! | [`compare`] | the one comparison, and the one tolerance |
//! | [`case`](mod@case), [`dialects`] | conformance cases, and the dialects that they enter by |
//! | [`lens`], [`filters`] | a lens over a photo as a deformable convolution, and the filters that look through it |
//! | [`npy`] | NumPy's files |
//! | [`network`], [`network_reference`] | the network of the example `train`, and its definition by the reference's ops |
//! | `unchecked` | problems drawn from bytes, legal or not; with the feature of that name |
//! | `canvas`, `frames`, `chart`, `device`, `output` | pictures, boxes over them, charts, the choice of a device on the command line, and files; with the feature `program` |

#![allow(missing_docs, missing_debug_implementations, reason = "nobody but the project uses it")]

#[cfg(feature = "program")]
pub mod canvas;
pub mod case;
#[cfg(feature = "program")]
pub mod chart;
pub mod compare;
#[cfg(feature = "program")]
pub mod device;
pub mod dialects;
pub mod filters;
#[cfg(feature = "program")]
pub mod frames;
pub mod lens;
pub mod network;
#[allow(clippy::unwrap_used, reason = "of the tests alone")]
pub mod network_reference;
pub mod npy;
#[cfg(feature = "program")]
pub mod output;
pub mod problem;
pub mod random;
#[cfg(feature = "unchecked")]
#[allow(clippy::expect_used, clippy::panic, reason = "of the tests alone")]
pub mod unchecked;

/// A failure to be told to whoever started a program.
pub type Failure = Box<dyn std::error::Error>;
