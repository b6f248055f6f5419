//! Choices of a device as text: three lines that say for what they hold, and a line for each problem.

use std::collections::BTreeMap;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{
    Border, Conv2d, Conv2dGeometry, Conv2dInputs, DeformConv2d, DeformConv2dGeometry, DeformConv2dInputs, Im2col,
    Im2colGeometry, OffsetLayout,
};
use crate::gpu::Gpu;
use crate::ops::conv::strategy::choice::Choice;
use crate::ops::conv::strategy::problem::Problem;
use crate::shape::Shape;

impl Gpu {
    /// Returns what [`Plan::tune`](crate::Plan::tune) has found on this device as text, for [`Gpu::set_tuning`] of a later one.
    ///
    /// Three lines name the version of pliant, the adapter, and its driver; a line for each problem follows, in a fixed order.
    pub fn tuning(&self) -> String {
        let header = header(self).map(|[what, value]| format!("{what} {value}\n"));
        let problems = self.choices().into_iter().map(|(problem, choice)| format!("{problem}: {choice}\n"));
        header.into_iter().chain(problems).collect()
    }

    /// Has plans made from now on use what [`Gpu::tuning`] gave, in place of all that this device has found.
    ///
    /// ```no_run
    /// use pliant::{Conv2d, Conv2dInputs, Conv2dPlan, Gpu, Result, TensorSpec};
    ///
    /// async fn tuned(gpu: &Gpu, op: &Conv2d, inputs: &Conv2dInputs<TensorSpec>) -> Result<Conv2dPlan> {
    ///     let file = "pliant-tuning.txt";
    ///     let known = std::fs::read_to_string(file).is_ok_and(|text| gpu.set_tuning(&text).is_ok());
    ///     if !known {
    ///         Conv2dPlan::tune(gpu, op, inputs).await?;
    ///         let _ = std::fs::write(file, gpu.tuning());
    ///     }
    ///     Conv2dPlan::new(gpu, op, inputs)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::Malformed`] with the number of the line that is no line of such a text; [`Error::Unsupported`] where it was found by another
    /// version of pliant, on another adapter or with another driver, and where a choice is not applicable on this device. Then nothing changes.
    pub fn set_tuning(&self, text: &str) -> Result<()> {
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end()));
        for (index, [what, own]) in header(self).into_iter().enumerate() {
            let (number, line) = lines.next().unwrap_or((index + 1, ""));
            let Some(value) = line.strip_prefix(&*what).and_then(|rest| rest.strip_prefix(' ')) else {
                return Err(malformed(number, format!("names no {what}")));
            };
            if value != own.trim_end() {
                let message = format!("the tuning is for {what} {value:?}; this is {what} {own:?}");
                return Err(Error::Unsupported(message));
            }
        }
        let mut choices = BTreeMap::new();
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let (problem, choice) =
                line.split_once(": ").ok_or_else(|| malformed(number, "has no problem with a choice"))?;
            let checked = read(problem)
                .ok_or_else(|| malformed(number, "names no problem"))?
                .map_err(|error| malformed(number, format!("names no problem: {error}")))?;
            let of = Choice::parse(choice).ok_or_else(|| malformed(number, "names no choice"))?;
            of.check(self, &checked).map_err(|error| {
                Error::Unsupported(format!("line {number} of the tuning is not applicable: {error}"))
            })?;
            if choices.insert(problem.to_string(), choice.to_string()).is_some() {
                return Err(malformed(number, "names a problem again"));
            }
        }
        self.keep_choices(choices);
        Ok(())
    }
}

fn malformed(number: usize, why: impl std::fmt::Display) -> Error {
    Error::Malformed(format!("line {number} of the tuning {why}"))
}

/// Version, adapter and driver that a tuning holds for, each as a word and a value.
fn header(gpu: &Gpu) -> [[String; 2]; 3] {
    let info = &gpu.capabilities().info;
    // A name may hold line breaks.
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let adapter =
        format!("{}, vendor {:#x}, device {:#x}, {}", one_line(&info.name), info.vendor, info.device, info.backend);
    let driver = format!("{}, {}", one_line(&info.driver), one_line(&info.driver_info));
    [("pliant", env!("CARGO_PKG_VERSION").to_string()), ("adapter", adapter), ("driver", driver)]
        .map(|(what, value)| [what.to_string(), value])
}

/// The problem that a text names, if it is the name of one; an error where it has no such geometry.
fn read(text: &str) -> Option<Result<Problem>> {
    let words = Words(text.split(' ').collect());
    let [data, weight] = [1, 2].map(|index| words.0.get(index)?.parse::<DType>().ok());
    let op = Conv2d {
        stride: words.numbers("stride")?,
        padding: words.numbers("padding")?,
        dilation: words.numbers("dilation")?,
        groups: words.number("groups")?,
    };
    let shapes = Conv2dInputs {
        input: Shape::from(words.numbers::<4>("input")?),
        weight: Shape::from(words.numbers::<4>("weight")?),
        bias: words.has("bias").then(|| [words.numbers::<4>("weight").unwrap_or_default()[0]].into()),
    };
    let dtypes = [data?, weight?];
    let problem = match *words.0.first()? {
        "conv2d" => Conv2dGeometry::new(&op, &shapes).map(|geometry| Problem { geometry, deformation: None, dtypes }),
        "deform_conv2d" => deformable(&words, &op, &shapes)?.map(|geometry| {
            let DeformConv2dGeometry { conv2d, deformation } = geometry;
            Problem { geometry: conv2d, deformation: Some(deformation), dtypes }
        }),
        _ => return None,
    };
    match problem {
        // There is one name for each.
        Ok(problem) => (problem.to_string() == text).then_some(Ok(problem)),
        Err(error) => Some(Err(error)),
    }
}

fn deformable(words: &Words, op: &Conv2d, shapes: &Conv2dInputs<Shape>) -> Option<Result<DeformConv2dGeometry>> {
    let Conv2d { stride, padding, dilation, groups } = *op;
    let borders = [Border::Zeros, Border::ClampHi, Border::Strict];
    let layouts = [OffsetLayout::Separate, OffsetLayout::Planes, OffsetLayout::Joint];
    let op = DeformConv2d {
        stride,
        padding,
        dilation,
        groups,
        offset_groups: words.number("offset_groups")?,
        border: words.one_of("border", borders)?,
        offset_layout: words.one_of("layout", layouts)?,
        ..DeformConv2d::default()
    };
    let [.., height, width] = words.numbers::<4>("weight")?;
    let window = Im2col { kernel: [height, width], stride, padding, dilation };
    let Conv2dInputs { input, weight, bias } = *shapes;
    let im2col = match Im2colGeometry::new(&window, input) {
        Ok(im2col) => im2col,
        Err(error) => return Some(Err(error)),
    };
    let points = op.offset_groups.saturating_mul(im2col.taps());
    let [out_height, out_width] = im2col.out_extents();
    let planes = |channels: u32| Shape::from([im2col.batch, channels, out_height, out_width]);
    let separate = words.has("mask") && !op.offset_layout.holds_mask();
    let shapes = DeformConv2dInputs {
        input,
        offset: planes(op.offset_layout.channels_per_point().saturating_mul(points)),
        weight,
        mask: separate.then(|| planes(points)),
        bias,
    };
    Some(DeformConv2dGeometry::new(&op, &shapes))
}

/// The words of a problem's name.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    /// The word behind another.
    fn behind(&self, name: &str) -> Option<&'a str> {
        let place = self.0.iter().position(|word| *word == name)?;
        self.0.get(place + 1).copied()
    }

    fn numbers<const N: usize>(&self, name: &str) -> Option<[u32; N]> {
        let numbers: Option<Vec<u32>> = self.behind(name)?.split('x').map(|number| number.parse().ok()).collect();
        numbers?.try_into().ok()
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.behind(name)?.parse().ok()
    }

    fn one_of<T: std::fmt::Debug, const N: usize>(&self, name: &str, all: [T; N]) -> Option<T> {
        let word = self.behind(name)?;
        all.into_iter().find(|value| format!("{value:?}") == word)
    }
}
