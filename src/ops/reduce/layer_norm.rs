use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{LayerNorm, LayerNormGeometry, LayerNormGradients, LayerNormInputs};
use crate::gpu::{Gpu, Loops, Recorder, Tensor, TensorSpec, Texel};
use crate::kernels::reduce::layer_norm::{self, layer_norm};
use crate::kernels::reduce::layer_norm_backward::{self, layer_norm_backward};
use crate::kernels::reduce::layer_norm_rows::{self, layer_norm_rows};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, in_pieces, pieces};
use crate::ops::planes::PlaneReads;
use crate::ops::reduce::passes::Passes;
use crate::ops::reduce::sums::{Sums, sum_over};
use crate::shape::MAX_RANK;

/// The terms of the gradient of a scale that are made at once, where a row has no more: 16 MB.
const TERMS: u32 = 1 << 22;

/// So many rows, at least, are done at a time, an invocation each: as many workgroups as a processor may have threads.
const LEAST_ROWS: u32 = 64 * 32;

impl Kernels for LayerNorm {
    type Compiled = ();

    fn compile(gpu: &Gpu, geometry: &LayerNormGeometry, _: &LayerNormInputs<TensorSpec>) -> Result<()> {
        if is_done_by_rows(gpu, geometry) {
            let reads = quads_of(gpu, geometry);
            reads.compile(gpu)?;
            gpu.compile::<layer_norm_rows::Kernel>(reads.from)?;
        }
        gpu.compile::<layer_norm::Kernel>(())
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &LayerNormInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let LayerNormInputs { input, scale, shift } = inputs.try_map(|input| input.tensor())?;
        let factor = scale.map_or(Factor::One, Factor::OfColumns);
        let rows = 0..plan.geometry().rows;
        Normal { geometry: plan.geometry(), input, factor, shift, statistics: None }.write(recorder, rows, output)
    }

    fn smallest() -> (Self, LayerNormInputs<TensorSpec>) {
        let one = TensorSpec { shape: [1].into(), dtype: DType::F32 };
        (Self::default(), LayerNormInputs { input: one, scale: Some(one), shift: Some(one) })
    }
}

/// Whether each row is done by one invocation: on adapters that run on the CPU, for which barriers take longer than elements, where rows are
/// short enough to stay in a cache and as many as invocations run at once.
fn is_done_by_rows(gpu: &Gpu, geometry: &LayerNormGeometry) -> bool {
    let &LayerNormGeometry { elements, rows, .. } = geometry;
    gpu.capabilities().software() && elements.is_multiple_of(4) && elements <= 1 << 11 && rows >= 64
}

/// How rows are read, which are done by one invocation each.
fn quads_of(gpu: &Gpu, geometry: &LayerNormGeometry) -> PlaneReads {
    PlaneReads::of(gpu, Texel::Quad, geometry.elements.into())
}

/// A factor of normalised elements.
#[derive(Clone, Copy)]
enum Factor<'a> {
    One,
    /// For each element of a row.
    OfColumns(&'a Tensor),
    /// For each element of all rows.
    OfElements(&'a Tensor),
}

/// The normalised rows of an input, times a factor, plus a shift.
#[derive(Clone, Copy)]
struct Normal<'a> {
    geometry: &'a LayerNormGeometry,
    input: &'a Tensor,
    factor: Factor<'a>,
    shift: Option<&'a Tensor>,
    /// The mean and the variance of each row, (rows, 2), where they are known.
    statistics: Option<&'a Tensor>,
}

impl Normal<'_> {
    /// Records the rows into an output that starts with the first of them.
    fn write(&self, recorder: &mut Recorder, rows: Range<u32>, output: &Tensor) -> Result<()> {
        let finds = self.statistics.is_none();
        if finds && self.in_quads(output) && is_done_by_rows(recorder.gpu(), self.geometry) {
            return self.write_rows(recorder, rows, output);
        }
        self.record(recorder, rows, [finds, finds, true], self.statistics, output)
    }

    /// Whether all tensors begin at quads, and the factor is one for each element of a row.
    fn in_quads(&self, output: &Tensor) -> bool {
        let factor = match self.factor {
            Factor::One => None,
            Factor::OfColumns(factor) => Some(factor),
            Factor::OfElements(_) => return false,
        };
        let tensors = [Some(self.input), factor, self.shift, Some(output)];
        tensors.into_iter().flatten().all(Tensor::begins_a_quad)
    }

    /// Records rows, an invocation for each.
    fn write_rows(&self, recorder: &mut Recorder, rows: Range<u32>, output: &Tensor) -> Result<()> {
        let &Self { geometry, input, factor, shift, .. } = self;
        let &LayerNormGeometry { epsilon, elements, .. } = geometry;
        let reads = quads_of(recorder.gpu(), geometry);
        let factor = if let Factor::OfColumns(factor) = factor { Some(factor) } else { None };
        recorder.scratch(|recorder| {
            let mut of_columns = |name, tensor: Option<&Tensor>| {
                tensor.map(|tensor| reads.bound(recorder, (name, tensor), 0..elements.into())).transpose()
            };
            let [of_factor, of_shift] = [of_columns("scale", factor)?, of_columns("shift", shift)?];
            pieces(rows.clone(), reads.at_once.max(LEAST_ROWS)).try_for_each(|some| {
                in_pieces([some], &mut |[piece]| {
                    let of_rows = |first: u32| {
                        let element = |row: u32| u64::from(row - first) * u64::from(elements);
                        element(piece.start)..element(piece.end)
                    };
                    let params = layer_norm_rows::Params {
                        rows: piece.end - piece.start,
                        quads: elements / 4,
                        reciprocal: reciprocal(elements),
                        epsilon,
                        scaled: factor.is_some().into(),
                        shifted: shift.is_some().into(),
                        ..Default::default()
                    };
                    let output = output.binding("output", of_rows(rows.start))?;
                    let all = u64::from(params.rows) * u64::from(elements);
                    recorder.gpu().capabilities().check_elements("input", all)?;
                    recorder.attempt(|recorder| {
                        let input = reads.bound(recorder, ("input", input), of_rows(0))?;
                        // What is absent is not read.
                        let [of_factor, of_shift] =
                            [&of_factor, &of_shift].map(|bound| bound.as_ref().unwrap_or(&input));
                        layer_norm_rows(recorder, reads.from, params, [&input, of_factor, of_shift, &output])
                    })
                })
            })
        })
    }

    /// Records the mean and the variance of each row.
    fn find(&self, recorder: &mut Recorder, statistics: &Tensor) -> Result<()> {
        let unused = recorder.workspace([1])?;
        self.record(recorder, 0..self.geometry.rows, [true, true, false], Some(statistics), &unused)
    }

    fn record(
        &self,
        recorder: &mut Recorder,
        rows: Range<u32>,
        passes: [bool; 3],
        held: Option<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let &Self { geometry, input, factor, shift, .. } = self;
        let &LayerNormGeometry { epsilon, elements, .. } = geometry;
        let first = u64::from(rows.start) * u64::from(elements);
        let iterations = |rows, [finds_mean, finds_variance, writes]: [u32; 3]| {
            layer_norm::Params { rows, finds_mean, finds_variance, writes, ..Default::default() }.iterations()
        };
        let whole = Passes { planes: rows, extent: elements, columns: 1, found: 2, held };
        whole.record(recorder, passes, iterations, |recorder, part, statistics| {
            let [finds_mean, finds_variance, writes] = part.passes;
            let of_columns = || part.along.start.into()..part.along.end.into();
            let of_elements = || part.elements.clone();
            let input = input.binding("input", of_elements())?;
            // What is absent is not read.
            let (scaled, factor_row, factor) = match factor {
                Factor::One => (0, 0, input.clone()),
                Factor::OfColumns(scale) => (1, 0, scale.binding("scale", of_columns())?),
                Factor::OfElements(factor) => (1, elements, factor.binding("grad_output", of_elements())?),
            };
            let shifted = shift.is_some().into();
            let shift = shift.map_or(Ok(input.clone()), |shift| shift.binding("shift", of_columns()))?;
            let of_output = if writes == 1 { part.elements.start - first..part.elements.end - first } else { 0..1 };
            let output = output.binding("output", of_output)?;
            let params = layer_norm::Params {
                rows: part.rows,
                finds_mean,
                finds_variance,
                writes,
                reciprocal: reciprocal(elements),
                epsilon,
                scaled,
                shifted,
                factor_row,
                ..Default::default()
            };
            layer_norm(recorder, params, [&input, &factor, &shift, statistics, &output])
        })
    }
}

/// The vector-Jacobian products. With `normal` the normalised input and `grad` the gradient by it, `grad_output * scale`, the input's is
/// (grad - mean of grad - normal * mean of (grad * normal)) / sqrt(variance + epsilon), means over the row; the scale's is the sum of
/// `grad_output * normal` over the rows, and the shift's that of `grad_output`.
impl Differentiable for LayerNorm {
    type Gradients = LayerNormGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &LayerNormInputs<Argument>,
        grad_output: &Tensor,
        destinations: &LayerNormGradients<Destination>,
    ) -> Result<()> {
        let geometry = plan.geometry();
        let &LayerNormGeometry { elements, rows, .. } = geometry;
        if elements == 0 {
            return Ok(());
        }
        if let Some(destination) = destinations.shift {
            sum_over(recorder, summed_rows(geometry), grad_output, destination)?;
        }
        if rows == 0 {
            let scale = destinations.scale;
            return scale.map_or(Ok(()), |scale| sum_over(recorder, summed_rows(geometry), grad_output, scale));
        }
        if destinations.input.is_none() && destinations.scale.is_none() {
            return Ok(());
        }
        let input = &inputs.input.wide(recorder)?;
        let statistics = recorder.workspace([rows, 2])?;
        let plain = Normal { geometry, input, factor: Factor::One, shift: None, statistics: None };
        plain.find(recorder, &statistics)?;
        if let Some(destination) = destinations.input {
            let scale = inputs.scale.map(|scale| scale.wide(recorder)).transpose()?;
            gradient(geometry, recorder, [input, grad_output, &statistics], scale.as_ref(), destination)?;
        }
        if let Some(destination) = destinations.scale {
            let length = (TERMS / elements).clamp(1, rows);
            let terms = recorder.workspace([length, elements])?;
            let products = Normal { factor: Factor::OfElements(grad_output), statistics: Some(&statistics), ..plain };
            for some in pieces(0..rows, length) {
                products.write(recorder, some.clone(), &terms)?;
                let accumulate = destination.accumulates() || some.start > 0;
                let sums = Sums { planes: 1, pixels: some.end - some.start, columns: elements, scale: 1.0, accumulate };
                sums.record(recorder, &terms, destination.tensor())?;
            }
        }
        Ok(())
    }
}

/// Records the gradient of the input.
fn gradient(
    geometry: &LayerNormGeometry,
    recorder: &mut Recorder,
    [input, grad_output, statistics]: [&Tensor; 3],
    scale: Option<&Tensor>,
    destination: Destination,
) -> Result<()> {
    let &LayerNormGeometry { epsilon, elements, rows, .. } = geometry;
    let iterations = |rows, [finds, writes]: [u32; 2]| {
        layer_norm_backward::Params { rows, finds, writes, ..Default::default() }.iterations()
    };
    let passes = Passes { planes: 0..rows, extent: elements, columns: 1, found: 2, held: None };
    passes.record(recorder, [true; 2], iterations, |recorder, part, means| {
        let [finds, writes] = part.passes;
        let params = layer_norm_backward::Params {
            rows: part.rows,
            finds,
            writes,
            accumulate: destination.accumulates().into(),
            reciprocal: reciprocal(elements),
            epsilon,
            scaled: scale.is_some().into(),
            ..Default::default()
        };
        let of_columns = part.along.start.into()..part.along.end.into();
        let input = input.binding("input", part.elements.clone())?;
        // A scale that is absent is not read.
        let scale = scale.map_or(Ok(input.clone()), |scale| scale.binding("scale", of_columns))?;
        let grad_output = grad_output.binding("grad_output", part.elements.clone())?;
        let statistics = part.of_rows(statistics, 2)?;
        let grad_input = destination.tensor().binding("grad_input", part.elements.clone())?;
        layer_norm_backward(recorder, params, [&input, &scale, &grad_output, &statistics, means, &grad_input])
    })
}

/// Rows and elements of a row, the rows to be summed over.
fn summed_rows(geometry: &LayerNormGeometry) -> [(u32, bool); MAX_RANK] {
    let mut axes = [(1, false); MAX_RANK];
    axes[MAX_RANK - 2] = (geometry.rows, true);
    axes[MAX_RANK - 1] = (geometry.elements, false);
    axes
}

fn reciprocal(elements: u32) -> f32 {
    (1.0 / f64::from(elements)) as f32
}
