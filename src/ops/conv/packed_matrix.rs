//! Matrices in quads along their rows, in workspace that kernels share.

use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Binding, Constant, Fit, Gpu, Lines, Recorder, Tensor, Texel, Texture};
use crate::kernels::layout::{Layout, panel_texels};
use crate::kernels::matmul::copy_lines::copy_lines;
use crate::ops::matmul::product::{Elements, Matrix, Operand, Output, Panels};
use crate::ops::plan::bindable;

/// A batch of matrices of f32. In panels its rows are filled up to whole ones.
#[derive(Debug, Clone)]
pub(crate) struct PackedMatrix {
    memory: Memory,
    batch: u32,
    rows: u32,
    /// Quads of a row.
    quads: u32,
}

#[derive(Debug, Clone)]
enum Memory {
    Rows(Tensor),
    Panels(Texture),
}

/// The layout that a device wants for matrices, the largest of so many bytes, rows filled up, where it binds so many bytes of a buffer at once.
pub(crate) fn layout(gpu: &Gpu, largest: u64, bound: u64) -> Layout {
    let fits = largest <= Texture::most_bytes(gpu, Texel::Quad) && bound <= bindable(gpu);
    if gpu.capabilities().textures() && fits { Layout::Panels } else { Layout::Rows }
}

/// A table for kernels with workspace of this layout: shared/rows/table.wgsl, shared/panels/table.wgsl.
pub(crate) fn table(gpu: &Gpu, layout: Layout, label: &str, entries: &[[u32; 4]]) -> Result<Constant> {
    match layout {
        Layout::Rows => Constant::buffer(gpu, label, entries),
        Layout::Panels => Constant::texture(gpu, label, entries),
    }
}

impl PackedMatrix {
    /// Takes matrices from the workspace of the op that is being recorded.
    pub(crate) fn workspace(recorder: &mut Recorder, layout: Layout, [batch, rows, quads]: [u32; 3]) -> Result<Self> {
        let memory = match layout {
            Layout::Rows => Memory::Rows(recorder.workspace([batch, rows, quads, 4])?),
            Layout::Panels => {
                Memory::Panels(recorder.texture(Texel::Quad, u64::from(batch) * panel_texels(rows, quads))?)
            }
        };
        Ok(Self { memory, batch, rows, quads })
    }

    /// Takes panels from the workspace of the op that is being recorded, with a copy of one quad behind them.
    pub(crate) fn panels_with(
        recorder: &mut Recorder,
        [batch, rows, quads]: [u32; 3],
        quad: &Constant,
    ) -> Result<Self> {
        let texels = u64::from(batch) * panel_texels(rows, quads);
        let texture = recorder.texture(Texel::Quad, texels + 1)?;
        let line = Lines { first: texels as u32, ..Lines::one(Texel::Quad, 1) };
        copy_lines(recorder, &quad.binding(), &texture, line)?;
        Ok(Self { memory: Memory::Panels(texture), batch, rows, quads })
    }

    /// Takes a buffer from the workspace of the op that is being recorded, for what [`PackedMatrix::copy_from`] copies.
    pub(crate) fn held(&self, recorder: &mut Recorder) -> Result<Tensor> {
        recorder.workspace([self.texels(), 4])
    }

    /// Records the copy of panels that a buffer holds.
    pub(crate) fn copy_from(&self, recorder: &mut Recorder, held: &Tensor) -> Result<()> {
        let Memory::Panels(texture) = &self.memory else { return Ok(()) };
        let quads = self.texels();
        let binding = held.binding("columns", 0..4 * u64::from(quads))?;
        Ok(copy_lines(recorder, &binding, texture, Lines::one(Texel::Quad, quads))?)
    }

    /// The texels of panels.
    pub(crate) fn texels(&self) -> u32 {
        (u64::from(self.batch) * panel_texels(self.rows, self.quads)) as u32
    }

    /// Makes matrices in memory outside the pool.
    pub(crate) fn new(gpu: &Gpu, layout: Layout, [batch, rows, quads]: [u32; 3]) -> Result<Self> {
        let memory = match layout {
            Layout::Rows => Memory::Rows(Tensor::new(gpu, [batch, rows, quads, 4], DType::F32)?),
            Layout::Panels => Memory::Panels(Texture::new(gpu, u64::from(batch) * panel_texels(rows, quads))?),
        };
        Ok(Self { memory, batch, rows, quads })
    }

    /// A view of the memory as matrices of fewer rows.
    pub(crate) fn with_rows(&self, rows: u32) -> Self {
        debug_assert!(rows <= self.rows, "{rows} of {} rows", self.rows);
        Self { rows, ..self.clone() }
    }

    pub(crate) fn layout(&self) -> Layout {
        match &self.memory {
            Memory::Rows(_) => Layout::Rows,
            Memory::Panels(_) => Layout::Panels,
        }
    }

    /// The whole memory, as a binding.
    pub(crate) fn binding(&self, argument: &'static str) -> Fit<Binding> {
        let rows = u64::from(self.batch) * u64::from(self.rows);
        self.rows_binding(argument, 0..rows)
    }

    /// A binding of some rows, counted over the batch; of panels all.
    pub(crate) fn rows_binding(&self, argument: &'static str, rows: std::ops::Range<u64>) -> Fit<Binding> {
        debug_assert!(rows.end <= u64::from(self.batch) * u64::from(self.rows), "{argument}: {rows:?} of {self:?}");
        let row = 4 * u64::from(self.quads);
        match &self.memory {
            Memory::Rows(tensor) => tensor.binding(argument, rows.start * row..rows.end * row),
            Memory::Panels(texture) => Ok(texture.binding()),
        }
    }

    /// The operand of a product whose vectors are the rows.
    pub(crate) fn along(&self, argument: &'static str) -> Operand<'_> {
        self.operand(argument, false)
    }

    /// The operand of a product whose depth goes down the rows.
    pub(crate) fn across(&self, argument: &'static str) -> Operand<'_> {
        self.operand(argument, true)
    }

    /// The output of a product.
    pub(crate) fn output(&self) -> Output<'_> {
        match &self.memory {
            Memory::Rows(tensor) => {
                let row = 4 * self.quads;
                let batch = u64::from(self.rows) * u64::from(row);
                Output::Elements(Elements {
                    tensor,
                    first: 0,
                    batch,
                    row: row.into(),
                    column_first: 0,
                    plane: row,
                    plane_stride: 0,
                })
            }
            Memory::Panels(texture) => Output::Panels(self.panels(texture, false)),
        }
    }

    fn panels(&self, texture: &Texture, across: bool) -> Panels {
        Panels {
            texture: texture.clone(),
            first: 0,
            batch: panel_texels(self.rows, self.quads),
            row: 0,
            quad: 0,
            quads: self.quads,
            across,
        }
    }

    fn operand(&self, argument: &'static str, across: bool) -> Operand<'_> {
        match &self.memory {
            Memory::Rows(tensor) => {
                let row = 4 * u64::from(self.quads);
                let (vector, depth) = if across { (1, row) } else { (row, 1) };
                let batch = u64::from(self.rows) * row;
                Operand::Matrix(Matrix { argument, tensor, first: 0, batch, vector, depth })
            }
            Memory::Panels(texture) => Operand::Panels(self.panels(texture, across)),
        }
    }
}
