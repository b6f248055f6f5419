//! The ops as other systems state them: foreign attributes in, ours out.
//!
//! Each struct holds one operation's attributes under upstream's names, in upstream's order, with upstream's defaults. Integers
//! are `i64`, and lists are `Vec`s where upstream can be given one of any length, so that what a model holds can be handed over as it is:
//! what upstream refuses by its meaning is refused with a sentence, under upstream's name. Tensors stand in the same structs of inputs
//! everywhere, under our names.
//!
//! - `op(&shapes)` resolves automatic padding, infers groups where upstream does, checks the whole problem, and gives the op in our own
//!   attributes: what a plan is made from.
//! - `forward(&inputs)` is the short way.
//!
//! [`guide::dialects`](crate::guide::dialects) has their rules side by side.
//!
//! | system | deformable convolution | plain convolution |
//! | --- | --- | --- |
//! | torchvision, torch | [`torchvision::DeformConv2d`], [`torchvision::deform_conv2d`] | [`torchvision::Conv2d`], [`torchvision::conv2d`] |
//! | OpenVINO | [`openvino::DeformableConvolution1`], [`openvino::DeformableConvolution8`] | [`openvino::Convolution1`], [`openvino::GroupConvolution1`] |
//! | MindSpore | [`mindspore::DeformableConv2d`], [`mindspore::deformable_conv2d`] | [`mindspore::Conv2d`], [`mindspore::conv2d`] |
//! | ONNX | [`onnx::DeformConv`] | [`onnx::Conv`] |
//! | mmcv | [`mmcv::DeformConv2d`], [`mmcv::ModulatedDeformConv2d`] | torch's |
//!
//! Regions of interest: [`torchvision::RoiAlign`], [`torchvision::PsRoiAlign`], [`mmcv::RoiAlign`], [`mmcv::DeformRoiPool`],
//! [`openvino::DeformablePsRoiPooling1`]. Samples of a grid: [`torch::GridSample`], [`torch::grid_sample`], [`onnx::GridSample`].
//! Sums at points: [`transformers::MultiScaleDeformableAttention`], [`transformers::MultiScaleDeformableAttentionV2`],
//! [`mmcv::MultiScaleDeformableAttention`], [`internimage::Dcnv3`], [`dcnv4::Dcnv4`].
//!
//! What holds for all of them, whatever upstream's text says:
//!
//! - Offset groups are chosen by input channel, over all channels, whatever the groups, as every system's code does.
//! - The output's size is floored, and an output without pixels is refused; torchvision and ONNX Runtime truncate towards zero, which
//!   gives one pixel where the kernel is larger than the padded image by less than the stride.
//! - Limits of implementations are not taken over: a batch may be 0 and need not be divisible by anything, groups and offset groups need
//!   not divide one another, and each tensor may hold any [`DType`](crate::DType), its own.

/// Gives a struct of attributes with `op` its `forward`: that of a convolution, or of the op whose inputs and documentation are given.
macro_rules! forward {
    ($($dialect:ident, $inputs:ident;)+) => {
        forward! { "The convolution, in a new tensor (batch, out_channels, out_height, out_width), submitted." => $($dialect, $inputs;)+ }
    };
    ($gives:literal => $($dialect:ident, $inputs:ident;)+) => {$(
        impl $dialect {
            #[doc = $gives]
            ///
            /// # Errors
            /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute) with the two figures that disagree;
            /// [`Error::Device`](crate::Error::Device) where the tensors lie on several devices; [`Error::Limit`](crate::Error::Limit),
            /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
            pub fn forward<A: crate::ops::ToArgument>(&self, inputs: &$inputs<A>) -> Result<Tensor> {
                self.op(&inputs.map(|input| input.to_spec().shape))?.forward(inputs)
            }
        }
    )+};
}

mod attention;
pub mod dcnv4;
pub mod internimage;
pub mod mindspore;
pub mod mmcv;
pub mod onnx;
pub mod openvino;
pub mod torch;
pub mod torchvision;
pub mod transformers;

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::geometry::{
    Conv2d, Conv2dGeometry, Conv2dInputs, DeformConv2d, DeformConv2dGeometry, DeformConv2dInputs, NCHW, PaddingMode,
    WEIGHT, divides, extents, likely,
};
use crate::shape::Shape;

/// How padding is found, as OpenVINO and ONNX have it.
///
/// The `Same` ways pad so that the output has `ceil(extent / stride)` pixels. An odd pixel of padding goes behind the image in
/// `SameUpper`, in front of it in `SameLower`.
///
/// ```
/// use pliant::dialect::AutoPad;
///
/// assert_eq!("same_upper".parse(), Ok(AutoPad::SameUpper)); // OpenVINO
/// assert_eq!("NOTSET".parse(), Ok(AutoPad::Explicit)); // ONNX
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AutoPad {
    /// The pads are given. ONNX: `NOTSET`.
    #[default]
    Explicit,
    /// The odd pixel behind: bottom and right.
    SameUpper,
    /// The odd pixel in front: top and left.
    SameLower,
    /// No padding.
    Valid,
}

impl fmt::Display for AutoPad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Explicit => "explicit",
            Self::SameUpper => "same_upper",
            Self::SameLower => "same_lower",
            Self::Valid => "valid",
        })
    }
}

/// OpenVINO's names and ONNX's, in any case.
impl FromStr for AutoPad {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "explicit" | "notset" => Ok(Self::Explicit),
            "same_upper" => Ok(Self::SameUpper),
            "same_lower" => Ok(Self::SameLower),
            "valid" => Ok(Self::Valid),
            _ => {
                let message =
                    format!("auto_pad is {name}; explicit (or notset), same_upper, same_lower and valid are known");
                Err(Error::attribute("auto_pad", message))
            }
        }
    }
}

impl AutoPad {
    /// Top, left, bottom, right for a kernel over an image of `[height, width]`; `explicit` gives those of [`AutoPad::Explicit`].
    fn padding(
        self,
        image: [u32; 2],
        kernel: [u32; 2],
        stride: [u32; 2],
        dilation: [u32; 2],
        explicit: impl FnOnce() -> Result<[u32; 4]>,
    ) -> Result<[u32; 4]> {
        let same = |axis: usize| {
            let stride = u64::from(stride[axis]);
            let extent = u64::from(image[axis]);
            let span = u64::from(kernel[axis].saturating_sub(1)) * u64::from(dilation[axis]) + 1;
            let total =
                ((extent.div_ceil(stride).saturating_sub(1)) * stride).saturating_add(span).saturating_sub(extent);
            // What is beyond u32 is beyond the largest padded image, and refused as such.
            let halves = [total / 2, total.div_ceil(2)];
            halves.map(|half| u32::try_from(half).unwrap_or(u32::MAX))
        };
        let [[less_rows, more_rows], [less_columns, more_columns]] = [same(0), same(1)];
        match self {
            Self::Explicit => explicit(),
            Self::Valid => Ok([0; 4]),
            Self::SameUpper => Ok([less_rows, less_columns, more_rows, more_columns]),
            Self::SameLower => Ok([more_rows, more_columns, less_rows, less_columns]),
        }
    }
}

/// An attribute that is at least `least`.
fn at_least(least: u32, argument: &'static str, value: i64) -> Result<u32> {
    u32::try_from(value).ok().filter(|value| *value >= least).ok_or_else(|| {
        let message = if value > 0 {
            format!("{argument} is {value}; at most {} is possible", u32::MAX)
        } else {
            format!("{argument} is {value}; at least {least} is needed")
        };
        Error::attribute(argument, message)
    })
}

/// Strides, dilations, groups: at least 1.
fn count(argument: &'static str, value: i64) -> Result<u32> {
    at_least(1, argument, value)
}

/// Both of a pair, at least 1.
fn counts(argument: &'static str, [height, width]: [i64; 2]) -> Result<[u32; 2]> {
    Ok([count(argument, height)?, count(argument, width)?])
}

/// Padding: at least 0.
fn pixels<const N: usize>(argument: &'static str, values: [i64; N]) -> Result<[u32; N]> {
    let mut pixels = [0; N];
    for (pixel, value) in pixels.iter_mut().zip(values) {
        *pixel = at_least(0, argument, value)?;
    }
    Ok(pixels)
}

/// A list that has as many numbers as `names` lists.
fn exactly<const N: usize>(argument: &'static str, values: &[i64], names: &str) -> Result<[i64; N]> {
    <[i64; N]>::try_from(values).map_err(|_| {
        let plural = if values.len() == 1 { "" } else { "s" };
        let message = format!("{argument} has {} number{plural}; it needs {N}: {names}", values.len());
        Error::attribute(argument, message)
    })
}

const PAIR: &str = "height, width";

/// A number of samples, of which 0 and less ask for as many as there are pixels.
fn sampling_ratio(value: i64) -> Result<u32> {
    at_least(0, "sampling_ratio", value.max(0))
}

/// The value that a word stands for, of three that `system` knows.
fn word<T>(argument: &'static str, given: &str, known: [(&str, T); 3], system: &str) -> Result<T> {
    let [first, second, third] = known.each_ref().map(|(name, _)| *name);
    let message = format!("{argument} is {given}; {system} knows {first}, {second} and {third}");
    let found = known.into_iter().find(|(name, _)| *name == given);
    found.map(|(_, value)| value).ok_or_else(|| Error::attribute(argument, message))
}

/// The padding of a grid's samples, whose names torch and ONNX have in common.
fn padding_mode(given: &str, system: &str) -> Result<PaddingMode> {
    let modes =
        [("zeros", PaddingMode::Zeros), ("border", PaddingMode::Border), ("reflection", PaddingMode::Reflection)];
    word("padding_mode", given, modes, system)
}

/// Refuses an input that the system's operation does not have. `why` says so.
fn absent(argument: &'static str, given: Option<Shape>, why: &str) -> Result<()> {
    match given {
        Some(shape) => Err(Error::shape(argument, format!("{argument} ({shape}) was given; {why}"))),
        None => Ok(()),
    }
}

/// Refuses a kernel size that is not the weight's.
fn same_kernel(argument: &'static str, stated: [i64; 2], [height, width]: [u32; 2]) -> Result<()> {
    if stated != [i64::from(height), i64::from(width)] {
        let message = format!("{argument} is {}x{}; the weight's kernel is {height}x{width}", stated[0], stated[1]);
        return Err(Error::attribute(argument, message));
    }
    Ok(())
}

/// Sizes that attributes are resolved against.
struct Sizes {
    input: Shape,
    channels: u32,
    /// Height and width of the image.
    image: [u32; 2],
    out_channels: u32,
    /// Input channels of one group, as the weight has them.
    group_channels: u32,
    kernel: [u32; 2],
}

impl Sizes {
    fn new(input: Shape, weight: Shape) -> Result<Self> {
        let [_, channels, height, width] = extents("input", input, NCHW)?;
        let [out_channels, group_channels, kernel_height, kernel_width] = extents("weight", weight, WEIGHT)?;
        let kernel = [kernel_height, kernel_width];
        Ok(Self { input, channels, image: [height, width], out_channels, group_channels, kernel })
    }

    /// Groups as an attribute of the system's states them.
    fn groups(&self, argument: &'static str, value: i64) -> Result<u32> {
        let groups = count(argument, value)?;
        divides(argument, groups, self.channels, "input").map_err(|error| error.perhaps(self.channels_last(groups)))?;
        divides(argument, groups, self.out_channels, "output")?;
        Ok(groups)
    }

    /// Whether the input has the channels of so many groups along its last axis.
    fn channels_last(&self, groups: u32) -> Option<String> {
        likely::channels_last("input", self.input, u64::from(self.group_channels) * u64::from(groups))
    }

    /// Offset groups as an attribute of the system's states them.
    fn offset_groups(&self, argument: &'static str, value: i64) -> Result<u32> {
        let groups = count(argument, value)?;
        divides(argument, groups, self.channels, "input").map_err(|error| error.perhaps(self.channels_last(1)))?;
        Ok(groups)
    }
}

/// The deformable convolution, where the geometry takes it.
fn checked(op: DeformConv2d, shapes: &DeformConv2dInputs<Shape>) -> Result<DeformConv2d> {
    DeformConv2dGeometry::new(&op, shapes)?;
    Ok(op)
}

/// The plain convolution, where the geometry takes it.
fn checked_plain(op: Conv2d, shapes: &Conv2dInputs<Shape>) -> Result<Conv2d> {
    Conv2dGeometry::new(&op, shapes)?;
    Ok(op)
}
