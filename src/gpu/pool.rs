//! Buffers of pliant's own: workspace, parameters, tables. All are counted.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::{Counters, Gpu, Part, Tensor, lock};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// A counted buffer.
struct OwnBuffer {
    buffer: wgpu::Buffer,
    counters: Arc<Counters>,
}

impl OwnBuffer {
    fn new(gpu: &Gpu, label: &str, size: u64, usage: wgpu::BufferUsages, contents: Option<&[u8]>) -> Result<Self> {
        let buffer = gpu.create_buffer(label, size, usage, contents.is_some())?;
        if let Some(contents) = contents {
            gpu.guarded(|| {
                if let Ok(mut mapped) = buffer.get_mapped_range_mut(..) {
                    mapped.slice(..contents.len()).copy_from_slice(contents);
                }
                buffer.unmap();
            })?;
        }
        let counters = Arc::clone(&gpu.inner.counters);
        counters.buffers.fetch_add(1, Ordering::Relaxed);
        counters.buffer_bytes.fetch_add(size, Ordering::Relaxed);
        Ok(Self { buffer, counters })
    }
}

impl Drop for OwnBuffer {
    fn drop(&mut self) {
        self.counters.buffer_bytes.fetch_sub(self.buffer.size(), Ordering::Relaxed);
    }
}

/// A table that a plan makes once and kernels read.
pub(crate) struct Constant {
    buffer: OwnBuffer,
}

impl Constant {
    pub(crate) fn new(gpu: &Gpu, label: &str, contents: &[u8]) -> Result<Self> {
        Ok(Self {
            buffer: OwnBuffer::new(gpu, label, contents.len() as u64, wgpu::BufferUsages::STORAGE, Some(contents))?,
        })
    }

    pub(crate) fn part(&self) -> Part {
        Part::whole(&self.buffer.buffer)
    }
}

/// Workspace that no recorder holds. A buffer goes back here when the last recording that names it is dropped: work of it that
/// is still queued runs before whatever is submitted later, and each recording writes its workspace before it reads it.
#[derive(Default)]
pub(super) struct Pool {
    free: Mutex<Vec<OwnBuffer>>,
}

impl Pool {
    /// The most bytes that wait for their next use.
    const MOST_FREE: u64 = 256 << 20;

    pub(super) fn trim(&self) {
        lock(&self.free).clear();
    }

    /// The smallest free buffer that holds `size` bytes, unless it holds more than twice as many.
    fn take(&self, size: u64) -> Option<OwnBuffer> {
        let mut free = lock(&self.free);
        let fits = |own: &OwnBuffer| (size..=size.saturating_mul(2)).contains(&own.buffer.size());
        let (index, _) =
            free.iter().enumerate().filter(|(_, own)| fits(own)).min_by_key(|(_, own)| own.buffer.size())?;
        Some(free.swap_remove(index))
    }

    fn give(&self, own: OwnBuffer) {
        let mut free = lock(&self.free);
        free.push(own);
        let mut bytes: u64 = free.iter().map(|own| own.buffer.size()).sum();
        while bytes > Self::MOST_FREE {
            bytes -= free.remove(0).buffer.size();
        }
    }
}

impl Gpu {
    /// Fills the workspace that no recorder holds with NaN: a test's way to find out what is read before it is written.
    ///
    /// # Errors
    /// As [`Recorder::submit`](super::Recorder::submit).
    #[doc(hidden)]
    pub fn poison_workspace(&self) -> Result<()> {
        self.guarded(|| {
            for own in lock(&self.inner.pool.free).iter() {
                self.queue().write_buffer(&own.buffer, 0, &vec![0xff; own.buffer.size() as usize]);
            }
        })
    }
}

/// A leased buffer. It goes back to the pool when dropped.
pub(super) struct Workspace {
    /// Present until the drop.
    own: Option<OwnBuffer>,
    pool: Arc<Pool>,
}

impl Workspace {
    pub(super) fn new(gpu: &Gpu, size: u64) -> Result<Self> {
        let pool = Arc::clone(&gpu.inner.pool);
        let size = size_class(size).min(gpu.capabilities().limits.max_buffer_size).max(size);
        let own = match pool.take(size) {
            Some(own) => own,
            None => OwnBuffer::new(gpu, "pliant workspace", size, Tensor::USAGES, None)?,
        };
        Ok(Self { own: Some(own), pool })
    }

    pub(super) fn size(&self) -> u64 {
        self.own.as_ref().map_or(0, |own| own.buffer.size())
    }

    /// Its first elements, as a tensor of f32.
    pub(super) fn tensor(&self, gpu: &Gpu, shape: Shape) -> Result<Tensor> {
        match &self.own {
            Some(own) => Tensor::from_buffer(gpu, own.buffer.clone(), 0, shape, DType::F32),
            None => Err(Error::Validation("a workspace was used after it was given back".to_string())),
        }
    }
}

/// The size rounded up by a quarter at most, so that slightly different problems find each other's buffers.
fn size_class(size: u64) -> u64 {
    size.next_multiple_of((size.next_power_of_two() / 8).max(256))
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            self.pool.give(own);
        }
    }
}

/// The uniform buffers of all `Params` in use, by content. They are never rewritten: a recording that was encoded and not yet
/// submitted still needs what it was made with.
#[derive(Default)]
pub(super) struct ParamsCache {
    buffers: Mutex<HashMap<Box<[u8]>, Arc<OwnBuffer>>>,
}

impl Gpu {
    pub(super) fn params(&self, params: &[u8]) -> Result<Part> {
        /// Beyond this many, all are made anew as they come; recordings keep theirs.
        const MOST_PARAMS: usize = 16384;
        let buffers = &self.inner.params.buffers;
        if let Some(own) = lock(buffers).get(params) {
            return Ok(Part::whole(&own.buffer));
        }
        let size = params.len().next_multiple_of(16) as u64;
        let own = Arc::new(OwnBuffer::new(self, "pliant params", size, wgpu::BufferUsages::UNIFORM, Some(params))?);
        let part = Part::whole(&own.buffer);
        let mut buffers = lock(buffers);
        if buffers.len() >= MOST_PARAMS {
            buffers.clear();
        }
        buffers.insert(params.into(), own);
        Ok(part)
    }
}
