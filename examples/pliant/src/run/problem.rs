//! The photo under the lens as a deformable convolution, done by a device and by the reference.

use std::ops::Range;
use std::time::Duration;

use image::RgbImage;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pliant::geometry::DeformConv2dGeometry;
use pliant::reference::{self, Reference};
use pliant::{DeformConv2d, DeformConv2dInputs, DeformConv2dPlan, Gpu, Recorder};
use pliant_support::filters::{FILTERS, KERNEL};
use pliant_support::lens::{self, Lens, tap_positions};
use pliant_support::problem::Array;

use super::timing::Times;

/// A deformable convolution of one photo. Its output is as large as the photo.
pub(super) struct Problem {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Pixels from one tap to the next.
    pub(super) spacing: u32,
    op: DeformConv2d,
    inputs: DeformConv2dInputs<Array>,
}

/// How far an output is from the reference.
pub(super) struct Difference {
    pub(super) largest: f64,
    /// Whether rounding in f32 explains it all.
    pub(super) explained: bool,
}

impl Problem {
    /// The photo seen through the lens, by kernels whose taps lie `spacing` pixels apart.
    pub(super) fn new(photo: &RgbImage, lens: &Lens, spacing: u32) -> Self {
        let (width, height) = photo.dimensions();
        let inputs = lens::inputs((photo.as_raw(), 3), [width, height], (lens, spacing), &FILTERS);
        Self { width, height, spacing, op: lens::convolution(spacing), inputs }
    }

    /// Where the taps of output pixel `(y, x)` sample the photo, as `[y, x]`.
    pub(super) fn sampling_positions(&self, y: u32, x: u32) -> Vec<[f32; 2]> {
        let pixels = (self.width * self.height) as usize;
        let pixel = (y * self.width + x) as usize;
        let planes = self.inputs.offset.elements.chunks_exact(2 * pixels);
        tap_positions(y, x, self.spacing)
            .zip(planes)
            .map(|([y, x], planes)| [y as f32 + planes[pixel], x as f32 + planes[pixels + pixel]])
            .collect()
    }

    /// The mask of the middle tap: (height, width).
    pub(super) fn middle_mask(&self) -> &[f32] {
        let pixels = (self.width * self.height) as usize;
        let mask = self.inputs.mask.as_ref().map_or(&[][..], |mask| &mask.elements);
        mask.chunks_exact(pixels).nth((KERNEL * KERNEL / 2) as usize).unwrap_or_default()
    }

    /// Does it on a device: (out_channels, height, width).
    pub(super) async fn run(&self, gpu: &Gpu) -> pliant::Result<(Vec<f32>, Times)> {
        let inputs = self.inputs.try_map(|array| array.upload(gpu))?;
        let plan = DeformConv2dPlan::new(gpu, &self.op, &inputs)?;
        let mut recorder = Recorder::new(gpu);
        let output = plan.forward(&mut recorder, &inputs)?;
        let times = Times::of(&recorder).await?;
        Ok((output.download()?.await?, times))
    }

    /// The output by the reference alone.
    pub(super) fn run_reference(&self) -> pliant::Result<Vec<f32>> {
        let mut output = Vec::new();
        self.for_each_filter("computing", |_, reference| {
            output.extend(reference.value.iter().map(|&value| value as f32))
        })?;
        Ok(output)
    }

    /// Compares an output with the reference: all of it, or of a large one pixels that are evenly spread. Gives how far apart these lie too, in rows
    /// and columns.
    pub(super) fn compare(&self, output: &[f32]) -> pliant::Result<(Difference, u32)> {
        /// The reference does about as many output pixels in two seconds.
        const MOST_PIXELS: f64 = 500_000.0;
        let pixels = f64::from(self.width) * f64::from(self.height);
        let step = (pixels / MOST_PIXELS).sqrt().ceil().max(1.0) as u32;
        let (mut largest, mut explained) = (0.0f64, true);
        self.every(step).for_each_filter("comparing", |channels, reference| {
            let planes = output.chunks_exact((self.width * self.height) as usize);
            let outputs = planes.skip(channels.start).take(channels.len()).flat_map(|plane| self.pick(plane, step));
            for ((output, value), magnitude) in outputs.zip(&reference.value).zip(&reference.magnitude) {
                let difference = (f64::from(output) - value).abs();
                largest = largest.max(difference);
                // Written so that a NaN is not explained.
                explained &= difference <= reference.terms as f64 * f64::from(f32::EPSILON) * magnitude;
            }
        })?;
        Ok((Difference { largest, explained }, step))
    }

    /// This convolution at every `step`th output pixel of every `step`th row.
    fn every(&self, step: u32) -> Self {
        let [width, height] = [self.width, self.height].map(|extent| extent.div_ceil(step));
        let pick = |array: &Array| {
            let planes = array.elements.chunks_exact((self.width * self.height) as usize);
            let shape = [1, planes.len() as u32, height, width].into();
            Array { shape, elements: planes.flat_map(|plane| self.pick(plane, step)).collect() }
        };
        Self {
            width,
            height,
            spacing: self.spacing,
            op: DeformConv2d { stride: [step; 2], ..self.op },
            inputs: DeformConv2dInputs {
                offset: pick(&self.inputs.offset),
                mask: self.inputs.mask.as_ref().map(pick),
                ..self.inputs.clone()
            },
        }
    }

    /// Every `step`th element of every `step`th row of a plane.
    fn pick<'a>(&self, plane: &'a [f32], step: u32) -> impl Iterator<Item = f32> + use<'a> {
        let rows = plane.chunks_exact(self.width as usize).step_by(step as usize);
        rows.flat_map(move |row| row.iter().copied().step_by(step as usize))
    }

    /// Runs the reference filter by filter and hands out each result with its output channels. Shows progress on a terminal
    /// if it takes longer than a second.
    fn for_each_filter(
        &self,
        doing: &'static str,
        mut use_result: impl FnMut(Range<usize>, &Reference),
    ) -> pliant::Result<()> {
        let bar = ProgressBar::with_draw_target(Some(FILTERS.len() as u64), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:40} {pos} of {len} filters") {
            bar.set_style(style);
        }
        bar.set_prefix(format!("{doing} by the reference"));
        let mut channels = 0..0;
        for filter in &FILTERS {
            let (weight, bias) = (filter.weight(), filter.bias());
            let shapes = DeformConv2dInputs {
                weight: [filter.out_channels(), 3, KERNEL, KERNEL].into(),
                bias: Some([filter.out_channels()].into()),
                ..self.inputs.map(|array| array.shape)
            };
            let inputs = DeformConv2dInputs {
                weight: weight.as_slice(),
                bias: Some(bias.as_slice()),
                ..self.inputs.map(|array| array.elements.as_slice())
            };
            let geometry = DeformConv2dGeometry::new(&self.op, &shapes)?;
            channels = channels.end..channels.end + filter.out_channels() as usize;
            use_result(channels.clone(), &reference::deform_conv2d(&geometry, &inputs)?);
            bar.inc(1);
            if bar.is_hidden() && bar.elapsed() > Duration::from_secs(1) {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
        }
        bar.finish_and_clear();
        Ok(())
    }
}
