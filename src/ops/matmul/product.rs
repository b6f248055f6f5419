//! Batches of matrix products, in as many dispatches as a device takes.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::gpu::{Axis as _, Binding, Fit, Gpu, Lines, Loops, Recorder, Subgroup, Tensor, Texel, Texture, Unfit};
use crate::kernels::activation::Activation;
use crate::kernels::layout::{Layout, panel_texels};
use crate::kernels::matmul::copy_lines::{self, copy_lines};
use crate::kernels::matmul::end::End;
use crate::kernels::matmul::matmul_narrow::{self, Order, matmul_narrow};
use crate::kernels::matmul::matmul_subgroup::{self, matmul_subgroup};
use crate::kernels::matmul::matmul_subgroup_nn::{self, matmul_subgroup_nn};
use crate::kernels::matmul::matmul_subgroup_tn::{self, matmul_subgroup_tn};
use crate::kernels::matmul::matmul_tiled::{self, Operands, matmul_tiled};
use crate::kernels::matmul::matmul_windows::{self, matmul_windows};
use crate::kernels::matmul::pack_fours::{self, pack_fours};
use crate::kernels::matmul::pack_panels::{self, pack_panels};
use crate::kernels::matmul::subgroup_tile::{self, Updates};
use crate::ops::plan::in_units;

/// An operand of a product: vectors, which are rows of a and columns of b, of as many elements as the product is deep.
#[derive(Clone)]
pub(crate) enum Operand<'a> {
    Matrix(Matrix<'a>),
    Panels(Panels),
    Windows(Box<Windows>),
}

/// The columns of a window over packed images, which are made from these as they are needed: the vectors are output pixels, batches the groups.
/// matmul/matmul_windows.wgsl.
#[derive(Clone)]
pub(crate) struct Windows {
    pub(crate) packed: Binding,
    /// Offsets and masks of a deformable window.
    pub(crate) points: Option<Binding>,
    /// The parameters of windows, without those of a product.
    pub(crate) params: matmul_windows::Params,
}

/// A batch of matrices in a tensor, element k of vector v `first + n * batch + v * vector + k * depth`. Where `batch` is 0, all are one.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) argument: &'static str,
    pub(crate) tensor: &'a Tensor,
    pub(crate) first: u64,
    pub(crate) batch: u64,
    pub(crate) vector: u64,
    pub(crate) depth: u64,
}

/// A batch of matrices in panels: matmul/subgroup/tile.wgsl.
#[derive(Debug, Clone)]
pub(crate) struct Panels {
    pub(crate) texture: Texture,
    pub(crate) first: u64,
    pub(crate) batch: u64,
    pub(crate) row: u32,
    pub(crate) quad: u32,
    pub(crate) quads: u32,
    /// Whether the depth goes down the rows.
    pub(crate) across: bool,
}

impl<'a> Matrix<'a> {
    /// Matrices one behind another, vector by vector; where they are stored transposed, element by element.
    pub(crate) fn dense(
        argument: &'static str,
        tensor: &'a Tensor,
        [vectors, depth]: [u32; 2],
        transposed: bool,
    ) -> Self {
        let [vectors, depth] = [vectors, depth].map(u64::from);
        let (vector, along) = if transposed { (1, vectors) } else { (depth, 1) };
        Self { argument, tensor, first: 0, batch: vectors * depth, vector, depth: along }
    }

    /// The vectors of the other axis.
    pub(crate) fn swapped(self) -> Self {
        Self { vector: self.depth, depth: self.vector, ..self }
    }

    /// Whether so many vectors lie side by side in a buffer, four by four.
    fn is_in_fours(&self, [batch, vectors]: [u32; 2]) -> bool {
        let stride = if batch > 1 { self.batch } else { 0 };
        let first = self.tensor.offset() / 4 + self.first;
        self.vector == 1 && [self.depth, stride, first, vectors.into()].iter().all(|count| count.is_multiple_of(4))
    }

    /// Whether so many vectors lie side by side in a buffer, four by four, and the depth fills whole quads.
    pub(crate) fn is_in_quads(&self, [batch, vectors, depth]: [u32; 3]) -> bool {
        self.is_in_fours([batch, vectors]) && depth.is_multiple_of(4)
    }

    /// The operand's binding; a refusal names the axis to halve.
    fn binding(&self, [batch, vectors, depth]: [u32; 3], vector_axis: usize) -> Fit<Binding> {
        let spans = [u64::from(vectors - 1) * self.vector, u64::from(depth - 1) * self.depth];
        let last = u64::from(batch - 1) * self.batch + spans[0] + spans[1];
        let longer = if spans[0] >= spans[1] { vector_axis } else { DEPTH };
        let axis = if batch > 1 && self.batch > 0 { BATCH } else { longer };
        self.tensor.binding(self.argument, self.first..self.first + last + 1).map_err(|unfit| unfit.along(axis))
    }
}

impl Operand<'_> {
    fn is_across(&self) -> bool {
        matches!(self, Self::Panels(panels) if panels.across)
    }

    fn batches(&mut self, start: u32) {
        match self {
            Self::Matrix(matrix) => matrix.first += u64::from(start) * matrix.batch,
            Self::Panels(panels) => panels.first += u64::from(start) * panels.batch,
            Self::Windows(windows) => windows.params.group_first += start,
        }
    }

    fn vectors(&mut self, start: u32) {
        match self {
            Self::Matrix(matrix) => matrix.first += u64::from(start) * matrix.vector,
            Self::Panels(panels) if panels.across => panels.quad += start / 4,
            Self::Panels(panels) => panels.row += start,
            Self::Windows(windows) => windows.params.window.pixel_first += start,
        }
    }

    /// Moves the start of the depth to element `start`; of panels whose depth goes along the rows it is a multiple of 4. That of windows is done at
    /// once.
    fn depth(&mut self, start: u32) {
        match self {
            Self::Matrix(matrix) => matrix.first += u64::from(start) * matrix.depth,
            Self::Panels(panels) if panels.across => panels.row += start,
            Self::Panels(panels) => panels.quad += start / 4,
            Self::Windows(_) => debug_assert_eq!(start, 0, "windows from an element of the depth on"),
        }
    }

    /// The operand without its first so many elements.
    pub(crate) fn starting_at(mut self, start: u32) -> Self {
        self.depth(start);
        self
    }

    /// The operand with batches so many vectors apart, or so many elements of the depth, which are multiples of 4.
    pub(crate) fn batched_by(self, vectors: u32, depth: u32) -> Self {
        match self {
            Self::Matrix(matrix) => {
                let batch = u64::from(vectors) * matrix.vector + u64::from(depth) * matrix.depth;
                Self::Matrix(Matrix { batch, ..matrix })
            }
            Self::Panels(panels) => {
                let along = if panels.across { vectors } else { depth };
                Self::Panels(Panels { batch: u64::from(along / 4) * 32, ..panels })
            }
            Self::Windows(_) => self,
        }
    }
}

/// A batch of matrices to be written.
#[derive(Clone)]
pub(crate) enum Output<'a> {
    Elements(Elements<'a>),
    /// Columns in quads along the rows, of which there are a multiple of 4.
    Panels(Panels),
}

/// Matrices in a tensor. Columns, counted from `column_first`, come in planes: `c / plane * plane_stride + c % plane`.
#[derive(Clone, Copy)]
pub(crate) struct Elements<'a> {
    pub(crate) tensor: &'a Tensor,
    pub(crate) first: u64,
    pub(crate) batch: u64,
    pub(crate) row: u64,
    pub(crate) column_first: u32,
    pub(crate) plane: u32,
    pub(crate) plane_stride: u64,
}

impl Elements<'_> {
    /// Counts the columns from their first plane on; where all are in one plane, from the first column on.
    fn normalised(self, columns: u32) -> Self {
        let (plane, column) = (self.column_first / self.plane, self.column_first % self.plane);
        let first = self.first + u64::from(plane) * self.plane_stride;
        if column + columns <= self.plane {
            Self { first: first + u64::from(column), column_first: 0, plane: columns, ..self }
        } else {
            Self { first, column_first: column, ..self }
        }
    }

    /// The output's binding; a refusal names the axis to halve.
    fn binding(&self, [batch, rows, columns]: [u32; 3]) -> Fit<Binding> {
        let last_column = self.column_first + columns - 1;
        let row_span = u64::from(rows - 1) * self.row;
        let last = u64::from(batch - 1) * self.batch
            + row_span
            + u64::from(last_column / self.plane) * self.plane_stride
            + u64::from(last_column % self.plane);
        let longer = if row_span >= u64::from(columns - 1) { ROWS } else { COLUMNS };
        let axis = if batch > 1 { BATCH } else { longer };
        self.tensor.binding("output", self.first..self.first + last + 1).map_err(|unfit| unfit.along(axis))
    }
}

/// A batch of products: output = a b, plus a bias for each row or each column, put through a function.
#[derive(Clone)]
pub(crate) struct Product<'a> {
    pub(crate) batch: u32,
    pub(crate) rows: u32,
    pub(crate) columns: u32,
    pub(crate) depth: u32,
    pub(crate) a: Operand<'a>,
    pub(crate) b: Operand<'a>,
    pub(crate) bias: Option<Bias<'a>>,
    /// Whether the output holds partial sums already, which the product is added to.
    pub(crate) accumulate: bool,
    /// The function of what is stored; that of panels is none.
    pub(crate) activation: Activation,
    pub(crate) output: Output<'a>,
}

/// A number that each row or each column of a product starts from.
#[derive(Clone, Copy)]
pub(crate) struct Bias<'a> {
    pub(crate) tensor: &'a Tensor,
    /// The element of the first row or column.
    pub(crate) first: u64,
    /// Elements from one batch to the next.
    pub(crate) batch: u32,
    pub(crate) of: BiasOf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BiasOf {
    Rows,
    Columns,
}

/// The axes that a product is halved along.
const BATCH: usize = 0;
const ROWS: usize = 1;
const COLUMNS: usize = 2;
const DEPTH: usize = 3;

/// The depth is halved at multiples of so many elements, whole quads of panels and tiles of kernels.
pub(crate) const DEPTH_UNIT: u32 = 16;

/// The most bytes of columns that a core's own cache is taken to hold, so that the tiles of a few rows go through all columns: half of 1 MiB.
const CACHED_BYTES: u64 = 512 << 10;

/// The most bytes of an operand that is packed for a product.
const PACKED_BYTES: u64 = 16 << 20;

impl<'a> Product<'a> {
    /// Records the product as one dispatch, or says along which axis it is too large for one.
    fn dispatch(&self, recorder: &mut Recorder) -> Fit {
        match Subgroup::multiplying(recorder.gpu().capabilities()) {
            Some(subgroup) => self.by_subgroups(recorder, subgroup),
            None => self.tiled(recorder),
        }
    }

    fn by_subgroups(&self, recorder: &mut Recorder, subgroup: Subgroup) -> Fit {
        let &Self { batch, rows, columns, depth, .. } = self;
        let is_cached = |vectors: u32| 4 * u64::from(vectors) * u64::from(depth) <= CACHED_BYTES;
        let by_columns = is_cached(columns) && !is_cached(rows);
        let params =
            subgroup_tile::Params { rows, columns, depth, batch, by_columns: by_columns.into(), ..Default::default() };
        check_iterations(recorder, &params)?;
        self.check_work(recorder, params.work(subgroup), subgroup.tile())?;
        match (&self.b, &self.output) {
            _ if self.is_narrow() => self.narrow(recorder, params),
            _ if self.is_narrow_transposed() => self.narrow_transposed(recorder, params),
            (Operand::Windows(_), _) if self.accumulate => {
                Err(Error::Validation("a product of windows that is added to an output".to_string()).into())
            }
            (Operand::Windows(windows), Output::Elements(output)) => {
                let a = packed(recorder, &self.a, [batch, rows, depth], ROWS)?;
                let (end, bias, output) = self.stored(recorder, output)?;
                let params = subgroup_tile::Params { end, ..with_a(params, &a) };
                let bindings = [&a.texture.binding(), &windows.packed, &bias, &output];
                matmul_windows(recorder, subgroup, params, windows.params, bindings, windows.points.as_ref())
            }
            (_, Output::Elements(output)) => self.elements_by_tiles(recorder, subgroup, params, output),
            (_, Output::Panels(output)) => {
                let a = packed(recorder, &self.a, [batch, rows, depth], ROWS)?;
                let b = packed(recorder, &self.b, [batch, columns, depth], COLUMNS)?;
                let end = End {
                    output_first: output.first as u32,
                    row_first: output.row,
                    output_batch: output.batch as u32,
                    output_row: output.quads,
                    column_first: 4 * output.quad,
                    ..Default::default()
                };
                let params = subgroup_tile::Params { end, ..with_b(with_a(params, &a), &b) };
                let [a, b, output] = [a.texture.binding(), b.texture.binding(), output.texture.binding()];
                let bindings = [&a, &b, &output];
                matmul_subgroup_nn(recorder, subgroup, params, bindings)
            }
        }
    }

    /// Records a product of matrices into elements: each operand from lines, or from panels.
    fn elements_by_tiles(
        &self,
        recorder: &mut Recorder,
        subgroup: Subgroup,
        params: subgroup_tile::Params,
        output: &Elements,
    ) -> Fit {
        let &Self { batch, rows, columns, depth, .. } = self;
        let lines_a = self.lines_of_a(recorder)?;
        let lines_b = self.lines_of_b(recorder)?;
        let operands = match (&lines_a, &lines_b) {
            (None, None) => matmul_subgroup::Operands::Panels,
            (Some(_), None) => matmul_subgroup::Operands::LinesA,
            (None, Some(_)) => matmul_subgroup::Operands::LinesB,
            (Some(_), Some(_)) => matmul_subgroup::Operands::Lines,
        };
        let (a, params) = match lines_a {
            Some(InLines { texture, batch, pitch }) => {
                (texture.binding(), subgroup_tile::Params { a_batch: batch, a_quads: pitch, ..params })
            }
            None => {
                let a = packed(recorder, &self.a, [batch, rows, depth], ROWS)?;
                (a.texture.binding(), with_a(params, &a))
            }
        };
        let (b, params) = match lines_b {
            Some(InLines { texture, batch, pitch }) => {
                (texture.binding(), subgroup_tile::Params { b_batch: batch, b_quads: pitch, ..params })
            }
            None => {
                let b = packed(recorder, &self.b, [batch, columns, depth], COLUMNS)?;
                (b.texture.binding(), with_b(params, &b))
            }
        };
        let (end, bias, output) = self.stored(recorder, output)?;
        let params = subgroup_tile::Params { end, ..params };
        if self.a.is_across() {
            // Both are: the gradient of a weight, in whole quads.
            return matmul_subgroup_tn(recorder, subgroup, params, [&a, &b, &output]);
        }
        matmul_subgroup(recorder, subgroup, operands, params, [&a, &b, &bias, &output])
    }

    /// Whether b lies in quads across its rows, and a does not.
    fn has_b_in_quads(&self) -> bool {
        let Operand::Matrix(b) = &self.b else { return false };
        !self.a.is_across() && b.is_in_quads([self.batch, self.columns, self.depth])
    }

    /// Whether so few rows are multiplied that an invocation does all, of four columns that are stored at once.
    fn is_narrow(&self) -> bool {
        let Output::Elements(output) = &self.output else { return false };
        let counts = [
            output.row,
            if self.batch > 1 { output.batch } else { 0 },
            output.tensor.offset() / 4 + output.first,
            u64::from(output.column_first),
            u64::from(output.plane),
            output.plane_stride,
        ];
        self.rows <= matmul_narrow::MOST_ROWS
            && self.has_b_in_quads()
            && counts.iter().all(|count| count.is_multiple_of(4))
    }

    /// Whether so few columns are multiplied that they are rows of a narrow product of the rest, whose columns are the rows of a as they lie.
    fn is_narrow_transposed(&self) -> bool {
        let &Self { batch, columns, depth, .. } = self;
        let (Operand::Matrix(a), Output::Elements(output)) = (&self.a, &self.output) else { return false };
        let Elements { column_first, plane, .. } = output.normalised(columns);
        columns <= matmul_narrow::MOST_ROWS
            && a.depth == 1
            && a.swapped().is_in_quads([batch, depth, depth])
            && matches!(&self.b, Operand::Matrix(_) | Operand::Panels(Panels { across: false, .. }))
            && [column_first, plane] == [0, columns]
    }

    fn narrow_transposed(&self, recorder: &mut Recorder, params: subgroup_tile::Params) -> Fit {
        let &Self { batch, rows, columns, depth, .. } = self;
        let (Operand::Matrix(a), Output::Elements(output)) = (&self.a, &self.output) else { return Ok(()) };
        let a_binding = a.binding([batch, rows, depth], ROWS)?;
        let b = packed(recorder, &self.b, [batch, columns, depth], COLUMNS)?;
        let (end, bias, output_binding) = self.stored(recorder, output)?;
        let end = End {
            output_row: 1,
            plane: 1,
            output_plane: end.output_row,
            row_biased: end.column_biased,
            column_biased: end.row_biased,
            ..end
        };
        let params = subgroup_tile::Params {
            end,
            rows: columns,
            columns: rows,
            b_batch: a.batch as u32 / 4,
            b_row: a.vector as u32 / 4,
            ..with_a(params, &b)
        };
        matmul_narrow(recorder, Order::Along, params, [&b.texture.binding(), &a_binding, &bias, &output_binding])
    }

    fn narrow(&self, recorder: &mut Recorder, params: subgroup_tile::Params) -> Fit {
        let &Self { batch, rows, columns, depth, .. } = self;
        let (Operand::Matrix(b), Output::Elements(output)) = (&self.b, &self.output) else { return Ok(()) };
        let b_binding = b.binding([batch, columns, depth], COLUMNS)?;
        let a = packed(recorder, &self.a, [batch, rows, depth], ROWS)?;
        let params =
            subgroup_tile::Params { b_batch: b.batch as u32 / 4, b_row: b.depth as u32 / 4, ..with_a(params, &a) };
        let (end, bias, output) = self.stored(recorder, output)?;
        let params = subgroup_tile::Params { end, ..params };
        matmul_narrow(recorder, Order::Across, params, [&a.texture.binding(), &b_binding, &bias, &output])
    }

    /// a in lines, which are its rows, where these lie in quads that can be copied.
    fn lines_of_a(&self, recorder: &mut Recorder) -> Fit<Option<InLines>> {
        let Operand::Matrix(a) = &self.a else { return Ok(None) };
        let extents = [self.batch, self.rows, self.depth];
        if a.depth != 1 || !self.depth.is_multiple_of(4) {
            return Ok(None);
        }
        in_lines(recorder, a, extents, (ROWS, [self.rows, self.depth], a.vector))
    }

    /// b in lines, of which one has an element of each column, where they lie in quads that can be copied.
    fn lines_of_b(&self, recorder: &mut Recorder) -> Fit<Option<InLines>> {
        let Operand::Matrix(b) = &self.b else { return Ok(None) };
        if !self.has_b_in_quads() {
            return Ok(None);
        }
        in_lines(recorder, b, [self.batch, self.columns, self.depth], (COLUMNS, [self.depth, self.columns], b.depth))
    }

    /// How a product by subgroups ends, with the bindings of bias and output.
    fn stored(&self, recorder: &mut Recorder, output: &Elements) -> Fit<(End, Binding, Binding)> {
        let output = output.normalised(self.columns);
        let output_binding = output.binding([self.batch, self.rows, self.columns])?;
        let bias = match self.bias_binding()? {
            Some(bias) => bias,
            None => recorder.workspace([1])?.binding("bias", 0..1)?,
        };
        Ok((self.end(&output), bias, output_binding))
    }

    /// How the product ends in a normalised output.
    fn end(&self, output: &Elements) -> End {
        End {
            output_batch: output.batch as u32,
            output_row: output.row as u32,
            column_first: output.column_first,
            plane: output.plane,
            output_plane: output.plane_stride as u32,
            row_biased: self.is_biased(BiasOf::Rows).into(),
            column_biased: self.is_biased(BiasOf::Columns).into(),
            accumulate: self.accumulate.into(),
            bias_batch: self.bias.map_or(0, |bias| bias.batch),
            activation: self.activation,
            ..Default::default()
        }
    }

    fn tiled(&self, recorder: &mut Recorder) -> Fit {
        let &Self { batch, rows, columns, depth, .. } = self;
        let (Operand::Matrix(a), Operand::Matrix(b), Output::Elements(output)) =
            (&self.a, &self.b, self.output.clone())
        else {
            return Err(Error::Validation("a product of panels on a device without".to_string()).into());
        };
        let output = output.normalised(columns);
        let params = matmul_tiled::Params {
            rows,
            columns,
            depth,
            batch,
            a_batch: a.batch as u32,
            a_row: a.vector as u32,
            a_depth: a.depth as u32,
            b_batch: b.batch as u32,
            b_depth: b.depth as u32,
            b_column: b.vector as u32,
            end: self.end(&output),
            ..Default::default()
        };
        check_iterations(recorder, &params)?;
        let a_binding = a.binding([batch, rows, depth], ROWS)?;
        let b_binding = b.binding([batch, columns, depth], COLUMNS)?;
        let output_binding = output.binding([batch, rows, columns])?;
        let bias_binding = self.bias_binding()?.unwrap_or_else(|| a_binding.clone());
        let work = params.work(recorder.gpu().capabilities());
        self.check_work(recorder, work, matmul_tiled::TILE)?;
        matmul_tiled(recorder, params, [&a_binding, &b_binding, &bias_binding, &output_binding])
    }

    fn is_biased(&self, of: BiasOf) -> bool {
        self.bias.is_some_and(|bias| bias.of == of)
    }

    fn bias_binding(&self) -> Fit<Option<Binding>> {
        let binding = |Bias { tensor, first, batch, of }: Bias| {
            let (many, axis) = match of {
                BiasOf::Rows => (self.rows, ROWS),
                BiasOf::Columns => (self.columns, COLUMNS),
            };
            let last = u64::from(self.batch - 1) * u64::from(batch) + u64::from(many);
            tensor.binding("bias", first..first + last).map_err(|unfit| unfit.along(axis))
        };
        self.bias.map(binding).transpose()
    }

    /// The bias from an index of what it is of on.
    fn move_bias(&mut self, of: BiasOf, start: u32) {
        if let Some(bias) = self.bias.as_mut().filter(|bias| bias.of == of) {
            bias.first += u64::from(start);
        }
    }

    /// Refuses more work than a dispatch takes, unless the product cannot be halved any more.
    fn check_work(&self, recorder: &Recorder, work: u64, tile: [u32; 2]) -> Fit {
        let most = recorder.gpu().capabilities().work_per_dispatch();
        let tiles = [self.rows.div_ceil(tile[0]), self.columns.div_ceil(tile[1])];
        let axis = if self.batch > 1 {
            BATCH
        } else if tiles == [1; 2] {
            DEPTH
        } else if tiles[0] >= tiles[1] {
            ROWS
        } else {
            COLUMNS
        };
        if work <= most || axis == DEPTH && self.depth <= self.units()[DEPTH] {
            return Ok(());
        }
        let message = format!("the product takes {work} units of work; a dispatch takes {most} at most");
        Err(Unfit::too_large("product", message).along(axis))
    }

    /// The units at multiples of which each axis is halved: whole quads where operands have quads along the axis. The depth of a product into
    /// panels, which adds to nothing, is done at once.
    fn units(&self) -> [u32; 4] {
        let quads = |across: bool| if across { 4 } else { 1 };
        let across = |operand: &Operand, vectors: u32| match operand {
            Operand::Matrix(matrix) => matrix.vector == 1 && vectors.is_multiple_of(4),
            Operand::Panels(panels) => panels.across,
            Operand::Windows(_) => false,
        };
        let output = matches!(self.output, Output::Panels(_));
        let depth = if output || matches!(self.b, Operand::Windows(_)) { self.depth } else { DEPTH_UNIT };
        [1, quads(across(&self.a, self.rows)), quads(across(&self.b, self.columns) || output), depth]
    }

    /// A piece of the product. Those along the depth are done one behind the other.
    fn piece(&self, [batches, rows, columns, depth]: &[Range<u32>; 4]) -> Self {
        self.clone().batches(batches).rows(rows).columns(columns).depth(depth)
    }

    fn batches(mut self, range: &Range<u32>) -> Self {
        let start = u64::from(range.start);
        self.a.batches(range.start);
        self.b.batches(range.start);
        match &mut self.output {
            Output::Elements(output) => output.first += start * output.batch,
            Output::Panels(output) => output.first += start * output.batch,
        }
        self.bias = self.bias.map(|bias| Bias { first: bias.first + start * u64::from(bias.batch), ..bias });
        Self { batch: range.end - range.start, ..self }
    }

    fn rows(mut self, range: &Range<u32>) -> Self {
        let start = u64::from(range.start);
        self.a.vectors(range.start);
        match &mut self.output {
            Output::Elements(output) => output.first += start * output.row,
            Output::Panels(output) => output.row += range.start,
        }
        self.move_bias(BiasOf::Rows, range.start);
        Self { rows: range.end - range.start, ..self }
    }

    fn columns(mut self, range: &Range<u32>) -> Self {
        self.b.vectors(range.start);
        match &mut self.output {
            Output::Elements(output) => output.column_first += range.start,
            Output::Panels(output) => output.quad += range.start / 4,
        }
        self.move_bias(BiasOf::Columns, range.start);
        Self { columns: range.end - range.start, ..self }
    }

    fn depth(mut self, range: &Range<u32>) -> Self {
        self.a.depth(range.start);
        self.b.depth(range.start);
        if range.start > 0 {
            (self.bias, self.accumulate) = (None, true);
        }
        if range.end < self.depth {
            self.activation = Activation::default();
        }
        Self { depth: range.end - range.start, ..self }
    }
}

/// The parameters of a product by subgroups, with a in panels.
fn with_a(params: subgroup_tile::Params, a: &Panels) -> subgroup_tile::Params {
    subgroup_tile::Params {
        a_first: a.first as u32,
        a_batch: a.batch as u32,
        a_row: a.row,
        a_quad: a.quad,
        a_quads: a.quads,
        ..params
    }
}

/// The parameters of a product by subgroups, with b in panels.
fn with_b(params: subgroup_tile::Params, b: &Panels) -> subgroup_tile::Params {
    subgroup_tile::Params {
        b_first: b.first as u32,
        b_batch: b.batch as u32,
        b_row: b.row,
        b_quad: b.quad,
        b_quads: b.quads,
        ..params
    }
}

/// Refuses a depth that the loops do not reach the end of.
fn check_iterations(recorder: &Recorder, params: &impl Loops) -> Fit {
    let checked = recorder.gpu().capabilities().check_iterations("product", params.iterations());
    checked.map_err(|unfit| unfit.along(DEPTH))
}

/// An operand in panels: those that it lies in, or those that a matrix is packed into now.
fn packed(
    recorder: &mut Recorder,
    operand: &Operand,
    [batch, vectors, depth]: [u32; 3],
    vector_axis: usize,
) -> Fit<Panels> {
    let matrix = match operand {
        Operand::Panels(panels) => return Ok(panels.clone()),
        Operand::Matrix(matrix) => matrix,
        Operand::Windows(_) => return Err(Error::Validation("windows are not packed".to_string()).into()),
    };
    let batch = if matrix.batch == 0 { 1 } else { batch };
    let texels = texels([batch, vectors, depth]);
    check_packed(matrix, 16 * texels, (batch, [vectors, depth], vector_axis))?;
    let texture = recorder.texture(Texel::Quad, texels)?;
    pack(recorder, matrix, [batch, vectors, depth], vector_axis, texture)
}

/// The texels of so many matrices in panels, of so many vectors each, and so deep.
fn texels([batch, vectors, depth]: [u32; 3]) -> u64 {
    u64::from(batch) * panel_texels(vectors, depth.div_ceil(4))
}

/// Whether the columns b of many products are worth packing: where the device reads panels, which hold columns filled up to 32, and these are not much
/// larger.
pub(crate) fn keeps_panels(gpu: &Gpu, extents @ [batch, columns, depth]: [u32; 3]) -> bool {
    let bytes = 16 * texels(extents);
    let plain = 4 * u64::from(batch) * u64::from(columns) * u64::from(depth);
    gpu.capabilities().textures() && bytes <= Texture::most_bytes(gpu, Texel::Quad).min(PACKED_BYTES.max(2 * plain))
}

/// The columns b of many products, packed into memory of their own; none where that is not to be had, or they cannot be packed at once.
pub(crate) fn kept_panels(recorder: &mut Recorder, b: &Matrix, extents: [u32; 3]) -> Result<Option<Panels>> {
    let packed = Texture::new(recorder.gpu(), texels(extents))
        .map_err(Unfit::from)
        .and_then(|texture| pack(recorder, b, extents, COLUMNS, texture));
    match packed {
        Ok(panels) => Ok(Some(panels)),
        Err(Unfit::TooLarge { .. } | Unfit::Failed(Error::OutOfMemory(_))) => Ok(None),
        Err(unfit) => Err(unfit.into()),
    }
}

/// Records the packing of a matrix into panels.
fn pack(
    recorder: &mut Recorder,
    matrix: &Matrix,
    [batch, vectors, depth]: [u32; 3],
    vector_axis: usize,
    texture: Texture,
) -> Fit<Panels> {
    let binding = matrix.binding([batch, vectors, depth], vector_axis)?;
    let quads = depth.div_ceil(4);
    let bindings = [&binding, &texture.binding()];
    if matrix.is_in_fours([batch, vectors]) {
        let params = pack_fours::Params {
            batch,
            row_fours: vectors / 4,
            depth,
            batch_stride: matrix.batch as u32 / 4,
            depth_stride: matrix.depth as u32 / 4,
            batch_rows: Layout::Panels.filled_rows(vectors) as u32,
            row_quads: quads,
            ..Default::default()
        };
        pack_fours(recorder, params, bindings)?;
    } else {
        let params = pack_panels::Params {
            batch,
            rows: vectors,
            depth,
            batch_stride: matrix.batch as u32,
            row_stride: matrix.vector as u32,
            depth_stride: matrix.depth as u32,
            ..Default::default()
        };
        pack_panels(recorder, params, bindings)?;
    }
    Ok(Panels {
        texture,
        first: 0,
        batch: if matrix.batch == 0 { 0 } else { panel_texels(vectors, quads) },
        row: 0,
        quad: 0,
        quads,
        across: false,
    })
}

/// The columns of several products: packed now, once for all, on devices that pack and where they are not too large for that.
pub(crate) fn packed_once<'a>(recorder: &mut Recorder, b: Operand<'a>, extents: [u32; 3]) -> Result<Operand<'a>> {
    if !recorder.gpu().capabilities().textures() {
        return Ok(b);
    }
    match packed(recorder, &b, extents, COLUMNS) {
        Ok(panels) => Ok(Operand::Panels(panels)),
        Err(Unfit::TooLarge { .. }) => Ok(b),
        Err(unfit) => Err(unfit.into()),
    }
}

/// An operand whose lines lie in a texture: matmul/subgroup/a_lines.wgsl, b_lines.wgsl.
struct InLines {
    texture: Texture,
    /// Quads from one batch to the next, and from one line.
    batch: u32,
    pitch: u32,
}

/// A matrix in lines, of which each batch has so many, of so many elements, and so many elements apart; none where they cannot be copied.
fn in_lines(
    recorder: &mut Recorder,
    matrix: &Matrix,
    extents @ [batch, vectors, depth]: [u32; 3],
    (vector_axis, [count, elements], stride): (usize, [u32; 2], u64),
) -> Fit<Option<InLines>> {
    let shared = batch == 1 || matrix.batch == 0;
    let batches = if shared { 1 } else { batch };
    let apart = !shared && matrix.batch != u64::from(count) * stride;
    if apart || !elements.is_multiple_of(4) || !stride.is_multiple_of(4) {
        return Ok(None);
    }
    let (texel, length) = (Texel::Quad, elements / 4);
    let lines = Lines { texel, count: batches * count, length, stride: (stride / 4) as u32, first: 0 };
    let binding = matrix.binding(extents, vector_axis)?;
    if !binding.first.is_multiple_of(4) {
        return Ok(None);
    }
    if vector_axis == COLUMNS && !lines.are_together() && lines.length > Lines::MOST_APART {
        let (argument, most) = (matrix.argument, 4 * Lines::MOST_APART);
        let message =
            format!("{argument} has lines of {elements} elements, which lie apart; a product copies {most} at most");
        return Err(Unfit::too_large(argument, message).along(COLUMNS));
    }
    if !lines.are_copied() {
        return Ok(None);
    }
    let bytes = 16 * u64::from(lines.count) * u64::from(lines.length);
    check_packed(matrix, bytes, (batches, [vectors, depth], vector_axis))?;
    let texture = recorder.texture(Texel::Quad, u64::from(lines.count) * u64::from(lines.pitch()))?;
    copy_lines(recorder, &binding, &texture, lines)?;
    let batch = if shared { 0 } else { count * lines.pitch() };
    Ok(Some(InLines { texture, batch, pitch: lines.pitch() }))
}

/// Refuses an operand that takes too many bytes in workspace.
fn check_packed(matrix: &Matrix, bytes: u64, (batch, [vectors, depth], vector_axis): (u32, [u32; 2], usize)) -> Fit {
    if bytes <= PACKED_BYTES {
        return Ok(());
    }
    let axis = if batch > 1 {
        BATCH
    } else if vectors >= depth {
        vector_axis
    } else {
        DEPTH
    };
    let argument = matrix.argument;
    let message = format!("{argument} takes {bytes} bytes packed; a product packs {PACKED_BYTES} at most");
    Err(Unfit::too_large(argument, message).along(axis))
}

/// Compiles the kernels that products of matrices need on this device.
pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    if gpu.capabilities().textures() { compile_packed(gpu) } else { gpu.compile_all::<matmul_tiled::Kernel>() }
}

/// Compiles the kernels that products of packed matrices need, whose depth goes along the rows, but for those of [`compile_adding`].
pub(crate) fn compile_packed(gpu: &Gpu) -> Result<()> {
    let Some(subgroup) = Subgroup::multiplying(gpu.capabilities()) else {
        return gpu.compile::<matmul_tiled::Kernel>(Operands::AlongAlong);
    };
    pack_panels::compile(gpu)?;
    gpu.compile::<pack_fours::Kernel>(())?;
    gpu.compile::<copy_lines::Kernel>(Texel::Quad)?;
    matmul_narrow::compile(gpu, Updates::Replaces)?;
    matmul_subgroup::compile(gpu, Updates::Replaces, subgroup)
}

/// Compiles the kernels of products that are added to an output, which are those of backward passes and those that are cut along the depth.
pub(crate) fn compile_adding(gpu: &Gpu) -> Result<()> {
    let Some(subgroup) = Subgroup::multiplying(gpu.capabilities()) else { return Ok(()) };
    matmul_narrow::compile(gpu, Updates::Adds)?;
    matmul_subgroup::compile(gpu, Updates::Adds, subgroup)
}

/// Compiles the kernels that products of backward passes need beside those of the forward pass.
pub(crate) fn compile_backward(gpu: &Gpu) -> Result<()> {
    let Some(subgroup) = Subgroup::multiplying(gpu.capabilities()) else {
        gpu.compile::<matmul_tiled::Kernel>(Operands::AlongAcross)?;
        return gpu.compile::<matmul_tiled::Kernel>(Operands::AcrossAcross);
    };
    gpu.compile::<matmul_subgroup_nn::Kernel>(subgroup)?;
    Updates::all().into_iter().try_for_each(|updates| gpu.compile::<matmul_subgroup_tn::Kernel>((updates, subgroup)))
}

/// Records a product, in as many dispatches as its operands need to be bound and a dispatch takes.
pub(crate) fn product(recorder: &mut Recorder, product: Product) -> Result<()> {
    let whole = [product.batch, product.rows, product.columns, product.depth].map(|extent| 0..extent);
    let recorded = in_units(product.units(), whole, &mut |piece| {
        // What one operand was packed for is forgotten where the other is too large.
        recorder.attempt(|recorder| product.piece(piece).dispatch(recorder))
    });
    Ok(recorded?)
}
