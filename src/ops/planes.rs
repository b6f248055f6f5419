//! Planes, or rows, that kernels read by elements or by quads: lavapipe loads them much faster from a texture, into which an encoder copies them.

use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Binding, Fit, Gpu, Lines, Recorder, Tensor, Texel, Texture};
use crate::kernels::layout::ReadFrom;
use crate::kernels::matmul::copy_lines::{self, copy_lines};
use crate::ops::plan::bindable;

/// Bytes of planes that are copied at a time: few enough to stay in a cache until they are read. A plane may have more, up to so many times as many.
const COPIED_BYTES: u64 = 4 << 20;
const MOST_TIMES: u64 = 4;

/// Where a kernel reads planes, by which texels, and how many at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlaneReads {
    pub(crate) from: ReadFrom,
    texel: Texel,
    pub(crate) at_once: u32,
}

impl PlaneReads {
    /// In buffers, all at once.
    pub(crate) const IN_BUFFER: Self = Self { from: ReadFrom::Buffer, texel: Texel::Element, at_once: u32::MAX };

    /// Where planes of so many elements are read fast.
    pub(crate) fn of(gpu: &Gpu, texel: Texel, elements: u64) -> Self {
        let bytes = elements.max(1).saturating_mul(DType::F32.size());
        let most = Texture::most_bytes(gpu, texel).min(bindable(gpu)).min(MOST_TIMES * COPIED_BYTES);
        if !gpu.capabilities().textures() || bytes > most {
            return Self::IN_BUFFER;
        }
        Self { from: ReadFrom::Texture, texel, at_once: (COPIED_BYTES / bytes).max(1) as u32 }
    }

    /// Compiles what copies them.
    pub(crate) fn compile(self, gpu: &Gpu) -> Result<()> {
        match self.from {
            ReadFrom::Buffer => Ok(()),
            ReadFrom::Texture => gpu.compile::<copy_lines::Kernel>(self.texel),
        }
    }

    /// Some elements of a tensor, as a kernel reads them: in its buffer, or in a texture that they are copied into.
    pub(crate) fn bound(
        self,
        recorder: &mut Recorder,
        (argument, tensor): (&'static str, &Tensor),
        elements: Range<u64>,
    ) -> Fit<Binding> {
        let bytes = (elements.end - elements.start) * DType::F32.size();
        let binding = tensor.binding(argument, elements)?;
        match self.from {
            ReadFrom::Buffer => Ok(binding),
            ReadFrom::Texture => Ok(copied(recorder, &binding, self.texel, bytes / self.texel.bytes())?.binding()),
        }
    }
}

/// Records the copy of so many texels, which follow each other, into a scratch texture.
pub(crate) fn copied(recorder: &mut Recorder, from: &Binding, texel: Texel, texels: u64) -> Fit<Texture> {
    let texture = recorder.texture(texel, texels)?;
    copy_lines(recorder, from, &texture, Lines::one(texel, texels as u32))?;
    Ok(texture)
}
