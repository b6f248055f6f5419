//! Workspace in textures: adapters that run on the CPU load a texel several times as fast as four words of a buffer.

use super::{Binding, Gpu};
use crate::error::{Error, Result};

/// Quads of f32 in a texture that kernels alone use: quad `i` is the texel (i % width, i / width). See shared/panels/layout.wgsl.
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
