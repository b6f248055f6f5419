//! A job on a device, and how long its passes take.

use std::time::{Duration, Instant};

use pliant::{
    Argument, DeformConv2dGradients, DeformConv2dInputs, DeformConv2dPlan, Gpu, PackedWeight, Recorder, StageTime,
    Strategy, Tensor, TensorSpec,
};
use pliant_support::problem::{self, Array};

use super::check::Check;
use super::layers::Job;
use super::progress::Progress;
use crate::Failure;

/// How long what a recording holds takes, warm.
pub(crate) struct Times {
    /// From recording to the end of the work, by the clock.
    pub(crate) min: Duration,
    pub(crate) median: Duration,
    /// Time of the recording by the device's timestamps, the sum over its dispatches; `None` where the device has none.
    pub(crate) device: Option<Duration>,
    /// Median time that the host takes to record and submit.
    pub(crate) host_median: Duration,
    pub(crate) dispatches: usize,
    pub(crate) stages: Vec<StageTime>,
}

impl Times {
    /// Times recording, submitting and finishing for about this long.
    pub(crate) async fn new(
        gpu: &Gpu,
        enough: Duration,
        progress: Progress,
        record: impl Fn(&mut Recorder) -> pliant::Result<()>,
    ) -> Result<Self, Failure> {
        /// So many runs at least, of which a slow pass gets fewer: it is timed for five times as long, but for `FEW`.
        const RUNS: usize = 10;
        const FEW: usize = 3;
        let timestamps = gpu.capabilities().timestamps();
        let profiles = |runs: usize| if timestamps { RUNS.min(runs) } else { 1 };

        let (mut host, mut whole) = (Vec::new(), Vec::new());
        let begin = Instant::now();
        while begin.elapsed() < enough
            || whole.len() < FEW
            || (whole.len() < RUNS && begin.elapsed() < enough.saturating_mul(5))
        {
            let start = Instant::now();
            drop(once(gpu, &record)?);
            host.push(start.elapsed());
            gpu.wait()?;
            let taken = start.elapsed();
            whole.push(taken);
            if whole.len() == 1 {
                let within = |time: Duration| time.div_duration_f64(taken).ceil() as usize;
                let runs = FEW.max(RUNS.min(within(enough.saturating_mul(5)))).max(within(enough));
                progress.set_units(runs.saturating_add(profiles(runs)) as u64);
            }
            progress.advance(1);
        }
        host.sort();
        whole.sort();

        let mut recorder = Recorder::new(gpu);
        record(&mut recorder)?;
        let mut stages = recorder.profile().await?;
        let device = if timestamps {
            for _ in 1..profiles(whole.len()) {
                progress.advance(1);
                let again = recorder.profile().await?;
                if seconds(&again) < seconds(&stages) {
                    stages = again;
                }
            }
            Some(Duration::from_secs_f64(seconds(&stages)))
        } else {
            None
        };
        Ok(Self {
            min: whole[0],
            median: whole[whole.len() / 2],
            device,
            host_median: host[host.len() / 2],
            dispatches: recorder.len(),
            stages,
        })
    }

    /// Time that rates are computed from: the smaller of the device's own and the least by the clock.
    pub(crate) fn seconds(&self) -> f64 {
        self.device.map_or(self.min, |device| device.min(self.min)).as_secs_f64()
    }
}

fn seconds(stages: &[StageTime]) -> f64 {
    stages.iter().map(|stage| stage.seconds).sum()
}

/// A hash (FNV-1a) of the bits of tensors.
pub(crate) async fn hash(tensors: impl Iterator<Item = &Tensor>) -> Result<u64, Failure> {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for tensor in tensors {
        for byte in bytemuck::cast_slice::<_, u8>(&problem::elements(tensor).await?) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    Ok(hash)
}

fn once(gpu: &Gpu, record: impl Fn(&mut Recorder) -> pliant::Result<()>) -> pliant::Result<Recorder> {
    let mut recorder = Recorder::new(gpu);
    record(&mut recorder)?;
    recorder.submit()?;
    Ok(recorder)
}

/// One pass, or forward and backward together.
pub(crate) struct Pass {
    /// The first call on a device that has compiled nothing; of forward and backward together, one that has run forward alone.
    pub(crate) first: Duration,
    pub(crate) times: Times,
    /// Beyond inputs, outputs and gradients.
    pub(crate) extra_bytes: u64,
}

/// A job on a device, with its tensors.
pub(crate) struct Run<'a> {
    gpu: &'a Gpu,
    job: &'a Job<'a>,
    plan: DeformConv2dPlan,
    /// How long making the plan took.
    planning: Duration,
    inputs: DeformConv2dInputs<Tensor>,
    grad_output: Tensor,
    output: Tensor,
    gradients: DeformConv2dGradients<Tensor>,
    packed_weight: Option<PackedWeight>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        gpu: &'a Gpu,
        job: &'a Job<'a>,
        strategy: Option<Strategy>,
        packed: bool,
    ) -> pliant::Result<Self> {
        let upload = |array: &Array| array.upload_as(gpu, job.dtype);
        let DeformConv2dInputs { input, offset, mask, weight, bias } = &job.inputs;
        let specs = job.specs();
        let inputs = DeformConv2dInputs {
            input: upload(input)?,
            offset: offset.upload_as(gpu, specs.offset.dtype)?,
            mask: mask.as_ref().map(upload).transpose()?,
            weight: upload(weight)?,
            bias: bias.as_ref().map(upload).transpose()?,
        };
        let grad_output = job.grad_output.upload_as(gpu, job.dtype)?;
        let like = |spec: &TensorSpec| Tensor::new(gpu, spec.shape, spec.dtype);
        let output = like(&grad_output.spec())?;
        let DeformConv2dInputs { input, offset, mask, weight, bias } = specs.try_map(like)?;
        let gradients =
            DeformConv2dGradients { input: Some(input), offset: Some(offset), weight: Some(weight), mask, bias };

        gpu.wait()?;
        let start = Instant::now();
        let plan = DeformConv2dPlan::with_strategy(gpu, &job.layer.op, &specs, strategy)?;
        let planning = start.elapsed();
        let mut recorder = Recorder::new(gpu);
        let packed_weight = packed.then(|| plan.pack_weight(&mut recorder, &inputs.weight)).transpose()?;
        recorder.submit()?;
        gpu.wait()?;
        Ok(Self { gpu, job, plan, planning, inputs, grad_output, output, gradients, packed_weight })
    }

    pub(crate) fn plan(&self) -> &DeformConv2dPlan {
        &self.plan
    }

    fn record_forward(&self, recorder: &mut Recorder) -> pliant::Result<()> {
        let inputs = self.inputs.map(Argument::from);
        let weight = self.packed_weight.as_ref().map_or(inputs.weight, Argument::from);
        let inputs = DeformConv2dInputs { weight, ..inputs };
        self.plan.forward_into(recorder, &inputs, &self.output)
    }

    fn record_forward_backward(&self, recorder: &mut Recorder) -> pliant::Result<()> {
        self.record_forward(recorder)?;
        self.plan.backward_into(recorder, &self.inputs, &self.grad_output, &self.gradients)
    }

    /// Begins to show what is done of the job.
    pub(crate) fn progress(&self, doing: &str) -> Progress {
        Progress::new(format!("{}, {}: {doing}", self.job.layer.name, self.plan.strategy()), 1)
    }

    /// A hash of the bits of output and gradients.
    pub(crate) async fn digest(&self) -> Result<u64, Failure> {
        once(self.gpu, |recorder| self.record_forward_backward(recorder))?;
        hash(std::iter::once(&self.output).chain(self.gradients.named().map(|(_, gradient)| gradient))).await
    }

    /// Times the forward pass, once its output has been found right.
    pub(crate) async fn forward(&self, check: &Check, enough: Duration) -> Result<Pass, Failure> {
        let (first, extra_bytes) = self.first("forward", |recorder| self.record_forward(recorder))?;
        check.verify(self.job, "output", &self.output).await?;
        let times =
            Times::new(self.gpu, enough, self.progress("forward"), |recorder| self.record_forward(recorder)).await?;
        Ok(Pass { first: self.planning + first, times, extra_bytes })
    }

    /// Times both passes together, once the gradients have been found right.
    pub(crate) async fn forward_backward(&self, check: &Check, enough: Duration) -> Result<Pass, Failure> {
        let both = "forward+backward";
        let (first, extra_bytes) = self.first(both, |recorder| self.record_forward_backward(recorder))?;
        for (name, gradient) in self.gradients.named() {
            check.verify(self.job, name, gradient).await?;
        }
        let progress = self.progress(both);
        let times = Times::new(self.gpu, enough, progress, |recorder| self.record_forward_backward(recorder)).await?;
        Ok(Pass { first, times, extra_bytes })
    }

    /// How long a first call takes, and how much memory.
    fn first(
        &self,
        pass: &str,
        record: impl Fn(&mut Recorder) -> pliant::Result<()>,
    ) -> pliant::Result<(Duration, u64)> {
        let _progress = self.progress(&format!("first {pass}"));
        self.gpu.trim();
        let bytes_before = self.gpu.counts().buffer_bytes;
        let start = Instant::now();
        drop(once(self.gpu, record)?);
        self.gpu.wait()?;
        Ok((start.elapsed(), self.gpu.counts().buffer_bytes - bytes_before))
    }
}
