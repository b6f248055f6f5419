//! The device: the only module that speaks to wgpu.

// In a browser wgpu's types stay on their thread.
#![cfg_attr(target_arch = "wasm32", allow(clippy::arc_with_non_send_sync))]

mod capabilities;
mod contents;
mod download;
mod kernel;
mod options;
mod plans;
mod pool;
mod profile;
mod recorder;
mod tensor;
mod texture;
mod unfit;

pub use capabilities::Capabilities;
pub(crate) use capabilities::Subgroup;
pub use download::Download;
pub use kernel::LoopCounters;
pub use options::GpuOptions;
pub use profile::StageTime;
pub use recorder::Recorder;
pub use tensor::{Tensor, TensorSpec};

#[cfg(test)]
pub(crate) use kernel::Source;
pub(crate) use kernel::{Axis, File, Iterations, Listed, Loops, Shader, Variant, axis, wgsl};
pub(crate) use pool::Constant;
use pool::Lease;
pub(crate) use tensor::Binding;
pub(crate) use texture::{Lines, Texel, Texture};
pub(crate) use unfit::{Fit, Unfit};
pub(crate) use wgpu::WasmNotSendSync;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::{Error, Result};

/// A device with its queue, capabilities, pipeline cache and workspace pool. Cheap to clone; clones are the same device.
///
/// ```no_run
/// # async fn example() -> pliant::Result<()> {
/// let gpu = pliant::Gpu::new().await?;
/// println!("{}", gpu.capabilities().info.name);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Gpu {
    inner: Arc<Inner>,
}

struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    adapter: Option<wgpu::Adapter>,
    instance: Option<wgpu::Instance>,
    capabilities: Capabilities,
    id: u64,
    pipelines: kernel::PipelineCache,
    params: pool::ParamsCache,
    workspaces: Arc<pool::Pool<wgpu::Buffer>>,
    textures: Arc<pool::Pool<wgpu::Texture>>,
    stagings: Arc<pool::Pool<wgpu::Buffer>>,
    plans: Mutex<plans::Plans>,
    counters: Arc<Counters>,
    fault: Arc<Mutex<Option<Error>>>,
    /// Error scopes whose results are outstanding, in order.
    answers: Mutex<VecDeque<Box<dyn Answer>>>,
    /// A test's way to a device without memory: how many buffers it makes before it fails once.
    buffers_before_failure: Mutex<Option<u32>>,
    /// A test's way to count what loops take.
    loop_counters: OnceLock<Arc<dyn LoopCounters>>,
    /// A test's way to the kernels of a device with few registers.
    few_registers: AtomicBool,
    #[cfg(not(target_arch = "wasm32"))]
    waiter: download::Waiter,
}

/// Counts of the objects that a [`Gpu`] has made so far, tensors left out. In a steady state nothing here moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Shader modules made.
    pub shader_modules: u64,
    /// Pipelines made.
    pub pipelines: u64,
    /// Buffers made: workspace, staging, parameters, tables.
    pub buffers: u64,
    /// Bytes of those buffers that are allocated now.
    pub buffer_bytes: u64,
}

#[derive(Default)]
struct Counters {
    shader_modules: AtomicU64,
    pipelines: AtomicU64,
    buffers: AtomicU64,
    buffer_bytes: AtomicU64,
}

impl Gpu {
    /// The optional features that pliant uses where an adapter has them. Nothing depends on them.
    pub const OPTIONAL_FEATURES: wgpu::Features =
        wgpu::Features::SUBGROUP.union(wgpu::Features::TIMESTAMP_QUERY).union(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS);

    /// Features that cooperative matrices of f16 need. They are used where they are asked for, or a caller's own device has them enabled.
    pub const COOPERATIVE_FEATURES: wgpu::Features =
        wgpu::Features::SHADER_F16.union(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX);

    /// Opens the machine's best adapter, through Vulkan, Metal, DX12 or the browser.
    ///
    /// # Errors
    /// [`Error::NoAdapter`], with advice on how to get one.
    pub async fn new() -> Result<Self> {
        Self::with_options(&GpuOptions::default()).await
    }

    /// Opens the best adapter like [`Gpu::new`], and waits for it: for programs that have no executor.
    ///
    /// # Errors
    /// [`Error::NoAdapter`], with advice on how to get one.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new_blocking() -> Result<Self> {
        block_on(Self::new())
    }

    /// Opens the best adapter that satisfies the options. It is asked for its own limits, or the options' where those are smaller.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] where none does, [`Error::Unsupported`] where the adapter gives no device.
    pub async fn with_options(options: &GpuOptions) -> Result<Self> {
        let (instance, mut adapters) = adapters(options.backends, options.software).await;
        adapters.sort_by_key(|adapter| options::preference(&adapter.get_info()));
        let Some(adapter) = adapters.iter().find(|adapter| options.admits(&adapter.get_info())) else {
            let found: Vec<_> = adapters.iter().map(wgpu::Adapter::get_info).collect();
            return Err(Error::NoAdapter(options::no_adapter(options, &found)));
        };
        let mut capabilities = Capabilities::of_adapter(adapter);
        capabilities.features &= options.allowed();
        if let Some(bounds) = &options.limits {
            capabilities.limits = capabilities.limits.or_worse_values_from(bounds);
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("pliant"),
            required_features: capabilities.features | adapter.features() & options.others,
            required_limits: capabilities.limits.clone(),
            memory_hints: wgpu::MemoryHints::Performance,
            experimental_features: experimental(capabilities.features),
            ..wgpu::DeviceDescriptor::default()
        };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|error| Error::Unsupported(format!("{} gives no device: {error}", capabilities.info.name)))?;

        let fault = Arc::new(Mutex::new(None));
        let uncaptured = Arc::clone(&fault);
        device.on_uncaptured_error(Arc::new(move |error| {
            lock(&uncaptured).get_or_insert_with(|| from_wgpu(&error));
        }));
        let lost = Arc::clone(&fault);
        device.set_device_lost_callback(move |reason, message| {
            *lock(&lost) = Some(Error::DeviceLost(format!("{reason:?}: {message}")));
        });
        Ok(Self::assemble((device, queue), (instance, Some(adapter.clone())), capabilities, fault))
    }

    /// Works on the caller's device and queue, with what they have enabled. Installs no handlers there. See
    /// [`guide::embedding`](crate::guide::embedding).
    ///
    /// The adapter, where it is given, tells what a device does not: the sizes of cooperative matrices. A device of an adapter that runs on
    /// the CPU had better have [`Gpu::OPTIONAL_FEATURES`] and the adapter's own limits: see [`Capabilities::textures`].
    ///
    /// What goes wrong in pliant's own calls is their result. What goes wrong in the caller's own, such as submitting the encoder that
    /// a recording was encoded into, is the caller's to see.
    ///
    /// # Errors
    /// [`Error::Limit`] where the device has less than wgpu's default limits of what pliant uses.
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue, adapter: Option<&wgpu::Adapter>) -> Result<Self> {
        let capabilities = Capabilities::of_device(&device, adapter);
        capabilities.check_defaults()?;
        Ok(Self::assemble((device, queue), (None, adapter.cloned()), capabilities, Arc::default()))
    }

    fn assemble(
        (device, queue): (wgpu::Device, wgpu::Queue),
        (instance, adapter): (Option<wgpu::Instance>, Option<wgpu::Adapter>),
        capabilities: Capabilities,
        fault: Arc<Mutex<Option<Error>>>,
    ) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let counters = Arc::new(Counters::default());
        Self {
            inner: Arc::new(Inner {
                #[cfg(not(target_arch = "wasm32"))]
                waiter: download::Waiter::new(device.clone()),
                device,
                queue,
                adapter,
                instance,
                capabilities,
                id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
                pipelines: kernel::PipelineCache::default(),
                params: pool::ParamsCache::default(),
                workspaces: Arc::default(),
                textures: Arc::default(),
                stagings: Arc::default(),
                plans: Mutex::default(),
                counters,
                fault,
                answers: Mutex::default(),
                buffers_before_failure: Mutex::default(),
                loop_counters: OnceLock::new(),
                few_registers: AtomicBool::new(false),
            }),
        }
    }

    /// The adapters of the given backends, best first.
    pub async fn adapters(backends: wgpu::Backends) -> Vec<Capabilities> {
        let mut adapters: Vec<_> = adapters(backends, false).await.1.iter().map(Capabilities::of_adapter).collect();
        adapters.sort_by_key(|capabilities| options::preference(&capabilities.info));
        adapters
    }

    /// The adapter, the enabled optional features, the limits.
    pub fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    /// The wgpu device.
    pub fn device(&self) -> &wgpu::Device {
        &self.inner.device
    }

    /// The wgpu queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.inner.queue
    }

    /// The wgpu adapter, where pliant has opened it or the caller has given it.
    pub fn adapter(&self) -> Option<&wgpu::Adapter> {
        self.inner.adapter.as_ref()
    }

    /// The wgpu instance, where pliant has made it.
    pub fn instance(&self) -> Option<&wgpu::Instance> {
        self.inner.instance.as_ref()
    }

    /// Counts of the objects made so far.
    pub fn counts(&self) -> Counts {
        let Counters { shader_modules, pipelines, buffers, buffer_bytes } = &*self.inner.counters;
        let [shader_modules, pipelines, buffers, buffer_bytes] =
            [shader_modules, pipelines, buffers, buffer_bytes].map(|counter| counter.load(Ordering::Relaxed));
        Counts { shader_modules, pipelines, buffers, buffer_bytes }
    }

    /// Gives back the workspace that no recorder holds, and the staging buffers that no download holds.
    pub fn trim(&self) {
        self.inner.workspaces.trim();
        self.inner.textures.trim();
        self.inner.stagings.trim();
    }

    /// Waits until all submitted work is done.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] where the device did not finish it.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(&self) -> Result<()> {
        let waited = self.device().poll(wgpu::PollType::wait_indefinitely());
        self.settled(waited.map(drop).map_err(|error| Error::DeviceLost(error.to_string())))
    }

    /// The number of this device, which tells devices apart. A plan keeps it in place of the `Gpu`, which keeps plans.
    pub(crate) fn id(&self) -> u64 {
        self.inner.id
    }

    /// The fault that came between calls, if any. A lost device stays lost; anything else is told once.
    fn check(&self) -> Result<()> {
        let mut caught = None;
        let mut answers = lock(&self.inner.answers);
        while let Some(Poll::Ready(answer)) = answers.front_mut().map(look) {
            answers.pop_front();
            caught = caught.or(answer);
        }
        drop(answers);
        let mut fault = lock(&self.inner.fault);
        match &*fault {
            Some(lost @ Error::DeviceLost(_)) => Err(lost.clone()),
            _ => fault.take().or(caught.as_ref().map(from_wgpu)).map_or(Ok(()), Err),
        }
    }

    /// Makes calls into wgpu whose errors come back here, and what went wrong between calls too.
    fn guarded<T>(&self, calls: impl FnOnce() -> T) -> Result<T> {
        self.settled(self.scoped(calls))
    }

    /// Settles a call's result: the loss of the device, which comes before all else and is kept for every later call; a fault between
    /// calls; or the result.
    fn settled<T>(&self, result: Result<T>) -> Result<T> {
        match &result {
            Err(lost @ Error::DeviceLost(_)) => self.lose(lost.clone()),
            // A browser answers later, and tells of a loss then.
            Ok(_) if cfg!(target_arch = "wasm32") => {}
            _ => self.look_for_loss(),
        }
        self.check().and(result)
    }

    fn lose(&self, lost: Error) {
        let mut fault = lock(&self.inner.fault);
        if !matches!(&*fault, Some(Error::DeviceLost(_))) {
            *fault = Some(lost);
        }
    }

    /// Finds out whether the device is lost: then what is made on it is invalid, and nobody says so before it is used. Its handlers may be
    /// somebody else's, and run late.
    fn look_for_loss(&self) {
        let used = self.scoped(|| {
            let descriptor = wgpu::BufferDescriptor {
                label: Some("pliant probe"),
                size: 4,
                // Mapped itself, whatever the adapter.
                usage: wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: true,
            };
            self.device().create_buffer(&descriptor).unmap();
        });
        if matches!(used, Err(Error::Validation(_))) {
            self.lose(Error::DeviceLost("it takes no calls any more".to_string()));
        }
    }

    /// Makes calls into wgpu whose errors come back here and nowhere else; in a browser, which answers later, at a later call.
    fn scoped<T>(&self, calls: impl FnOnce() -> T) -> Result<T> {
        let scopes = [wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Internal]
            .map(|filter| self.device().push_error_scope(filter));
        let mut result = Ok(calls());
        for scope in scopes.into_iter().rev() {
            let mut answer = scope.pop();
            match look(&mut answer) {
                Poll::Ready(None) => {}
                Poll::Ready(Some(error)) => result = Err(from_wgpu(&error)),
                Poll::Pending => lock(&self.inner.answers).push_back(Box::new(answer)),
            }
        }
        result
    }

    /// A test's way to a device that runs out of memory, once, when it has made so many more buffers.
    #[doc(hidden)]
    pub fn inject_out_of_memory(&self, buffers: u32) {
        *lock(&self.inner.buffers_before_failure) = Some(buffers);
    }

    /// A test's way to count what loops take, of a device that has compiled nothing yet.
    #[doc(hidden)]
    pub fn inject_loop_counters(&self, counters: Arc<dyn LoopCounters>) {
        let _ = self.inner.loop_counters.set(counters);
    }

    fn loop_counters(&self) -> Option<&dyn LoopCounters> {
        self.inner.loop_counters.get().map(|counters| &**counters)
    }

    /// Whether kernels with half as many sums serve: see `Capabilities::few_registers`.
    pub(crate) fn few_registers(&self) -> bool {
        self.capabilities().few_registers() || self.inner.few_registers.load(Ordering::Relaxed)
    }

    /// A test's way to the kernels of a device with few registers, of one that has planned nothing yet.
    #[doc(hidden)]
    pub fn inject_few_registers(&self) {
        self.inner.few_registers.store(true, Ordering::Relaxed);
    }

    /// A test's way to a device that is lost by its own doing.
    #[doc(hidden)]
    pub fn inject_device_lost(&self) {
        *lock(&self.inner.fault) = Some(Error::DeviceLost("injected".to_string()));
    }

    /// Fails where a test wants memory to run out.
    fn before_allocation(&self, size: u64) -> Result<()> {
        let mut before_failure = lock(&self.inner.buffers_before_failure);
        match &mut *before_failure {
            Some(0) => {
                *before_failure = None;
                return Err(Error::OutOfMemory(format!("injected at {size} bytes")));
            }
            Some(buffers) => *buffers -= 1,
            None => {}
        }
        Ok(())
    }

    fn create_buffer(&self, label: &str, size: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        self.buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
    }

    /// A buffer whose first bytes the host writes: see [`Capabilities::fills_in_place`].
    fn filled_buffer(
        &self,
        label: &str,
        size: u64,
        mut usage: wgpu::BufferUsages,
        contents: &[u8],
    ) -> Result<wgpu::Buffer> {
        usage.set(wgpu::BufferUsages::MAP_WRITE, self.capabilities().fills_in_place());
        let buffer =
            self.buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: true })?;
        let filled = self.guarded(|| {
            let mapped = buffer.get_mapped_range_mut(..);
            let filled = mapped.map(|mut mapped| mapped.slice(..contents.len()).copy_from_slice(contents));
            buffer.unmap();
            filled
        })?;
        filled.map_err(|error| Error::Validation(error.to_string()))?;
        Ok(buffer)
    }

    /// Refuses a buffer of more bytes than the device makes.
    pub(crate) fn check_buffer(&self, size: u64) -> Result<()> {
        let most = self.capabilities().limits.max_buffer_size;
        if size > most {
            let message = format!("a buffer of {size} bytes is needed; the device makes {most} at most");
            return Err(Error::limit("buffer", message));
        }
        Ok(())
    }

    fn buffer(&self, descriptor: &wgpu::BufferDescriptor<'_>) -> Result<wgpu::Buffer> {
        let size = descriptor.size;
        self.check_buffer(size)?;
        self.before_allocation(size)?;
        self.guarded(|| self.device().create_buffer(descriptor))
    }
}

/// Clones are equal, and no others: two on one wgpu device have pools and caches of their own.
impl PartialEq for Gpu {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Gpu {}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let info = &self.inner.capabilities.info;
        write!(f, "Gpu {} ({}, {})", self.inner.id, info.name, info.backend)
    }
}

/// The error that an error scope caught, if any: known at once on native, in a browser once its event loop has run.
trait Answer: Future<Output = Option<wgpu::Error>> + Unpin + wgpu::WasmNotSend {}
impl<T: Future<Output = Option<wgpu::Error>> + Unpin + wgpu::WasmNotSend> Answer for T {}

/// Polls a future once, and asks for no wake-up.
fn look<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Runs a future in this thread, which sleeps while there is nothing to do.
#[cfg(not(target_arch = "wasm32"))]
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// All adapters with their instance; in a browser the one that it gives, which is one that runs on the CPU where `software` is asked for.
async fn adapters(backends: wgpu::Backends, software: bool) -> (Option<wgpu::Instance>, Vec<wgpu::Adapter>) {
    if wgpu::Instance::enabled_backend_features().is_empty() {
        // wgpu makes no instance in a build without backends.
        return (None, Vec::new());
    }
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    if cfg!(target_arch = "wasm32") {
        // A browser lists nothing; it is asked.
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            force_fallback_adapter: software,
            ..wgpu::RequestAdapterOptions::default()
        };
        let adapter = instance.request_adapter(&options).await;
        return (Some(instance), adapter.into_iter().collect());
    }
    let adapters = instance.enumerate_adapters(backends).await;
    (Some(instance), adapters)
}

/// The token that wgpu demands for features that it calls experimental, if any of these is.
fn experimental(features: wgpu::Features) -> wgpu::ExperimentalFeatures {
    if !features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
        return wgpu::ExperimentalFeatures::disabled();
    }
    // SAFETY: to be aware that defects of wgpu may be undefined behaviour. The kernels that use the feature stay within what they bind and within
    // the sizes that the adapter tells, and nobody gets them who has not asked for them.
    #[allow(unsafe_code)]
    unsafe {
        wgpu::ExperimentalFeatures::enabled()
    }
}

fn from_wgpu(error: &wgpu::Error) -> Error {
    match error {
        wgpu::Error::OutOfMemory { .. } => Error::OutOfMemory(error.to_string()),
        wgpu::Error::Validation { description, .. } => Error::Validation(description.clone()),
        wgpu::Error::Internal { description, .. } => Error::DeviceLost(description.clone()),
    }
}

/// Locks, whether or not another thread panicked: what is kept behind locks here is whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
