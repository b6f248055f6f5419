//! Work as data: a list of dispatches, to be submitted.

use std::sync::Arc;

use super::kernel::Pipeline;
use super::{Capabilities, Gpu, Kernel, Lease, Part, Tensor};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// An owned list of dispatches over buffer handles, checked as it grows. No pass is open and nothing is borrowed; it may be
/// submitted more than once.
///
/// ```no_run
/// # async fn example(gpu: pliant::Gpu, a: pliant::Tensor, b: pliant::Tensor) -> pliant::Result<()> {
/// use pliant::{MatmulPlan, Recorder, geometry::{Matmul, MatmulInputs}};
///
/// let inputs = MatmulInputs { a: &a, b: &b };
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
    workspaces: Vec<Workspace>,
    /// How many ops are being recorded, one within another.
    depth: usize,
}

/// Scratch memory of a recording.
struct Workspace {
    lease: Lease,
    /// The depth of the op that has it; 0 for none.
    taken: usize,
}

pub(super) struct Dispatch {
    pub(super) pipeline: Arc<Pipeline>,
    bind_group: wgpu::BindGroup,
    workgroups: [u32; 3],
    work: u64,
}

impl Dispatch {
    pub(super) fn encode(&self, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y, z] = self.workgroups;
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

impl Recorder {
    /// An empty recording.
    pub fn new(gpu: &Gpu) -> Self {
        Self { gpu: gpu.clone(), dispatches: Vec::new(), workspaces: Vec::new(), depth: 0 }
    }

    /// The device it is for.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The number of dispatches.
    pub fn len(&self) -> usize {
        self.dispatches.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.dispatches.is_empty()
    }

    /// Hands the work to the device and returns at once. Work submitted later runs later.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], or what went wrong on the device since the last call.
    pub fn submit(&self) -> Result<()> {
        // Long work goes in several submissions, since systems with a watchdog kill a long one.
        let most = self.gpu.capabilities().work_per_submission();
        let mut rest = &self.dispatches[..];
        while !rest.is_empty() {
            let mut work = 0u64;
            let fits = |dispatch: &&Dispatch| {
                work = work.saturating_add(dispatch.work);
                work <= most
            };
            let (some, others) = rest.split_at(rest.iter().take_while(fits).count().max(1));
            self.submit_some(some)?;
            rest = others;
        }
        Ok(())
    }

    pub(super) fn submit_some(&self, dispatches: &[Dispatch]) -> Result<()> {
        self.gpu.guarded(|| {
            let mut encoder = self.gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            dispatches.iter().for_each(|dispatch| dispatch.encode(&mut pass));
            drop(pass);
            self.gpu.queue().submit([encoder.finish()]);
        })
    }

    /// Encodes the work into the caller's encoder, in a compute pass of its own. It runs when the caller submits that, and the recorder
    /// need not live until then.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        self.encode_pass(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
    }

    /// Encodes the work into the caller's open compute pass. It changes the pass's pipeline and its bind group 0.
    pub fn encode_pass(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.dispatches.iter().for_each(|dispatch| dispatch.encode(pass));
    }

    /// Refuses a tensor of another device, where no device can read it.
    pub(crate) fn check(&self, argument: &'static str, tensor: &Tensor) -> Result<()> {
        if self.gpu.id() != tensor.gpu().id() {
            let message = format!("{argument} is on {:?} and the recorder on another {:?}", tensor.gpu(), self.gpu);
            return Err(Error::attribute(argument, message));
        }
        Ok(())
    }

    /// Records all of it, or, where that fails, nothing.
    pub(crate) fn all(&mut self, record: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let before = self.dispatches.len();
        record(self).inspect_err(|_| self.dispatches.truncate(before))
    }

    /// The same for an op, between error scopes. Ops may consist of others: these leave it its workspace.
    pub(crate) fn op(&mut self, record: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.depth += 1;
        let gpu = self.gpu.clone();
        let recorded = self.all(|recorder| gpu.guarded(|| record(recorder)).and_then(|recorded| recorded));
        let depth = self.depth;
        self.workspaces
            .iter_mut()
            .filter(|workspace| workspace.taken == depth)
            .for_each(|workspace| workspace.taken = 0);
        self.depth -= 1;
        recorded
    }

    /// A scratch tensor of f32 for the op that is being recorded. It holds whatever was left in it.
    ///
    /// Ops of one recording run one after another, so the next one gets the same again: the smallest that is large enough.
    pub(crate) fn workspace(&mut self, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        let size = shape.elements().max(4) * DType::F32.size();
        let fits = |workspace: &&mut Workspace| workspace.taken == 0 && workspace.lease.size() >= size;
        let buffer = match self.workspaces.iter_mut().filter(fits).min_by_key(|workspace| workspace.lease.size()) {
            Some(workspace) => {
                workspace.taken = self.depth;
                workspace.lease.buffer()?.clone()
            }
            None => {
                let lease = Lease::workspace(&self.gpu, size)?;
                let buffer = lease.buffer()?.clone();
                self.workspaces.push(Workspace { lease, taken: self.depth });
                buffer
            }
        };
        Tensor::from_buffer(&self.gpu, buffer, 0, shape, DType::F32)
    }

    /// Appends a dispatch of as many workgroups as hold `invocations` invocations, which together write or sample `elements` elements.
    pub(crate) fn dispatch(
        &mut self,
        kernel: &'static Kernel,
        params: &impl bytemuck::NoUninit,
        bindings: &[&Part],
        invocations: u64,
        elements: u64,
    ) -> Result<()> {
        let workgroups = invocations.div_ceil(kernel.workgroup_size.into());
        let work = elements.saturating_mul(Capabilities::WORK_PER_ELEMENT);
        self.dispatch_workgroups(kernel, params, bindings, workgroups, work)
    }

    /// Appends a dispatch of `workgroups` workgroups, numbered by the shader's `linear_workgroup`, which together do
    /// `work`: see [`Capabilities::work_per_dispatch`].
    pub(crate) fn dispatch_workgroups(
        &mut self,
        kernel: &'static Kernel,
        params: &impl bytemuck::NoUninit,
        bindings: &[&Part],
        workgroups: u64,
        work: u64,
    ) -> Result<()> {
        if workgroups == 0 {
            return Ok(());
        }
        let workgroups = self.grid(kernel, workgroups)?;
        let pipeline = self.gpu.pipeline(kernel)?;
        let params = self.gpu.params(bytemuck::bytes_of(params))?;
        let entries: Vec<_> = std::iter::once(&params)
            .chain(bindings.iter().copied())
            .enumerate()
            .map(|(binding, part)| wgpu::BindGroupEntry {
                binding: binding as u32,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &part.buffer,
                    offset: part.offset,
                    size: std::num::NonZeroU64::new(part.size),
                }),
            })
            .collect();
        // Its errors come out at the end of the op.
        let bind_group = self.gpu.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&pipeline.label),
            layout: &pipeline.layout,
            entries: &entries,
        });
        self.dispatches.push(Dispatch { pipeline, bind_group, workgroups, work });
        Ok(())
    }

    /// Folds a count of workgroups into a grid that the device takes.
    fn grid(&self, kernel: &Kernel, workgroups: u64) -> Result<[u32; 3]> {
        let most = u64::from(self.gpu.capabilities().limits.max_compute_workgroups_per_dimension);
        let layers = workgroups.div_ceil(most.saturating_mul(most));
        let rows = workgroups.div_ceil(layers).div_ceil(most);
        let per_row = workgroups.div_ceil(layers * rows);
        // Every invocation has a number in u32, those beyond the last too.
        let numbered = (layers * rows).saturating_mul(per_row).saturating_mul(kernel.workgroup_size.into());
        if layers > most || numbered > u64::from(u32::MAX) {
            let message = format!("{} needs {workgroups} workgroups; the device numbers fewer", kernel.name);
            return Err(Error::limit("workgroups", message));
        }
        Ok([per_row as u32, rows as u32, layers as u32])
    }
}
