//! Workspace in textures: adapters that run on the CPU load a texel several times as fast as four words of a buffer.

use super::{Binding, Gpu, axis};
use crate::error::{Error, Result};
use crate::gpu::tensor::Resource;

/// Texels that kernels use and lines of a buffer are copied into: texel `i` is (i % width, i / width). See shared/panels/layout.wgsl.
#[derive(Debug, Clone)]
pub(crate) struct Texture {
    /// A view of the whole texture: made once, bound by many dispatches.
    view: wgpu::TextureView,
}

/// Texels in a row of a texture.
const WIDTH: u32 = 4096;

/// The content of a texel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texel {
    /// A quad of f32: lavapipe loads it in the time of one or two words of a buffer.
    Quad,
    /// Four words of any kind, likewise.
    Words,
    /// One f32: lavapipe loads those of a whole subgroup by one instruction, in the time of one word of a buffer.
    Element,
}

axis!(Texel { Quad: "", Words: "words", Element: "elements" });

impl Texel {
    /// Bytes of a texel.
    pub(crate) const fn bytes(self) -> u64 {
        match self {
            Self::Quad | Self::Words => 16,
            Self::Element => 4,
        }
    }

    const fn format(self) -> wgpu::TextureFormat {
        match self {
            Self::Quad => wgpu::TextureFormat::Rgba32Float,
            Self::Words => wgpu::TextureFormat::Rgba32Uint,
            Self::Element => wgpu::TextureFormat::R32Float,
        }
    }

    pub(super) fn is_of(self, texture: &wgpu::Texture) -> bool {
        texture.format() == self.format()
    }
}

impl Texture {
    /// The least that a device must allow: of quads for anything, of elements for 128 MiB.
    pub(super) const MIN_DIMENSION: u32 = 8192;

    /// Textures that a kernel binds at most.
    pub(crate) const MOST_BOUND: u32 = 4;

    /// The most bytes on a device: as many rows as it allows, up to 1 GiB, beyond which lavapipe makes no texture.
    pub(crate) fn most_bytes(gpu: &Gpu, texel: Texel) -> u64 {
        let rows = u64::from(gpu.capabilities().limits.max_texture_dimension_2d);
        (rows * u64::from(WIDTH) * texel.bytes()).min(1 << 30)
    }

    /// Makes a texture of quads outside the pool.
    pub(crate) fn new(gpu: &Gpu, quads: u64) -> Result<Self> {
        Ok(Self::of(&texture(gpu, Texel::Quad, whole_rows(Texel::Quad, quads))?))
    }

    pub(super) fn of(texture: &wgpu::Texture) -> Self {
        Self { view: texture.create_view(&wgpu::TextureViewDescriptor::default()) }
    }

    /// The whole texture, as a binding.
    pub(crate) fn binding(&self) -> Binding {
        Binding::texture(&self.view)
    }
}

/// Lines of a buffer that are copied into a texture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) texel: Texel,
    pub(crate) count: u32,
    /// Texels of a line.
    pub(crate) length: u32,
    /// Texels from one line to the next in the buffer.
    pub(crate) stride: u32,
    /// The texel of the texture where the first begins; a multiple of the pitch of lines that do not follow each other.
    pub(crate) first: u32,
}

impl Lines {
    /// The most texels of lines of which a row of a texture holds whole ones.
    pub(crate) const MOST_APART: u32 = WIDTH;

    /// The most commands that a copy is worth.
    pub(crate) const MOST_COMMANDS: u32 = 64;

    /// So many texels that follow each other.
    pub(crate) fn one(texel: Texel, texels: u32) -> Self {
        Self { texel, count: 1, length: texels, stride: texels, first: 0 }
    }

    /// Texels from one line to the next: none lie between those that follow each other in the buffer; of others, a row of the texture holds whole ones,
    /// or a line has rows of its own.
    pub(crate) fn pitch(self) -> u32 {
        match self.length {
            length if self.are_together() => length,
            length @ ..=WIDTH => length.next_power_of_two(),
            length => length.next_multiple_of(WIDTH),
        }
    }

    /// Whether a few commands copy them.
    pub(crate) fn are_copied(self) -> bool {
        let columns = self.count.min((WIDTH / self.pitch().max(1)).max(1));
        self.are_together() || self.have_rows() && columns <= Self::MOST_COMMANDS || self.count <= Self::MOST_COMMANDS
    }

    /// Whether they follow each other in the buffer.
    pub(crate) fn are_together(self) -> bool {
        self.count == 1 || self.stride == self.length
    }

    /// Whether a command copies all lines that lie below each other in the texture.
    fn have_rows(self) -> bool {
        self.length <= WIDTH && self.stride >= self.length && self.row_bytes().is_multiple_of(ROW_ALIGNMENT)
    }

    /// Bytes of the buffer from a line to the one below it in the texture.
    fn row_bytes(self) -> u64 {
        u64::from(self.stride) * u64::from(WIDTH / self.pitch()) * self.texel.bytes()
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
    /// The copy of lines from the texel on at which a binding's range begins; none where a dispatch has to do it, as from buffers that must not be
    /// copied from.
    pub(super) fn new(from: &Binding, to: &Texture, lines: Lines) -> Option<Self> {
        let Resource::Buffer { buffer, offset, .. } = &from.resource else { return None };
        let offset = offset + u64::from(from.first) * 4;
        let bytes = lines.texel.bytes();
        if !lines.are_copied()
            || !offset.is_multiple_of(bytes)
            || !buffer.usage().contains(wgpu::BufferUsages::COPY_SRC)
        {
            return None;
        }
        let rectangle = |texel: u64, row_bytes: u64, [to, width, height]: [u32; 3]| {
            let bytes_per_row = (height > 1).then_some(row_bytes as u32);
            Rectangle {
                layout: wgpu::TexelCopyBufferLayout {
                    offset: offset + texel * bytes,
                    bytes_per_row,
                    rows_per_image: None,
                },
                origin: wgpu::Origin3d { x: to % WIDTH, y: to / WIDTH, z: 0 },
                size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            }
        };
        // Texels that follow each other: those before whole rows of the texture, the rows, and those behind them.
        let run = |from: u64, to: u32, length: u32| {
            let head = (to.next_multiple_of(WIDTH) - to).min(length);
            let rows = (length - head) / WIDTH;
            let behind = head + rows * WIDTH;
            [
                rectangle(from, 0, [to, head, 1]),
                rectangle(from + u64::from(head), u64::from(WIDTH) * bytes, [to + head, WIDTH, rows]),
                rectangle(from + u64::from(behind), 0, [to + behind, length - behind, 1]),
            ]
        };
        let Lines { count, length, stride, first, .. } = lines;
        let (pitch, line) = (lines.pitch(), |i: u32| u64::from(i) * u64::from(stride));
        let rectangles: Vec<_> = if lines.are_together() {
            run(0, first, count * length).into()
        } else if lines.have_rows() {
            let together = WIDTH / pitch;
            let column = |i: u32| {
                let rows = count.saturating_sub(i).div_ceil(together);
                rectangle(line(i), lines.row_bytes(), [first + i * pitch, length, rows])
            };
            (0..together).map(column).collect()
        } else {
            (0..count).flat_map(|i| run(line(i), first + i * pitch, length)).collect()
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

/// Bytes of the rows of a texture that hold so many texels.
pub(super) fn whole_rows(texel: Texel, texels: u64) -> u64 {
    texels.next_multiple_of(WIDTH.into()) * texel.bytes()
}

/// A texture of so many bytes, in whole rows.
pub(super) fn texture(gpu: &Gpu, texel: Texel, size: u64) -> Result<wgpu::Texture> {
    let most = Texture::most_bytes(gpu, texel);
    if size > most {
        return Err(Error::limit("texture", format!("a texture of {size} bytes is needed; {most} are the most")));
    }
    gpu.before_allocation(size)?;
    gpu.guarded(|| {
        let height = (size / texel.bytes() / u64::from(WIDTH)) as u32;
        create(gpu, "pliant texture", texel.format(), [WIDTH, height])
    })
}

/// A texture of entries of four words, entry `i` where quad `i` of a texture is.
pub(super) fn constant(gpu: &Gpu, label: &str, entries: &[[u32; 4]]) -> Result<wgpu::Texture> {
    let width = (entries.len() as u64).clamp(1, WIDTH.into()) as u32;
    let height = entries.len().div_ceil(width as usize).max(1);
    let mut contents = entries.to_vec();
    contents.resize(width as usize * height, [0; 4]);
    gpu.before_allocation(size_of_val(&*contents) as u64)?;
    gpu.guarded(|| {
        let texture = create(gpu, label, Texel::Words.format(), [width, height as u32]);
        write(gpu.queue(), &texture, bytemuck::cast_slice(&contents));
        texture
    })
}

fn create(gpu: &Gpu, label: &str, format: wgpu::TextureFormat, [width, height]: [u32; 2]) -> wgpu::Texture {
    gpu.device().create_texture(&wgpu::TextureDescriptor {
        label: Some(label),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    })
}

/// Writes all texels of a texture.
fn write(queue: &wgpu::Queue, texture: &wgpu::Texture, contents: &[u8]) {
    let row = contents.len() as u32 / texture.height();
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None };
    queue.write_texture(texture.as_image_copy(), contents, layout, texture.size());
}

/// Fills a texture of so many bytes with NaN.
pub(super) fn poison(queue: &wgpu::Queue, texture: &wgpu::Texture, size: u64) {
    write(queue, texture, &vec![0xff; size as usize]);
}
