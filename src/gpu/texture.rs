//! Workspace in textures: adapters that run on the CPU load a texel several times as fast as four words of a buffer.

use super::{Binding, Gpu};
use crate::error::{Error, Result};
use crate::gpu::tensor::Resource;

/// Quads of f32 in a texture, which kernels use and lines of a buffer are copied into: quad `i` is the texel (i % width, i / width). See shared/panels/layout.wgsl.
#[derive(Debug, Clone)]
pub(crate) struct Texture {
    /// A view of the whole texture: made once, bound by many dispatches.
    view: wgpu::TextureView,
}

/// Texels in a row of a texture.
const WIDTH: u32 = 4096;

/// Bytes of a quad of f32, which is a texel.
pub(super) const QUAD: u64 = 16;

impl Texture {
    /// The least that a device must allow, for textures to be large enough for anything.
    pub(super) const MIN_DIMENSION: u32 = 8192;

    /// Textures that a kernel binds at most.
    pub(crate) const MOST_BOUND: u32 = 4;

    /// The most bytes on a device: as many rows as it allows, up to 1 GiB, beyond which lavapipe makes no texture.
    pub(crate) fn most_bytes(gpu: &Gpu) -> u64 {
        let rows = u64::from(gpu.capabilities().limits.max_texture_dimension_2d);
        (rows * u64::from(WIDTH) * QUAD).min(1 << 30)
    }

    /// Makes a texture outside the pool.
    pub(crate) fn new(gpu: &Gpu, quads: u64) -> Result<Self> {
        Ok(Self::of(&texture(gpu, whole_rows(quads * QUAD))?))
    }

    pub(super) fn of(texture: &wgpu::Texture) -> Self {
        Self { view: texture.create_view(&wgpu::TextureViewDescriptor::default()) }
    }

    /// The whole texture, as a binding.
    pub(crate) fn binding(&self) -> Binding {
        Binding::texture(&self.view)
    }
}

/// Lines of quads in a buffer that are copied into a texture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) count: u32,
    /// Quads of a line.
    pub(crate) quads: u32,
    /// Quads from one line to the next.
    pub(crate) stride: u32,
}

impl Lines {
    /// The most quads of lines that do not follow each other, so that a row of a texture holds one.
    pub(crate) const MOST_APART: u32 = WIDTH;

    /// The most commands that a copy is worth.
    const MOST_COMMANDS: u32 = 64;

    /// So many quads that follow each other.
    pub(crate) fn one(quads: u32) -> Self {
        Self { count: 1, quads, stride: quads }
    }

    /// Texels from one line to the next: none lie between those that follow each other in the buffer; of others, a row of the texture holds whole ones.
    pub(crate) fn pitch(self) -> u32 {
        if self.are_together() { self.quads } else { self.quads.next_power_of_two() }
    }

    /// Whether a few commands copy them.
    pub(crate) fn are_copied(self) -> bool {
        self.are_together()
            || self.quads <= Self::MOST_APART
                && self.stride >= self.quads
                && self.row_bytes().is_multiple_of(ROW_ALIGNMENT)
                && self.count.min(WIDTH / self.pitch()) <= Self::MOST_COMMANDS
    }

    /// Whether they follow each other in the buffer.
    pub(crate) fn are_together(self) -> bool {
        self.count == 1 || self.stride == self.quads
    }

    /// Bytes of the buffer from a line to the one below it in the texture.
    fn row_bytes(self) -> u64 {
        u64::from(self.stride) * u64::from(WIDTH / self.pitch()) * QUAD
    }
}

/// The commands that copy lines from a buffer into a texture.
pub(super) struct LineCopy {
    buffer: wgpu::Buffer,
    texture: wgpu::Texture,
    rectangles: Vec<Rectangle>,
}

/// Texels whose rows lie equally far apart in a buffer.
struct Rectangle {
    layout: wgpu::TexelCopyBufferLayout,
    origin: wgpu::Origin3d,
    size: wgpu::Extent3d,
}

/// wgpu's unit of bytes between rows of a rectangle.
const ROW_ALIGNMENT: u64 = wgpu::COPY_BYTES_PER_ROW_ALIGNMENT as u64;

impl LineCopy {
    /// The copy of lines from the quad on at which a binding's range begins; none where a dispatch has to do it, as from buffers that must not be
    /// copied from.
    pub(super) fn new(from: &Binding, to: &Texture, lines: Lines) -> Option<Self> {
        let Resource::Buffer { buffer, offset, .. } = &from.resource else { return None };
        let offset = offset + u64::from(from.first) * 4;
        if !lines.are_copied() || !offset.is_multiple_of(QUAD) || !buffer.usage().contains(wgpu::BufferUsages::COPY_SRC)
        {
            return None;
        }
        let rectangle = |quad: u64, row_bytes: u64, [x, y, width, height]: [u32; 4]| {
            let bytes_per_row = (height > 1).then_some(row_bytes as u32);
            Rectangle {
                layout: wgpu::TexelCopyBufferLayout {
                    offset: offset + quad * QUAD,
                    bytes_per_row,
                    rows_per_image: None,
                },
                origin: wgpu::Origin3d { x, y, z: 0 },
                size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            }
        };
        let Lines { count, quads, stride } = lines;
        let rectangles = if lines.are_together() {
            let (rows, rest) = (count * quads / WIDTH, count * quads % WIDTH);
            let whole = rectangle(0, u64::from(WIDTH) * QUAD, [0, 0, WIDTH, rows]);
            vec![whole, rectangle(u64::from(rows * WIDTH), 0, [0, rows, rest, 1])]
        } else {
            let (pitch, together) = (lines.pitch(), WIDTH / lines.pitch());
            let column = |i: u32| {
                let rows = count.saturating_sub(i).div_ceil(together);
                rectangle(u64::from(i) * u64::from(stride), lines.row_bytes(), [i * pitch, 0, quads, rows])
            };
            (0..together).map(column).collect()
        };
        let rectangles =
            rectangles.into_iter().filter(|rectangle| rectangle.size.width > 0 && rectangle.size.height > 0);
        Some(Self { buffer: buffer.clone(), texture: to.view.texture().clone(), rectangles: rectangles.collect() })
    }

    pub(super) fn encode(&self, encoder: &mut wgpu::CommandEncoder) {
        for &Rectangle { layout, origin, size } in &self.rectangles {
            let from = wgpu::TexelCopyBufferInfo { buffer: &self.buffer, layout };
            let to = wgpu::TexelCopyTextureInfo { origin, ..self.texture.as_image_copy() };
            encoder.copy_buffer_to_texture(from, to, size);
        }
    }
}

pub(super) fn whole_rows(size: u64) -> u64 {
    size.next_multiple_of(u64::from(WIDTH) * QUAD)
}

/// A texture of so many bytes, in whole rows.
pub(super) fn texture(gpu: &Gpu, size: u64) -> Result<wgpu::Texture> {
    let most = Texture::most_bytes(gpu);
    if size > most {
        return Err(Error::limit("texture", format!("a texture of {size} bytes is needed; {most} are the most")));
    }
    gpu.before_allocation(size)?;
    gpu.guarded(|| {
        gpu.device().create_texture(&wgpu::TextureDescriptor {
            label: Some("pliant texture"),
            size: extent(size),
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba32Float,
            usage: wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        })
    })
}

/// A texture of entries of four words, entry `i` where quad `i` of a texture is.
pub(super) fn constant(gpu: &Gpu, label: &str, entries: &[[u32; 4]]) -> Result<wgpu::Texture> {
    let width = (entries.len() as u64).clamp(1, WIDTH.into()) as u32;
    let height = entries.len().div_ceil(width as usize).max(1);
    let mut contents = entries.to_vec();
    contents.resize(width as usize * height, [0; 4]);
    gpu.before_allocation(contents.len() as u64 * QUAD)?;
    gpu.guarded(|| {
        let texture = gpu.device().create_texture(&wgpu::TextureDescriptor {
            label: Some(label),
            size: wgpu::Extent3d { width, height: height as u32, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba32Uint,
            usage: wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_DST,
            view_formats: &[],
        });
        write(gpu.queue(), &texture, bytemuck::cast_slice(&contents));
        texture
    })
}

fn write(queue: &wgpu::Queue, texture: &wgpu::Texture, contents: &[u8]) {
    let row = texture.width() * QUAD as u32;
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None };
    queue.write_texture(texture.as_image_copy(), contents, layout, texture.size());
}

fn extent(size: u64) -> wgpu::Extent3d {
    let height = (size / QUAD / u64::from(WIDTH)) as u32;
    wgpu::Extent3d { width: WIDTH, height, depth_or_array_layers: 1 }
}

/// Fills a texture with NaN.
pub(super) fn poison(queue: &wgpu::Queue, texture: &wgpu::Texture) {
    let size = texture.width() as usize * texture.height() as usize * QUAD as usize;
    write(queue, texture, &vec![0xff; size]);
}
