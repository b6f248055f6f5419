//! Memory of pliant's own: workspace, parameters, tables. All is counted.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};

use super::{Binding, Counters, Gpu, Tensor, Texel, lock, texture};
use crate::error::{Error, Result};

/// Memory of pliant's own, a buffer or a texture, counted.
struct Own<M> {
    memory: M,
    size: u64,
    counters: Arc<Counters>,
}

type OwnBuffer = Own<wgpu::Buffer>;

impl<M> Own<M> {
    fn new(gpu: &Gpu, memory: M, size: u64) -> Self {
        let counters = Arc::clone(&gpu.inner.counters);
        counters.buffers.fetch_add(1, Ordering::Relaxed);
        counters.buffer_bytes.fetch_add(size, Ordering::Relaxed);
        Self { memory, size, counters }
    }
}

impl OwnBuffer {
    fn buffer(gpu: &Gpu, label: &str, size: u64, usage: wgpu::BufferUsages, contents: Option<&[u8]>) -> Result<Self> {
        let buffer = match contents {
            Some(contents) => gpu.filled_buffer(label, size, usage, contents)?,
            None => gpu.create_buffer(label, size, usage)?,
        };
        Ok(Self::new(gpu, buffer, size))
    }
}

impl<M> Drop for Own<M> {
    fn drop(&mut self) {
        self.counters.buffer_bytes.fetch_sub(self.size, Ordering::Relaxed);
    }
}

/// A table of four words an entry that a plan makes once and kernels read.
pub(crate) struct Constant {
    binding: Binding,
    _counted: Own<()>,
}

impl Constant {
    /// Makes a table in a buffer, which may be copied.
    pub(crate) fn buffer(gpu: &Gpu, label: &str, entries: &[[u32; 4]]) -> Result<Self> {
        let contents = bytemuck::cast_slice(entries);
        let size = contents.len() as u64;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        let buffer = gpu.filled_buffer(label, size, usage, contents)?;
        Ok(Self { binding: Binding::whole(&buffer), _counted: Own::new(gpu, (), size) })
    }

    /// Makes a table in a texture: see [`Texture`](super::Texture).
    pub(crate) fn texture(gpu: &Gpu, label: &str, entries: &[[u32; 4]]) -> Result<Self> {
        let texture = texture::constant(gpu, label, entries)?;
        let size = u64::from(texture.width()) * u64::from(texture.height()) * Texel::Words.bytes();
        let binding = Binding::texture(&texture.create_view(&wgpu::TextureViewDescriptor::default()));
        Ok(Self { binding, _counted: Own::new(gpu, (), size) })
    }

    pub(crate) fn binding(&self) -> Binding {
        self.binding.clone()
    }
}

/// Buffers or textures of one use, workspace or staging, that nobody holds. They come back when their recording or their download is
/// dropped: work that is still queued runs before whatever is submitted later, and whoever leases one writes it before reading it. What a
/// recording was encoded with waits until that can no longer run.
pub(super) struct Pool<M> {
    free: Mutex<Vec<Free<M>>>,
}

struct Free<M> {
    own: Own<M>,
    encoded: Encoded,
    /// Whether the memory was filled with NaN since it came back.
    poisoned: bool,
}

/// A reference held by every command buffer of the caller's that a recording was encoded into, until it has run or never will.
pub(super) type Encoding = Arc<()>;

/// A weak reference that tells whether such command buffers exist: the recording may run yet, between any two submissions.
type Encoded = Weak<()>;

impl<M> Free<M> {
    fn is_idle(&self) -> bool {
        self.encoded.strong_count() == 0
    }
}

impl<M> Default for Pool<M> {
    fn default() -> Self {
        Self { free: Mutex::default() }
    }
}

impl<M> Pool<M> {
    /// The most bytes that wait for their next use.
    const MOST_FREE: u64 = 256 << 20;

    pub(super) fn trim(&self) {
        lock(&self.free).clear();
    }

    /// The smallest idle memory that suits, of at least `size` bytes, unless it holds more than twice as many.
    fn take(&self, size: u64, suits: impl Fn(&M) -> bool) -> Option<Own<M>> {
        let mut free = lock(&self.free);
        let fits = |free: &Free<M>| {
            (size..=size.saturating_mul(2)).contains(&free.own.size) && free.is_idle() && suits(&free.own.memory)
        };
        let fitting = free.iter().enumerate().filter(|(_, free)| fits(free));
        let (index, _) = fitting.min_by_key(|(_, free)| free.own.size)?;
        Some(free.swap_remove(index).own)
    }

    fn give(&self, own: Own<M>, encoded: Encoded) {
        let mut free = lock(&self.free);
        free.push(Free { own, encoded, poisoned: false });
        let mut bytes: u64 = free.iter().map(|free| free.own.size).sum();
        while bytes > Self::MOST_FREE {
            bytes -= free.remove(0).own.size;
        }
    }
}

impl Gpu {
    /// Fills the workspace that no recorder holds with NaN: a test's way to find out what is read before it is written.
    ///
    /// # Errors
    /// [`Error::DeviceLost`](crate::Error::DeviceLost), or what went wrong on the device since the last call.
    #[doc(hidden)]
    pub fn poison_workspace(&self) -> Result<()> {
        self.guarded(|| {
            for free in lock(&self.inner.workspaces.free).iter_mut().filter(|free| free.is_idle() && !free.poisoned) {
                self.queue().write_buffer(&free.own.memory, 0, &vec![0xff; free.own.size as usize]);
                free.poisoned = true;
            }
            for free in lock(&self.inner.textures.free).iter_mut().filter(|free| free.is_idle() && !free.poisoned) {
                texture::poison(self.queue(), &free.own.memory, free.own.size);
                free.poisoned = true;
            }
        })
    }
}

/// Leased memory. It goes back to its pool when dropped.
pub(super) struct Lease<M> {
    /// The memory: present until the drop.
    own: Option<Own<M>>,
    pool: Arc<Pool<M>>,
    encoded: Encoded,
}

impl Lease<wgpu::Buffer> {
    pub(super) fn workspace(gpu: &Gpu, encoding: &Encoding, size: u64) -> Result<Self> {
        Self::buffer(gpu, &gpu.inner.workspaces, Arc::downgrade(encoding), "pliant workspace", size, Tensor::USAGES)
    }

    /// A staging buffer, to be unmapped before it is dropped.
    pub(super) fn staging(gpu: &Gpu, size: u64) -> Result<Self> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        Self::buffer(gpu, &gpu.inner.stagings, Encoded::new(), "pliant staging", size, usage)
    }

    fn buffer(
        gpu: &Gpu,
        pool: &Arc<Pool<wgpu::Buffer>>,
        encoded: Encoded,
        label: &str,
        size: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<Self> {
        let size = size_class(size).min(gpu.capabilities().limits.max_buffer_size).max(size);
        let own = pool.take(size, |_| true);
        Self::new(pool, encoded, own, || OwnBuffer::buffer(gpu, label, size, usage, None))
    }
}

impl Lease<wgpu::Texture> {
    pub(super) fn texture(gpu: &Gpu, encoding: &Encoding, texel: Texel, size: u64) -> Result<Self> {
        let pool = &gpu.inner.textures;
        let own = pool.take(size, |texture| texel.is_of(texture));
        Self::new(pool, Arc::downgrade(encoding), own, || Ok(Own::new(gpu, texture::texture(gpu, texel, size)?, size)))
    }
}

impl<M> Lease<M> {
    fn new(
        pool: &Arc<Pool<M>>,
        encoded: Encoded,
        own: Option<Own<M>>,
        make: impl FnOnce() -> Result<Own<M>>,
    ) -> Result<Self> {
        let own = own.map_or_else(make, Ok)?;
        Ok(Self { own: Some(own), pool: Arc::clone(pool), encoded })
    }

    pub(super) fn size(&self) -> u64 {
        self.own.as_ref().map_or(0, |own| own.size)
    }

    /// Drops the memory instead of giving it back.
    pub(super) fn discard(&mut self) {
        self.own = None;
    }

    pub(super) fn memory(&self) -> Result<&M> {
        let given_back = || Error::Validation("memory was used after it was given back".to_string());
        self.own.as_ref().map(|own| &own.memory).ok_or_else(given_back)
    }
}

/// The size rounded up, by a quarter and by 128 KiB at most, so that slightly different problems find each other's buffers.
fn size_class(size: u64) -> u64 {
    size.next_multiple_of((size.next_power_of_two() / 8).clamp(256, 128 << 10))
}

impl<M> Drop for Lease<M> {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            self.pool.give(own, self.encoded.clone());
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
    pub(super) fn params(&self, params: &[u8]) -> Result<Binding> {
        /// Beyond this many, all are made anew as they come; recordings keep theirs.
        const MOST_PARAMS: usize = 16384;
        let buffers = &self.inner.params.buffers;
        if let Some(own) = lock(buffers).get(params) {
            return Ok(Binding::whole(&own.memory));
        }
        let size = params.len().next_multiple_of(16) as u64;
        let own = Arc::new(OwnBuffer::buffer(self, "pliant params", size, wgpu::BufferUsages::UNIFORM, Some(params))?);
        let binding = Binding::whole(&own.memory);
        let mut buffers = lock(buffers);
        if buffers.len() >= MOST_PARAMS {
            buffers.clear();
        }
        buffers.insert(params.into(), own);
        Ok(binding)
    }
}
