//! Tensors: ranges of buffers with a shape and an element type.

use std::ops::Range;
use std::sync::Arc;

use super::contents::{Contents, ReadBack};
use super::{Download, Fit, Gpu, Unfit};
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::geometry::check_elements;
use crate::shape::Shape;

/// A contiguous, row-major range of a buffer on a [`Gpu`], with a [`Shape`] and a [`DType`].
///
/// Typed only where it meets the host. Cloning it copies no data. It owns whole 32-bit words: where an odd number of 16-bit
/// elements ends in half a word, the other half belongs to it too.
///
/// ```no_run
/// # async fn example() -> pliant::Result<()> {
/// use pliant::{Gpu, Tensor};
///
/// let gpu = Gpu::new().await?;
/// let tensor = Tensor::upload(&gpu, [2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(tensor.download::<f32>()?.await?, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Tensor {
    gpu: Gpu,
    buffer: wgpu::Buffer,
    /// In bytes; a multiple of 4.
    offset: u64,
    shape: Shape,
    dtype: DType,
    /// Present where the buffer is pliant's.
    contents: Option<Arc<Contents>>,
}

/// Shape and element type of a tensor: all that a plan needs to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TensorSpec {
    /// The extents.
    pub shape: Shape,
    /// How the elements are stored.
    pub dtype: DType,
}

impl Tensor {
    /// Usages of a buffer that a tensor can lie in.
    pub const USAGES: wgpu::BufferUsages =
        wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

    /// A tensor in a buffer of its own. wgpu gives it zeros.
    ///
    /// # Errors
    /// [`Error::Shape`] for more elements than `u32` counts, [`Error::Limit`] beyond the device's largest buffer,
    /// [`Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, shape: impl Into<Shape>, dtype: DType) -> Result<Self> {
        Self::made(gpu, shape.into(), dtype, None)
    }

    /// A tensor in a buffer of its own, whose first contents the host writes where some are given.
    fn made(gpu: &Gpu, shape: Shape, dtype: DType, contents: Option<&[u8]>) -> Result<Self> {
        check_elements("tensor", shape)?;
        let mappable = gpu.capabilities().mappable_tensors();
        let (label, size, mut usages) = ("pliant tensor", bytes(shape, dtype).max(4), Self::USAGES);
        usages.set(wgpu::BufferUsages::MAP_READ, mappable);
        let buffer = match contents {
            Some(contents) => gpu.filled_buffer(label, size, usages, contents)?,
            None => gpu.create_buffer(label, size, usages)?,
        };
        let contents = Some(Arc::new(Contents::new(mappable)));
        Ok(Self { gpu: gpu.clone(), buffer, offset: 0, shape, dtype, contents })
    }

    /// A tensor with the given elements.
    ///
    /// # Errors
    /// [`Error::Shape`] where the number of elements is not the shape's or beyond `u32`, [`Error::Limit`] beyond the device's largest
    /// buffer, [`Error::OutOfMemory`].
    pub fn upload<T: Element>(gpu: &Gpu, shape: impl Into<Shape>, elements: &[T]) -> Result<Self> {
        let shape = shape.into();
        if elements.len() as u64 != shape.elements() {
            return Err(Error::shape(
                "elements",
                format!("{} elements were given; a tensor of {shape} has {}", elements.len(), shape.elements()),
            ));
        }
        let elements: &[u8] = bytemuck::cast_slice(elements);
        let tensor = if gpu.capabilities().fills_in_place() {
            Self::made(gpu, shape, T::DTYPE, Some(elements))?
        } else {
            let tensor = Self::new(gpu, shape, T::DTYPE)?;
            gpu.guarded(|| {
                // Writes are in whole words.
                let (words, rest) = elements.split_at(elements.len() / 4 * 4);
                gpu.queue().write_buffer(&tensor.buffer, 0, words);
                if !rest.is_empty() {
                    let mut last = [0; 4];
                    last[..rest.len()].copy_from_slice(rest);
                    gpu.queue().write_buffer(&tensor.buffer, words.len() as u64, &last);
                }
            })?;
            tensor
        };
        tensor.contents.iter().for_each(|contents| contents.write());
        Ok(tensor)
    }

    /// A tensor over a range of a buffer of the caller's, from `offset` bytes on. Nothing is copied. On adapters that run on the CPU products are faster with the
    /// usage COPY_SRC and an offset of whole 16 bytes.
    ///
    /// The buffer must have been made on `gpu`'s device. wgpu refuses one of another device of the same instance at its first use; one of
    /// another instance it takes for whichever buffer has the same number here, and nothing can tell.
    ///
    /// # Errors
    /// [`Error::Attribute`] where the offset is no multiple of 4 or the buffer lacks the usage STORAGE, [`Error::Shape`] where
    /// the tensor would end beyond the buffer.
    pub fn from_buffer(
        gpu: &Gpu,
        buffer: wgpu::Buffer,
        offset: u64,
        shape: impl Into<Shape>,
        dtype: DType,
    ) -> Result<Self> {
        let shape = shape.into();
        check_elements("tensor", shape)?;
        if !offset.is_multiple_of(4) {
            return Err(Error::attribute(
                "offset",
                format!("the offset is {offset} bytes; it must be a multiple of 4"),
            ));
        }
        if !buffer.usage().contains(wgpu::BufferUsages::STORAGE) {
            let usage = buffer.usage();
            return Err(Error::attribute("buffer", format!("the buffer has the usages {usage:?}; STORAGE is needed")));
        }
        let end = offset.saturating_add(bytes(shape, dtype));
        if end > buffer.size() {
            let size = buffer.size();
            let message =
                format!("{shape} elements of {dtype} from byte {offset} on end at byte {end}; the buffer has {size}");
            return Err(Error::shape("buffer", message));
        }
        Ok(Self { gpu: gpu.clone(), buffer, offset, shape, dtype, contents: None })
    }

    /// The first elements of its memory, under other extents and as another type.
    pub(crate) fn viewed(&self, shape: impl Into<Shape>, dtype: DType) -> Self {
        let shape = shape.into();
        debug_assert!(bytes(shape, dtype) <= bytes(self.shape, self.dtype), "{shape} of {dtype}, of {:?}", self.spec());
        Self { shape, dtype, ..self.clone() }
    }

    /// A view of the elements from `first` on, which begin at a whole word, under extents of their own.
    pub(crate) fn section(&self, first: u64, shape: Shape) -> Self {
        let offset = first * self.dtype.size();
        debug_assert!(offset.is_multiple_of(4) && first + shape.elements() <= self.shape.elements());
        Self { offset: self.offset + offset, shape, ..self.clone() }
    }

    /// Gives the same elements under other extents. Nothing is copied: both are the same memory.
    ///
    /// ```no_run
    /// # async fn example(gpu: pliant::Gpu) -> pliant::Result<()> {
    /// let matrix = pliant::Tensor::upload(&gpu, [2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
    /// let row = matrix.reshape([6])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] where the shape has another number of elements.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if shape.elements() != self.shape.elements() {
            let (has, needs) = (self.shape.elements(), shape.elements());
            let message = format!("shape {shape} has {needs} elements; the tensor ({}) has {has}", self.shape);
            return Err(Error::shape("shape", message));
        }
        Ok(self.reshaped(shape))
    }

    /// A view of the elements under other extents, of which there are as many.
    pub(crate) fn reshaped(&self, shape: impl Into<Shape>) -> Self {
        self.viewed(shape, self.dtype)
    }

    /// Reads the elements back. The copy is submitted now, behind all work submitted before; the future waits for it.
    ///
    /// # Errors
    /// [`Error::DType`] where `T` is not the tensor's type, [`Error::Attribute`] where a wrapped buffer lacks COPY_SRC,
    /// [`Error::NotSubmitted`] where recordings write the tensor, none of which was submitted or encoded, and nothing else has written it;
    /// the future itself gives [`Error::DeviceLost`], or what went wrong on the device since the last call.
    pub fn download<T: Element>(&self) -> Result<Download<T>> {
        self.check_readable::<T>()?;
        Download::copied(&self.gpu, &self.buffer, self.offset, self.shape.elements() as usize)
    }

    /// Reads the elements of a tensor back that is not needed any more. Where tensors lie in memory that the host can map, as on adapters
    /// that run on the CPU, nothing is copied on the device; elsewhere it is [`Tensor::download`].
    ///
    /// Until the download has ended, what is submitted must not use the buffer through another clone of the tensor or a recording:
    /// wgpu refuses it.
    ///
    /// # Errors
    /// [`Error::DType`] where `T` is not the tensor's type, [`Error::Attribute`] where a wrapped buffer lacks COPY_SRC,
    /// [`Error::NotSubmitted`] where recordings write the tensor, none of which was submitted or encoded, and nothing else has written it;
    /// [`Error::Validation`] while another consuming download reads the same tensor; the future itself gives [`Error::DeviceLost`], or what
    /// went wrong on the device since the last call.
    pub fn into_download<T: Element>(self) -> Result<Download<T>> {
        self.check_readable::<T>()?;
        let Some(contents) = &self.contents else { return self.download() };
        if self.shape.elements() == 0 {
            return self.download();
        }
        match contents.begin_read_back() {
            ReadBack::Copy => self.download(),
            ReadBack::Map => {
                Download::mapped(&self.gpu, self.buffer, Arc::clone(contents), self.shape.elements() as usize)
            }
            ReadBack::Mapping => {
                let message = "the tensor is being read back by another consuming download, of a clone of it";
                Err(Error::Validation(message.to_string()))
            }
        }
    }

    fn check_readable<T: Element>(&self) -> Result<()> {
        if T::DTYPE != self.dtype {
            return Err(Error::dtype("tensor", format!("the tensor holds {}; {} was asked for", self.dtype, T::DTYPE)));
        }
        self.contents.as_ref().map_or(Ok(()), |contents| contents.check())
    }

    /// Reads the elements back and waits for them.
    ///
    /// # Errors
    /// [`Error::DType`] where `T` is not the tensor's type, [`Error::Attribute`] where a wrapped buffer lacks COPY_SRC,
    /// [`Error::NotSubmitted`] where recordings write the tensor, none of which was submitted or encoded, and nothing else has written it;
    /// [`Error::DeviceLost`], or what went wrong on the device since the last call.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn download_blocking<T: Element>(&self) -> Result<Vec<T>> {
        self.download()?.wait()
    }

    /// The device that holds it.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Shape and element type.
    pub fn spec(&self) -> TensorSpec {
        TensorSpec { shape: self.shape, dtype: self.dtype }
    }

    /// The extents.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How its elements are stored.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The buffer it lies in.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// The byte of the buffer at which it starts.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether it begins where four words of a buffer do, so that kernels may load them at once.
    pub(crate) fn begins_a_quad(&self) -> bool {
        self.offset.is_multiple_of(16)
    }

    /// A range of its elements, as a binding.
    pub(crate) fn binding(&self, argument: &'static str, elements: Range<u64>) -> Fit<Binding> {
        // Workspace may lie in a larger buffer: what happens to be there is not the tensor's.
        debug_assert!(elements.end <= self.shape.elements(), "{argument}: {elements:?} of {} are bound", self.shape);
        // Bindings start at multiples of the device's alignment; the rest of the way is the kernel's.
        let alignment = u64::from(self.gpu.capabilities().limits.min_storage_buffer_offset_alignment);
        let start = self.offset + elements.start * self.dtype.size();
        let end = self.offset + (elements.end * self.dtype.size()).next_multiple_of(4);
        let offset = start / alignment * alignment;
        let (size, most) = (end - offset, self.gpu.capabilities().max_binding());
        if size > most {
            let message = format!("{argument} needs a binding of {size} bytes at least; the device has {most} at most");
            return Err(Unfit::too_large(argument, message));
        }
        let first = ((start - offset) / self.dtype.size()) as u32;
        let resource = Resource::Buffer { buffer: self.buffer.clone(), offset, size };
        Ok(Binding { resource, first, contents: self.contents.clone() })
    }
}

/// The bytes of a tensor, in whole words.
fn bytes(shape: Shape, dtype: DType) -> u64 {
    (shape.elements() * dtype.size()).next_multiple_of(4)
}

/// A range of a buffer, or a texture, as one binding of a dispatch shows it.
#[derive(Clone)]
pub(crate) struct Binding {
    pub(super) resource: Resource,
    /// The element of the binding at which the range starts.
    pub(crate) first: u32,
    /// The contents of the tensor, where this is a range of one in a buffer of pliant's.
    pub(super) contents: Option<Arc<Contents>>,
}

#[derive(Clone)]
pub(super) enum Resource {
    Buffer { buffer: wgpu::Buffer, offset: u64, size: u64 },
    Texture(wgpu::TextureView),
}

impl Binding {
    pub(super) fn whole(buffer: &wgpu::Buffer) -> Self {
        let resource = Resource::Buffer { buffer: buffer.clone(), offset: 0, size: buffer.size() };
        Self { resource, first: 0, contents: None }
    }

    pub(super) fn texture(view: &wgpu::TextureView) -> Self {
        Self { resource: Resource::Texture(view.clone()), first: 0, contents: None }
    }

    /// Whether it shows whole quads: of f32, an array of quads has all of its elements.
    pub(crate) fn ends_a_quad(&self) -> bool {
        match &self.resource {
            Resource::Buffer { size, .. } => size.is_multiple_of(16),
            Resource::Texture(_) => true,
        }
    }

    pub(super) fn resource(&self) -> wgpu::BindingResource<'_> {
        match &self.resource {
            Resource::Buffer { buffer, offset, size } => wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer,
                offset: *offset,
                size: std::num::NonZeroU64::new(*size),
            }),
            Resource::Texture(view) => wgpu::BindingResource::TextureView(view),
        }
    }
}
