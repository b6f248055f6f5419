//! Work as data: a list of dispatches, to be submitted.

use std::sync::{Arc, Mutex};

use super::contents::Contents;
use super::kernel::{Pipeline, Variant};
use super::pool::Encoding;
use super::texture::LineCopy;
use super::{
    Binding, Capabilities, Fit, Gpu, Iterations, Lease, Lines, Listed, Loops, Tensor, Texel, Texture, Unfit, lock,
    texture,
};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// An owned list of dispatches over buffer handles, checked as it grows. No pass is open and nothing is borrowed; it may be
/// submitted more than once.
///
/// ```no_run
/// # async fn example(gpu: pliant::Gpu, a: pliant::Tensor, b: pliant::Tensor) -> pliant::Result<()> {
/// use pliant::{Matmul, MatmulInputs, MatmulPlan, Recorder};
///
/// let inputs = MatmulInputs { a: &a, b: &b, bias: None };
/// let plan = MatmulPlan::new(&gpu, &Matmul::default(), &inputs.map(|tensor| tensor.spec()))?;
/// let mut recorder = Recorder::new(&gpu);
/// let product = plan.forward(&mut recorder, &inputs)?;
/// recorder.submit()?;
/// let elements: Vec<f32> = product.download()?.await?;
/// # Ok(())
/// # }
/// ```
pub struct Recorder {
    gpu: Gpu,
    pub(super) dispatches: Vec<Dispatch>,
    workspaces: Workspaces<wgpu::Buffer>,
    textures: Workspaces<wgpu::Texture>,
    encoding: Encoding,
    /// The contents of tensors that no submitted work has written yet and that a dispatch of this recording writes.
    written: Vec<Arc<Contents>>,
    /// Held while the work is submitted in parts, each of which reads workspace that those before it have written.
    pub(super) submitting: Mutex<()>,
    draft: Option<usize>,
}

/// Scratch memory of a recording. Ops run one after another, so each gets what the one before it had.
struct Workspaces<M> {
    leases: Vec<Lease<M>>,
    /// How many leases the op that is being recorded has: they come first.
    taken: usize,
}

impl<M> Workspaces<M> {
    const NONE: Self = Self { leases: Vec::new(), taken: 0 };

    /// The smallest free lease that suits and is large enough, or a new one.
    fn take(
        &mut self,
        size: u64,
        suits: impl Fn(&M) -> bool,
        lease: impl FnOnce() -> Result<Lease<M>>,
    ) -> Result<&Lease<M>> {
        let fits = |lease: &Lease<M>| lease.size() >= size && lease.memory().is_ok_and(&suits);
        let left = self.leases.iter().enumerate().skip(self.taken).filter(|(_, lease)| fits(lease));
        let index = match left.min_by_key(|(_, lease)| lease.size()) {
            Some((index, _)) => index,
            None => {
                self.leases.push(lease()?);
                self.leases.len() - 1
            }
        };
        self.leases.swap(self.taken, index);
        self.taken += 1;
        Ok(&self.leases[self.taken - 1])
    }
}

pub(super) struct Dispatch {
    pub(super) pipeline: Arc<Pipeline>,
    bind_group: wgpu::BindGroup,
    workgroups: [u32; 3],
    work: u64,
    /// The commands that do the same outside of a pass, and faster.
    pub(super) copy: Option<LineCopy>,
}

impl Dispatch {
    fn encode(&self, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y, z] = self.workgroups;
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(x, y, z);
    }

    /// Encodes dispatches: in one pass, but for those that the encoder copies for.
    pub(super) fn encode_all(dispatches: &[Self], encoder: &mut wgpu::CommandEncoder) {
        for run in dispatches.chunk_by(|one, next| one.copy.is_none() && next.copy.is_none()) {
            match run {
                [Self { copy: Some(copy), .. }] => copy.encode(encoder),
                _ => Self::encode_in_pass(run, encoder, None),
            }
        }
    }

    /// Encodes dispatches in a pass of their own.
    pub(super) fn encode_in_pass(
        dispatches: &[Self],
        encoder: &mut wgpu::CommandEncoder,
        timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
    ) {
        let label = timestamp_writes.as_ref().and(dispatches.first()).map(|dispatch| &*dispatch.pipeline.label);
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label, timestamp_writes });
        dispatches.iter().for_each(|dispatch| dispatch.encode(&mut pass));
    }
}

impl Recorder {
    /// An empty recording.
    pub fn new(gpu: &Gpu) -> Self {
        Self {
            gpu: gpu.clone(),
            dispatches: Vec::new(),
            workspaces: Workspaces::NONE,
            textures: Workspaces::NONE,
            encoding: Encoding::default(),
            written: Vec::new(),
            submitting: Mutex::default(),
            draft: None,
        }
    }

    /// A test's way to record many shapes: workspace is taken and ranges of it are bound, and no dispatch is made of them.
    #[doc(hidden)]
    pub fn draft(gpu: &Gpu) -> Self {
        Self { draft: Some(0), ..Self::new(gpu) }
    }

    /// The device it is for.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The number of dispatches.
    pub fn len(&self) -> usize {
        self.draft.unwrap_or(self.dispatches.len())
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands the work to the device and returns at once. Work submitted later runs later.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], or what went wrong on the device since the last call.
    pub fn submit(&self) -> Result<()> {
        // Long work goes in several submissions, since systems with a watchdog kill a long one; but in one where what it was encoded into may
        // run between them.
        let encoded = Arc::strong_count(&self.encoding) > 1;
        let most = if encoded { u64::MAX } else { self.gpu.capabilities().work_per_submission() };
        let submitting = lock(&self.submitting);
        self.gpu.settled(Ok(()))?;
        self.submissions(most).try_for_each(|some| self.submit_some(some))?;
        drop(submitting);
        self.note_written();
        Ok(())
    }

    /// The dispatches, in runs of so much work at most.
    pub(super) fn submissions(&self, most: u64) -> impl Iterator<Item = &[Dispatch]> {
        let mut rest = &self.dispatches[..];
        std::iter::from_fn(move || {
            let mut work = 0u64;
            let fits = |dispatch: &&Dispatch| {
                work = work.saturating_add(dispatch.work);
                work <= most
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (some, others) = rest.split_at_checked(count)?;
            rest = others;
            Some(some)
        })
    }

    /// Notes that the work was submitted or encoded.
    pub(super) fn note_written(&self) {
        self.written.iter().for_each(|contents| contents.write());
    }

    pub(super) fn submit_some(&self, dispatches: &[Dispatch]) -> Result<()> {
        self.gpu.guarded(|| {
            let mut encoder = self.gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            Dispatch::encode_all(dispatches, &mut encoder);
            self.gpu.queue().submit([encoder.finish()]);
        })
    }

    /// Encodes the work into the caller's encoder, in compute passes of its own, and copies between them. It runs when the caller submits that, and the recorder
    /// need not live until then.
    ///
    /// The command buffer keeps the workspace until it has run or is dropped: wgpu tells of the first at a later submission, or when the device
    /// is polled. It must not be submitted in another thread while [`Recorder::profile`] is under way on the same recorder.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        Dispatch::encode_all(&self.dispatches, encoder);
        let encoding = Arc::clone(&self.encoding);
        encoder.on_submitted_work_done(move || drop(encoding));
        self.note_written();
    }

    /// Encodes the work into the caller's open compute pass. It changes the pass's pipeline and its bind group 0. On adapters that run on the CPU
    /// [`Recorder::encode`] is faster: between passes an encoder copies what kernels copy here.
    pub fn encode_pass(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.dispatches.iter().for_each(|dispatch| dispatch.encode(pass));
        let encoding = Arc::clone(&self.encoding);
        pass.on_submitted_work_done(move || drop(encoding));
        self.note_written();
    }

    /// Refuses what lies on another device, where this one cannot read it.
    pub(crate) fn check(&self, argument: &'static str, gpu: &Gpu) -> Result<()> {
        if self.gpu.id() != gpu.id() {
            let message = format!("{argument} is on {gpu:?} and the recorder on another {:?}", self.gpu);
            return Err(Error::device(argument, message));
        }
        Ok(())
    }

    /// Records all of `record`, or, where that fails, nothing.
    pub(crate) fn all<E>(&mut self, record: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<(), E> {
        let before = self.len();
        record(self).inspect_err(|_| self.truncate(before))
    }

    /// Records all of `record` in workspace that is given back, or, where that fails, nothing.
    pub(crate) fn attempt<E>(&mut self, record: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<(), E> {
        self.scratch(|recorder| recorder.all(record))
    }

    /// Forgets all dispatches but the first.
    fn truncate(&mut self, dispatches: usize) {
        self.dispatches.truncate(dispatches);
        self.draft = self.draft.map(|_| dispatches);
    }

    /// Records all of an op, or, where that fails, nothing, between error scopes. Ops may consist of others: these leave it its workspace.
    pub(crate) fn op(&mut self, record: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let gpu = self.gpu.clone();
        self.attempt(|recorder| gpu.guarded(|| record(recorder)).and_then(|recorded| recorded))
    }

    /// A scratch tensor of f32 for the op that is being recorded. It holds whatever was left in it.
    pub(crate) fn workspace(&mut self, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        let size = shape.elements().max(4) * DType::F32.size();
        let lease = self.workspaces.take(size, |_| true, || Lease::workspace(&self.gpu, &self.encoding, size))?;
        Tensor::from_buffer(&self.gpu, lease.memory()?.clone(), 0, shape, DType::F32)
    }

    /// Gives back, to the rest of the op, the workspace that `record` takes.
    pub(crate) fn scratch<T>(&mut self, record: impl FnOnce(&mut Self) -> T) -> T {
        let before = (self.workspaces.taken, self.textures.taken);
        let recorded = record(self);
        (self.workspaces.taken, self.textures.taken) = before;
        recorded
    }

    /// A scratch texture for the op that is being recorded: see [`Recorder::workspace`].
    pub(crate) fn texture(&mut self, texel: Texel, texels: u64) -> Result<Texture> {
        let size = texture::whole_rows(texel, texels.max(1));
        let suits = |texture: &wgpu::Texture| texel.is_of(texture);
        let lease = self.textures.take(size, suits, || Lease::texture(&self.gpu, &self.encoding, texel, size))?;
        Ok(Texture::of(lease.memory()?))
    }

    /// Appends a dispatch of as many workgroups as hold `invocations` invocations, which together write or sample `elements` elements.
    pub(crate) fn dispatch<K: Listed<Params: Loops>>(
        &mut self,
        axes: K::Axes,
        params: &K::Params,
        bindings: &[&Binding],
        invocations: u64,
        elements: u64,
    ) -> Fit {
        let workgroups = invocations.div_ceil(K::workgroup_size(axes).into());
        let work = elements.saturating_mul(Capabilities::WORK_PER_ELEMENT);
        self.dispatch_workgroups::<K>(axes, params, bindings, workgroups, work, params.iterations())
    }

    /// Appends a dispatch of `workgroups` workgroups, numbered by the shader's `linear_workgroup`, which together do
    /// `work`: see [`Capabilities::work_per_dispatch`]. Its loops take `iterations` at most: see [`Loops::iterations`].
    pub(crate) fn dispatch_workgroups<K: Listed>(
        &mut self,
        axes: K::Axes,
        params: &K::Params,
        bindings: &[&Binding],
        workgroups: u64,
        work: u64,
        iterations: Iterations,
    ) -> Fit {
        self.append(Variant::of::<K>(axes), bytemuck::bytes_of(params), bindings, workgroups, work, iterations)
    }

    /// Appends a dispatch that copies lines from a buffer into a texture and does nothing else; where an encoder can, it copies instead.
    pub(crate) fn dispatch_copy<K: Listed<Params: Loops, Axes = Texel>>(
        &mut self,
        params: &K::Params,
        (from, to, lines): (&Binding, &Texture, Lines),
    ) -> Fit {
        let texels = u64::from(lines.count) * u64::from(lines.length);
        let elements = texels * lines.texel.bytes() / DType::F32.size();
        let before = self.dispatches.len();
        self.dispatch::<K>(lines.texel, params, &[from, &to.binding()], texels, elements)?;
        if let Some(dispatch) = self.dispatches.get_mut(before) {
            dispatch.copy = LineCopy::new(from, to, lines);
        }
        Ok(())
    }

    fn append(
        &mut self,
        kernel: Variant,
        params: &[u8],
        bindings: &[&Binding],
        workgroups: u64,
        work: u64,
        iterations: Iterations,
    ) -> Fit {
        if workgroups == 0 {
            return Ok(());
        }
        self.gpu.capabilities().check_iterations(kernel.name, iterations)?;
        let workgroups = self.grid(kernel, workgroups)?;
        if let Some(dispatches) = &mut self.draft {
            *dispatches += 1;
            return Ok(());
        }
        let pipeline = self.gpu.pipeline(kernel)?;
        let params = self.gpu.params(params)?;
        let counter = self.gpu.loop_counters().map(|counters| counters.counter(&pipeline.label, iterations.taken));
        let entries = std::iter::once(&params)
            .chain(bindings.iter().copied())
            .map(|binding| binding.resource())
            .chain(counter.iter().map(wgpu::Buffer::as_entire_binding));
        let entries: Vec<_> = entries
            .enumerate()
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding: binding as u32, resource })
            .collect();
        // Its errors come out at the end of the op.
        let bind_group = self.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&pipeline.label),
            layout: &pipeline.layout,
            entries: &entries,
        });
        let written =
            pipeline.written.iter().filter_map(|&binding| bindings.get(binding as usize - 1)?.contents.as_ref());
        for contents in written {
            if contents.record() && !self.written.iter().any(|known| Arc::ptr_eq(known, contents)) {
                self.written.push(Arc::clone(contents));
            }
        }
        self.dispatches.push(Dispatch { pipeline, bind_group, workgroups, work, copy: None });
        Ok(())
    }

    /// Folds a count of workgroups into a grid that the device takes.
    fn grid(&self, kernel: Variant, workgroups: u64) -> Fit<[u32; 3]> {
        let most = u64::from(self.gpu.capabilities().limits.max_compute_workgroups_per_dimension);
        let layers = workgroups.div_ceil(most.saturating_mul(most));
        let rows = workgroups.div_ceil(layers).div_ceil(most);
        let per_row = workgroups.div_ceil(layers * rows);
        // Every invocation has a number in u32, those beyond the last too.
        let numbered = (layers * rows).saturating_mul(per_row).saturating_mul(kernel.workgroup_size.into());
        if layers > most || numbered > u64::from(u32::MAX) {
            let message = format!("{} needs {workgroups} workgroups; the device numbers fewer", kernel.name);
            return Err(Unfit::too_large("workgroups", message));
        }
        Ok([per_row as u32, rows as u32, layers as u32])
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("gpu", &self.gpu)
            .field("dispatches", &self.dispatches.len())
            .finish_non_exhaustive()
    }
}
