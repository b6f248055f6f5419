//! Reading back without blocking anybody.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};

use super::contents::{Contents, ReadBack};
use super::{Gpu, Lease, lock};
use crate::error::{Error, Result};

/// How often a download looks at the device at most, for what is about to happen.
const LOOKS: u32 = 2000;

/// A read-back under way. Await it, or on native wait for it. Dropping it harms nothing.
///
/// It needs no particular executor: on native a thread of the [`Gpu`]'s waits on the device, in a browser the event loop does.
#[must_use = "nothing is read before it is awaited"]
pub struct Download<T> {
    gpu: Gpu,
    source: Source,
    /// The submission that the download waits for: all that was submitted, where it is `None`.
    #[cfg(not(target_arch = "wasm32"))]
    submission: Option<wgpu::SubmissionIndex>,
    /// Whether the waiting thread has been told.
    #[cfg(not(target_arch = "wasm32"))]
    awaited: bool,
    shared: Arc<Shared>,
    elements: usize,
    element: PhantomData<fn() -> T>,
}

/// The buffer that is being mapped.
enum Source {
    Nothing,
    /// A copy.
    Staging(Lease<wgpu::Buffer>),
    /// The tensor's own buffer.
    Tensor(wgpu::Buffer, Arc<Contents>),
}

impl Source {
    fn buffer(&self) -> Option<&wgpu::Buffer> {
        match self {
            Self::Nothing => None,
            Self::Staging(lease) => lease.memory().ok(),
            Self::Tensor(buffer, _) => Some(buffer),
        }
    }
}

/// State that the download shares with the device's callback and the waiting thread.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    finished: Condvar,
}

#[derive(Default)]
struct State {
    result: Option<Result<()>>,
    waker: Option<Waker>,
}

impl Shared {
    /// Sets the result if there is none, and wakes whoever waits.
    fn finish(&self, result: Result<()>) {
        let mut state = lock(&self.state);
        state.result.get_or_insert(result);
        self.finished.notify_all();
        if let Some(waker) = state.waker.take() {
            drop(state);
            waker.wake();
        }
    }
}

impl<T> Drop for Download<T> {
    fn drop(&mut self) {
        let mapped = matches!(lock(&self.shared.state).result, Some(Ok(())));
        let unmapped = mapped && self.source.buffer().is_none_or(|buffer| self.gpu.scoped(|| buffer.unmap()).is_ok());
        // What was not mapped yet may still be, for whoever asks next: see `ReadBack::Copy`.
        match &mut self.source {
            Source::Staging(lease) if !unmapped => lease.discard(),
            Source::Tensor(_, contents) if unmapped => contents.end_read_back(ReadBack::Map),
            Source::Tensor(buffer, contents) => {
                give_up(&self.gpu, &self.shared, buffer);
                contents.end_read_back(ReadBack::Copy);
            }
            Source::Staging(_) | Source::Nothing => {}
        }
    }
}

/// Gives a mapping up that has not come about, since the tensor's clones may use the buffer.
fn give_up(gpu: &Gpu, shared: &Shared, buffer: &wgpu::Buffer) {
    for _ in 0..LOOKS {
        let failed = matches!(lock(&shared.state).result, Some(Err(_)));
        if gpu.scoped(|| buffer.unmap()).is_ok() || failed {
            return;
        }
        // While another thread is about to map the buffer, it neither waits nor is mapped, and can't be unmapped. Looks at the device take
        // turns: behind this one it is mapped.
        let _ = gpu.device().poll(wgpu::PollType::Poll);
    }
}

impl<T: bytemuck::Pod> Download<T> {
    /// Reads a copy of a range of a buffer.
    pub(super) fn copied(gpu: &Gpu, buffer: &wgpu::Buffer, offset: u64, elements: usize) -> Result<Self> {
        gpu.settled(Ok(()))?;
        if elements == 0 {
            let download = Self::new(gpu, Source::Nothing, None, 0);
            download.shared.finish(Ok(()));
            return Ok(download);
        }
        if !buffer.usage().contains(wgpu::BufferUsages::COPY_SRC) {
            let usage = buffer.usage();
            return Err(Error::attribute("buffer", format!("the buffer has the usages {usage:?}; COPY_SRC is needed")));
        }
        let size = ((elements * size_of::<T>()) as u64).next_multiple_of(4);
        let staging = Lease::staging(gpu, size)?;
        let destination = staging.memory()?.clone();
        let submission = gpu.guarded(|| {
            let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            encoder.copy_buffer_to_buffer(buffer, offset, &destination, 0, size);
            gpu.queue().submit([encoder.finish()])
        })?;
        Self::new(gpu, Source::Staging(staging), Some(submission), elements).map()
    }

    /// Reads the first elements of a buffer that can be mapped itself.
    pub(super) fn mapped(gpu: &Gpu, buffer: wgpu::Buffer, contents: Arc<Contents>, elements: usize) -> Result<Self> {
        Self::new(gpu, Source::Tensor(buffer, contents), None, elements).map()
    }

    #[cfg_attr(target_arch = "wasm32", allow(unused_variables))]
    fn new(gpu: &Gpu, source: Source, submission: Option<wgpu::SubmissionIndex>, elements: usize) -> Self {
        Self {
            gpu: gpu.clone(),
            source,
            #[cfg(not(target_arch = "wasm32"))]
            submission,
            #[cfg(not(target_arch = "wasm32"))]
            awaited: false,
            shared: Arc::default(),
            elements,
            element: PhantomData,
        }
    }

    /// Has the source mapped once the work submitted so far is done.
    fn map(self) -> Result<Self> {
        self.gpu.guarded(|| {
            if let Some(buffer) = self.source.buffer() {
                let shared = Arc::clone(&self.shared);
                buffer.map_async(wgpu::MapMode::Read, .., move |result| {
                    shared.finish(result.map_err(|error| Error::Validation(error.to_string())));
                });
            }
        })?;
        Ok(self)
    }

    /// Waits for the elements.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], or what went wrong on the device since the last call.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(mut self) -> Result<Vec<T>> {
        if lock(&self.shared.state).result.is_none() {
            wait_for(self.gpu.device(), self.submission.take(), &self.shared);
        }
        let never = || self.gpu.settled(Err(Error::DeviceLost("the read-back never ended".to_string())));
        self.elements().unwrap_or_else(never)
    }

    /// The elements, once they are there.
    fn elements(&self) -> Option<Result<Vec<T>>> {
        let result = lock(&self.shared.state).result.clone()?;
        Some(self.gpu.settled(result.and_then(|()| self.read())))
    }

    fn read(&self) -> Result<Vec<T>> {
        let mut elements = vec![T::zeroed(); self.elements];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut elements);
        if let Some(buffer) = self.source.buffer() {
            let mapped = buffer.get_mapped_range(..).map_err(|error| Error::Validation(error.to_string()))?;
            bytes.copy_from_slice(&mapped[..bytes.len()]);
        }
        Ok(elements)
    }
}

impl<T: bytemuck::Pod> Future for Download<T> {
    type Output = Result<Vec<T>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        lock(&this.shared.state).waker = Some(context.waker().clone());
        // One look at the device per wake; often the work is done already.
        let _ = this.gpu.device().poll(wgpu::PollType::Poll);
        if let Some(result) = this.elements() {
            return Poll::Ready(result);
        }
        #[cfg(not(target_arch = "wasm32"))]
        if !this.awaited {
            this.awaited = true;
            this.gpu.inner.waiter.wait((this.submission.take(), Arc::clone(&this.shared)));
        }
        Poll::Pending
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(super) use waiter::{Waiter, wait_for};

#[cfg(not(target_arch = "wasm32"))]
mod waiter {
    use std::sync::mpsc::{Sender, channel};
    use std::thread::JoinHandle;
    use std::time::Duration;

    use super::{Arc, Error, LOOKS, Mutex, Shared, lock};

    /// The thread that waits on the device for futures. It is started by the first, and joined when the [`Gpu`](super::Gpu) is dropped:
    /// a driver that is still at work in another thread when the process exits may crash it.
    pub(in crate::gpu) struct Waiter {
        device: wgpu::Device,
        running: Mutex<Option<Running>>,
    }

    struct Running {
        jobs: Sender<Job>,
        thread: JoinHandle<()>,
    }

    /// A submission to wait for, and the state to finish then.
    type Job = (Option<wgpu::SubmissionIndex>, Arc<Shared>);

    impl Waiter {
        pub(in crate::gpu) fn new(device: wgpu::Device) -> Self {
            Self { device, running: Mutex::new(None) }
        }

        pub(in crate::gpu) fn wait(&self, job: Job) {
            let mut running = lock(&self.running);
            let running = running.get_or_insert_with(|| {
                let (sender, jobs) = channel::<Job>();
                let device = self.device.clone();
                let thread = std::thread::spawn(move || {
                    for (submission, shared) in jobs {
                        wait_for(&device, submission, &shared);
                    }
                });
                Running { jobs: sender, thread }
            });
            if let Err(refused) = running.jobs.send(job) {
                refused.0.1.finish(Err(Error::DeviceLost("the waiting thread has ended".to_string())));
            }
        }
    }

    impl Drop for Waiter {
        fn drop(&mut self) {
            let Some(Running { jobs, thread }) = lock(&self.running).take() else { return };
            drop(jobs);
            // A future that is woken may drop the last `Gpu` in the waiting thread itself, which cannot wait for its own end.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }

    /// Blocks until the submission, or all submitted so far, is done and the callback has run, here or in another thread that polls at the
    /// same time.
    pub(in crate::gpu) fn wait_for(device: &wgpu::Device, submission: Option<wgpu::SubmissionIndex>, shared: &Shared) {
        const LOOK_AGAIN: Duration = Duration::from_millis(5);
        if let Err(error) = device.poll(wgpu::PollType::Wait { submission_index: submission, timeout: None }) {
            shared.finish(Err(Error::DeviceLost(error.to_string())));
        }
        for _ in 0..LOOKS {
            let state = lock(&shared.state);
            if state.result.is_some() {
                return;
            }
            drop(shared.finished.wait_timeout(state, LOOK_AGAIN));
            let _ = device.poll(wgpu::PollType::Poll);
        }
        shared.finish(Err(Error::DeviceLost("the device did not map the buffer".to_string())));
    }
}

impl<T> std::fmt::Debug for Download<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download").field("elements", &self.elements).finish_non_exhaustive()
    }
}
