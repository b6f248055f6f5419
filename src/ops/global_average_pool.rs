use super::convert::{rounded, widened};
use super::{Contract, bindable, in_pieces, run};
use crate::error::Result;
use crate::geometry::{GlobalAveragePool, GlobalAveragePoolGeometry};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::segment_sums::{Params, SEGMENT_SUMS, segment_sums};

/// A [`GlobalAveragePool`] bound to a device and a shape.
pub struct GlobalAveragePoolPlan {
    contract: Contract<TensorSpec>,
    geometry: GlobalAveragePoolGeometry,
}

/// The elements that a workgroup adds up: a few hundred for each invocation, so that rounding errors stay far below those of
/// one long sum.
const SEGMENT: u32 = 1 << 14;

impl GlobalAveragePoolPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape): see [`GlobalAveragePoolGeometry::new`].
    pub fn new(gpu: &Gpu, op: &GlobalAveragePool, input: TensorSpec) -> Result<Self> {
        let geometry = GlobalAveragePoolGeometry::new(op, input.shape)?;
        let contract = Contract::new(gpu, input, |spec| [("input", Some(spec))], geometry.output_shape())?;
        gpu.compile(&SEGMENT_SUMS)?;
        Ok(Self { contract, geometry })
    }

    /// Records the means into a new tensor (batch, channels, 1, 1).
    ///
    /// # Errors
    /// As [`GlobalAveragePoolPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(&self, recorder: &mut Recorder, input: &Tensor) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, input, &output)?;
        Ok(output)
    }

    /// Records the means into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for.
    pub fn forward_into(&self, recorder: &mut Recorder, input: &Tensor, output: &Tensor) -> Result<()> {
        self.contract.check(recorder, |spec| [("input", Some(spec))], [("input", Some(&input.into()))], output)?;
        let GlobalAveragePoolGeometry { batch, channels, pixels } = self.geometry;
        recorder.op(|recorder| {
            let input = widened(recorder, input)?;
            rounded(recorder, output, |recorder, output| {
                let scale = (1.0 / f64::from(pixels)) as f32;
                sums(recorder, batch * channels, pixels, scale, &input, output)
            })
        })
    }
}

/// Records the sum of each of some planes times `scale`: of segments first, and then of these sums.
fn sums(recorder: &mut Recorder, planes: u32, pixels: u32, scale: f32, input: &Tensor, output: &Tensor) -> Result<()> {
    let length = u64::from(SEGMENT.min(pixels)).min(bindable(recorder.gpu()) / 4).max(1) as u32;
    let segments = pixels.div_ceil(length);
    if segments == 1 {
        return segmented(recorder, planes, pixels, length, scale, input, output);
    }
    let partial = recorder.workspace([planes, segments])?;
    segmented(recorder, planes, pixels, length, 1.0, input, &partial)?;
    sums(recorder, planes, segments, scale, &partial, output)
}

/// Records the sums of segments of `length` elements into (planes, segments), in as many dispatches as the tensors need to be bound.
fn segmented(
    recorder: &mut Recorder,
    planes: u32,
    pixels: u32,
    length: u32,
    scale: f32,
    input: &Tensor,
    output: &Tensor,
) -> Result<()> {
    let all = pixels.div_ceil(length);
    // Several planes are whole.
    in_pieces([0..planes, 0..all], &mut |[planes, segments]| {
        let pixel = |segment: u32| u64::from(segment) * u64::from(length);
        let (first, end) = (pixel(segments.start), pixel(segments.end).min(pixels.into()));
        let of = |plane: u32, each: u32| u64::from(plane) * u64::from(each);
        let last = planes.end - 1;
        let input = input.part("input", of(planes.start, pixels) + first..of(last, pixels) + end)?;
        let range = of(planes.start, all) + u64::from(segments.start)..of(last, all) + u64::from(segments.end);
        let output = output.part("output", range)?;
        let params = Params {
            planes: planes.end - planes.start,
            pixels: (end - first) as u32,
            segments: segments.end - segments.start,
            length,
            scale: scale.to_bits(),
            ..Default::default()
        };
        let elements = u64::from(params.planes) * u64::from(params.pixels);
        recorder.gpu().capabilities().check_elements("input", elements)?;
        segment_sums(recorder, params, [&input, &output])
    })
}

impl GlobalAveragePool {
    /// The means, in a new tensor (batch, channels, 1, 1), submitted.
    ///
    /// # Errors
    /// As [`GlobalAveragePoolPlan::new`] and [`GlobalAveragePoolPlan::forward`].
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let (gpu, spec) = (input.gpu(), input.spec());
        let plan = gpu.plan((*self, spec), || GlobalAveragePoolPlan::new(gpu, self, spec))?;
        run(gpu, |recorder| plan.forward(recorder, input))
    }
}
