//! Comparison of a device's results with the reference: a time says nothing where the result is wrong.

use fastrand::Rng;
use pliant::geometry::DeformConv2dGeometry;
use pliant::reference::{self, Reference};
use pliant::{DType, DeformConv2d, DeformConv2dInputs, Shape, Tensor};
use pliant_support::compare::Expected;
use pliant_support::problem::{self, Array, Problem};

use super::layers::Job;
use super::progress::Progress;
use crate::Failure;

/// Above so many floating-point operations a job is checked by samples.
const WHOLE: u64 = 2_000_000_000;
/// The output pixels that are drawn of a large job: of them, all output channels and the gradients of offset and mask.
const PIXELS: usize = 8;
/// The input channels that are drawn: of them, the gradients of input and weight.
const CHANNELS: usize = 2;

/// Expected values of the output and of each gradient.
pub(crate) struct Check {
    expectations: Vec<Expectation>,
}

struct Expectation {
    name: &'static str,
    /// Which elements; all of them where there is no list.
    elements: Option<Vec<usize>>,
    expected: Expected,
}

impl Check {
    /// Works out what is expected: all of it, or of a large job samples, unless `whole` is wanted.
    pub(crate) fn new(job: &Job, flops: u64, backward: bool, whole: bool) -> Result<Self, Failure> {
        let progress = Progress::new(format!("{}: reference", job.layer.name), 1);
        let expectations =
            if whole || flops <= WHOLE { all(job, backward, &progress)? } else { samples(job, backward, &progress)? };
        Ok(Self { expectations })
    }

    /// Compares what is expected of a tensor of this name.
    pub(crate) async fn verify(&self, job: &Job<'_>, name: &str, tensor: &Tensor) -> Result<(), Failure> {
        let all = problem::elements(tensor).await?;
        for expectation in self.expectations.iter().filter(|expectation| expectation.name == name) {
            let Expectation { elements, expected, .. } = expectation;
            let sampled: Option<Vec<_>> =
                elements.as_ref().map(|elements| elements.iter().map(|&element| all[element]).collect());
            let (actual, place) = match &sampled {
                Some(sampled) => (sampled, " sample "),
                None => (&all, ""),
            };
            expected.compare(actual).map_err(|miss| {
                format!("{} is wrong, so its time says nothing: {name}{place}{miss}", job.layer.name)
            })?;
        }
        Ok(())
    }
}

fn all(job: &Job, backward: bool, progress: &Progress) -> Result<Vec<Expectation>, Failure> {
    let problem = Problem::DeformConv2d(job.layer.op, job.inputs.clone());
    let whole = |name, reference, dtype| Expectation {
        name,
        elements: None,
        expected: Expected::of_reference(reference).stored(dtype),
    };
    // Backward has two contractions of the same size.
    progress.set_units(if backward { 3 } else { 1 });
    let mut expectations = vec![whole("output", problem.reference()?, job.dtype)];
    progress.advance(1);
    if backward {
        for (name, gradient) in problem.gradients(&job.grad_output)? {
            expectations.push(whole(name, gradient, stored(job, name)));
        }
    }
    Ok(expectations)
}

/// How the gradient of this name is stored.
fn stored(job: &Job, name: &str) -> DType {
    if name == "grad_offset" { job.specs().offset.dtype } else { job.dtype }
}

fn samples(job: &Job, backward: bool, progress: &Progress) -> Result<Vec<Expectation>, Failure> {
    let mut rng = Rng::with_seed(9);
    let mut expectations = Vec::new();
    let [batch, _, height, width] = extents(&job.grad_output);
    // A pixel is a sum over all input channels, an input channel has its part in all pixels.
    let [of_pixel, of_channel] = [job.layer.input[1] as usize, batch * height * width].map(|units| units as u64);
    let channels = if backward { CHANNELS } else { 0 };
    progress.set_units(PIXELS as u64 * of_pixel + channels as u64 * of_channel);
    for _ in 0..PIXELS {
        let pixel = [batch, height, width].map(|extent| rng.usize(..extent));
        expectations.extend(pixel_expectations(job, pixel, backward)?);
        progress.advance(of_pixel);
    }
    for _ in 0..channels {
        let channel = rng.usize(..job.layer.input[1] as usize);
        expectations.extend(channel_expectations(job, channel)?);
        progress.advance(of_channel);
    }
    Ok(expectations)
}

/// The output at pixel `[image, y, x]`, and the gradients of its own offsets and masks: those of a convolution of that image with one
/// output pixel.
fn pixel_expectations(job: &Job, [n, y, x]: [usize; 3], backward: bool) -> Result<Vec<Expectation>, Failure> {
    let op = job.layer.op;
    let [_, _, height, width] = extents(&job.inputs.input);
    let [_, _, out_height, out_width] = extents(&job.grad_output);
    // The elements of a tensor of planes at the pixel.
    let at_pixel = |array: &Array| -> Vec<usize> {
        let [_, planes, ..] = extents(array);
        (0..planes).map(|plane| ((n * planes + plane) * out_height + y) * out_width + x).collect()
    };
    let pick = |array: &Array| at_pixel(array).into_iter().map(|element| f64::from(array.elements[element])).collect();
    // The one pixel stands at the origin: its offsets lead to where it stood.
    let moved = [y as f64 * f64::from(op.stride[0]), x as f64 * f64::from(op.stride[1])];
    let mut offset: Vec<f64> = pick(&job.inputs.offset);
    offset.iter_mut().enumerate().for_each(|(plane, offset)| *offset += moved[plane % 2]);
    let mask = job.inputs.mask.as_ref().map(pick);
    let image = job.inputs.input.elements.len() / extents(&job.inputs.input)[0];
    let inputs = DeformConv2dInputs {
        input: doubles(&job.inputs.input.elements[n * image..][..image]),
        offset,
        mask,
        weight: doubles(&job.inputs.weight.elements),
        bias: job.inputs.bias.as_ref().map(|bias| doubles(&bias.elements)),
    };
    let one = |array: &Array| Shape::from([1, array.shape.extents()[1], 1, 1]);
    let shapes = DeformConv2dInputs {
        input: Shape::from([1, job.layer.input[1], height as u32, width as u32]),
        offset: one(&job.inputs.offset),
        mask: job.inputs.mask.as_ref().map(one),
        weight: job.inputs.weight.shape,
        bias: job.inputs.bias.as_ref().map(|bias| bias.shape),
    };
    // Beyond the padded image there is no second pixel.
    let [top, left, bottom, right] = op.padding;
    let stride = [height as u32 + top + bottom, width as u32 + left + right];
    let geometry = DeformConv2dGeometry::new(&DeformConv2d { stride, ..op }, &shapes)?;

    let slices = inputs.map(Vec::as_slice);
    let expectation = |name, array: &Array, reference: Reference, dtype| Expectation {
        name,
        elements: Some(at_pixel(array)),
        expected: Expected::of_reference(reference).stored(dtype),
    };
    let output = reference::deform_conv2d(&geometry, &slices)?;
    let mut expectations = vec![expectation("output", &job.grad_output, output, job.dtype)];
    if backward {
        let grad_output: Vec<f64> = pick(&job.grad_output);
        let gradients = reference::deform_conv2d_backward(&geometry, &slices, &grad_output)?;
        let arrays = [Some(&job.inputs.offset), job.inputs.mask.as_ref()];
        let named = [("grad_offset", gradients.offset), ("grad_mask", gradients.mask)];
        for ((name, gradient), array) in named.into_iter().zip(arrays) {
            if let (Some(gradient), Some(array)) = (gradient, array) {
                expectations.push(expectation(name, array, gradient, stored(job, name)));
            }
        }
    }
    Ok(expectations)
}

/// The gradients of one input channel, of its weights and of the biases of its group: those of a convolution of that channel alone.
fn channel_expectations(job: &Job, channel: usize) -> Result<Vec<Expectation>, Failure> {
    let op = job.layer.op;
    let [_, channels, ..] = extents(&job.inputs.input);
    let [out_channels, group_channels, kernel_height, kernel_width] = extents(&job.inputs.weight);
    let taps = kernel_height * kernel_width;
    let offset_group = channel / (channels / op.offset_groups as usize);
    let group_out_channels = out_channels / op.groups as usize;
    let first_out = channel / group_channels * group_out_channels;

    let input = planes(&job.inputs.input, channel, 1);
    let weight: Vec<usize> = (first_out..first_out + group_out_channels)
        .flat_map(|co| (0..taps).map(move |tap| (co * group_channels + channel % group_channels) * taps + tap))
        .collect();
    let bias: Vec<usize> = (first_out..first_out + group_out_channels).collect();
    let pick = |array: &Array, elements: &[usize]| -> Vec<f32> {
        elements.iter().map(|&element| array.elements[element]).collect()
    };
    let of_group = |array: &Array, first, count| {
        let [batch, _, height, width] = extents(array);
        let shape = [batch as u32, count as u32, height as u32, width as u32];
        Array { shape: shape.into(), elements: pick(array, &planes(array, first, count)) }
    };
    let inputs = DeformConv2dInputs {
        input: of_group(&job.inputs.input, channel, 1),
        offset: of_group(&job.inputs.offset, offset_group * 2 * taps, 2 * taps),
        mask: job.inputs.mask.as_ref().map(|mask| of_group(mask, offset_group * taps, taps)),
        weight: Array {
            shape: [group_out_channels as u32, 1, kernel_height as u32, kernel_width as u32].into(),
            elements: pick(&job.inputs.weight, &weight),
        },
        bias: job
            .inputs
            .bias
            .as_ref()
            .map(|array| Array { shape: [group_out_channels as u32].into(), elements: pick(array, &bias) }),
    };
    let grad_output = of_group(&job.grad_output, first_out, group_out_channels);
    let problem = Problem::DeformConv2d(DeformConv2d { groups: 1, offset_groups: 1, ..op }, inputs);
    let elements = |name: &str| match name {
        "grad_input" => Some(input.clone()),
        "grad_weight" => Some(weight.clone()),
        "grad_bias" => Some(bias.clone()),
        // Of these other channels have their part.
        _ => None,
    };
    let gradients = problem.gradients(&grad_output)?.into_iter();
    let expectations = gradients.filter_map(|(name, gradient)| {
        let expected = Expected::of_reference(gradient).stored(stored(job, name));
        Some(Expectation { name, elements: Some(elements(name)?), expected })
    });
    Ok(expectations.collect())
}

fn doubles(elements: &[f32]) -> Vec<f64> {
    elements.iter().map(|&element| f64::from(element)).collect()
}

/// Of a tensor of four axes.
fn extents(array: &Array) -> [usize; 4] {
    let extents = array.shape.extents();
    [0, 1, 2, 3].map(|axis| extents[axis] as usize)
}

/// The elements of `count` planes from the `first` on, of every image.
fn planes(array: &Array, first: usize, count: usize) -> Vec<usize> {
    let [batch, planes, height, width] = extents(array);
    let pixels = height * width;
    (0..batch).flat_map(|n| (n * planes + first) * pixels..(n * planes + first + count) * pixels).collect()
}
