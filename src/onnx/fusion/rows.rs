//! Copies of rows, wherever they go: what pads, rolls, cuts and joins.

use super::graph::{Graph, Outcome, buffer, host};
use crate::dtype::DType;
use crate::geometry::{Concat, Gather, GatherInputs, PadMode, Split, StridedCopy, StridedCopyGeometry};
use crate::gpu::TensorSpec;
use crate::onnx::planner::{DeviceValue, checked};
use crate::onnx::step::{Source, Step};
use crate::onnx::{ElementType, HostTensor};
use crate::shape::Shape;

/// The rows that the host follows at most for one copy.
const MOST: usize = 1 << 22;

/// A row that is none: of zeros.
const ZEROS: u32 = i32::MAX as u32;

/// A copy of what other copies made, by a table of rows.
pub(super) fn gathered(graph: &mut Graph, step: &Step) -> Option<Outcome> {
    let through_others =
        step.sources.iter().flat_map(|(_, source)| source).any(|source| behind(graph, source).is_some());
    if !through_others {
        return None;
    }
    let [made] = step.writes[..] else { return None };
    let TensorSpec { shape, dtype } = graph.buffers[made];
    let run = run_of(graph, step)?;
    // Of sixteen bytes at least.
    if run * dtype.size() < 16 || shape.elements() / run > MOST as u64 {
        return None;
    }
    let rows = rows_of_step(graph, step, made, run)?;
    let base = graph.buffers[rows.buffer];
    let many = base.shape.elements() / run;
    let element = ElementType::from(dtype);
    let data = DeviceValue { buffer: rows.buffer, first: 0, spec: table(many, run, dtype)?, element };
    let indices = rows.rows.iter().map(|&row| i64::from(row)).collect();
    let indices = HostTensor::integers([rows.rows.len() as u32], indices).ok()?;
    let spec = TensorSpec { shape: indices.shape(), dtype: DType::I32 };
    graph.buffers[made] = table(shape.elements() / run, run, dtype)?;
    let inputs = GatherInputs { data: Source::Buffer(data), indices: Source::Host(indices, spec) };
    Some(Outcome::Steps(vec![step.another(&Gather { axis: 0 }, &inputs)]))
}

fn table(rows: u64, run: u64, dtype: DType) -> Option<TensorSpec> {
    Some(TensorSpec { shape: Shape::from([u32::try_from(rows).ok()?, u32::try_from(run).ok()?]), dtype })
}

/// Rows of a buffer: those of a tensor, in order.
struct Rows {
    buffer: usize,
    rows: Vec<u32>,
}

/// The copy that a source is the result of, if that is read here alone.
fn behind<'a>(graph: &'a Graph, source: &Source) -> Option<&'a Step> {
    let step = graph.maker_of(buffer(source)?.buffer)?;
    (graph.only_here(source) && run_of_op(step).is_some()).then_some(step)
}

/// The elements that a copy moves together, as its op tells.
fn run_of_op(step: &Step) -> Option<u64> {
    let whole = |extents: &[u32]| extents.iter().map(|&extent| u64::from(extent)).product::<u64>();
    if let Some(op) = step.op::<StridedCopy>() {
        let geometry = StridedCopyGeometry::new(op, step.source("input")?.shape()).ok()?;
        let zeros = |mode: PadMode| !matches!(mode, PadMode::Constant(bits) if bits != 0);
        let [.., inner] = &geometry.axes;
        let regular = geometry.axes.iter().all(|axis| axis.outside.is_none_or(|outside| zeros(outside.mode)));
        (regular && inner.outside.is_none() && inner.stride == 1).then(|| inner.extent.into())
    } else if let Some(op) = step.op::<Concat>() {
        let shapes = step.sources.iter().flat_map(|(_, source)| source).map(Source::shape);
        Some(shapes.map(|shape| whole(&shape.extents()[op.axis as usize..])).fold(0, gcd))
    } else if let Some(op) = step.op::<Split>() {
        let inner = whole(&step.source("input")?.shape().extents()[op.axis as usize + 1..]);
        Some(op.sizes.iter().map(|&size| u64::from(size) * inner).fold(0, gcd))
    } else if step.op::<Gather>() == Some(&Gather { axis: 0 }) && host(step.source("indices")?).is_some() {
        Some(whole(&step.source("data")?.shape().extents()[1..]))
    } else {
        None
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The elements that a copy and all before it move together.
fn run_of(graph: &Graph, step: &Step) -> Option<u64> {
    let mut run = run_of_op(step)?;
    for source in step.sources.iter().filter(|(name, _)| *name != "indices").flat_map(|(_, source)| source) {
        run = gcd(run, buffer(source)?.first);
        if let Some(before) = behind(graph, source) {
            run = gcd(run, run_of(graph, before)?);
        }
    }
    Some(run)
}

/// The rows of a source.
fn rows_of(graph: &Graph, source: &Source, run: u64) -> Option<Rows> {
    let value = buffer(source)?;
    let (first, many) = ((value.first / run) as u32, (value.spec.shape.elements() / run) as u32);
    let rows = match behind(graph, source) {
        None => Rows { buffer: value.buffer, rows: (first..first + many).collect() },
        Some(step) => {
            let Rows { buffer, rows } = rows_of_step(graph, step, value.buffer, run)?;
            Rows { buffer, rows: rows[first as usize..(first + many) as usize].to_vec() }
        }
    };
    (rows.rows.len() <= MOST).then_some(rows)
}

/// The rows of a result of a copy.
fn rows_of_step(graph: &Graph, step: &Step, made: usize, run: u64) -> Option<Rows> {
    let all = |extents: &[u32]| extents.iter().map(|&extent| extent as usize).product::<usize>();
    if let Some(op) = step.op::<StridedCopy>() {
        let input = step.source("input")?;
        let geometry = StridedCopyGeometry::new(op, input.shape()).ok()?;
        let Rows { buffer, rows } = rows_of(graph, input, run)?;
        let element = |at: u64| match geometry.source(at) {
            None => Some(ZEROS),
            Some(place) => place.is_multiple_of(run).then(|| rows[(place / run) as usize]),
        };
        let many = geometry.output_shape().elements() / run;
        let rows = (0..many).map(|row| element(row * run)).collect::<Option<_>>()?;
        return Some(Rows { buffer, rows });
    }
    if let Some(op) = step.op::<Concat>() {
        let axis = op.axis as usize;
        let mut parts = Vec::new();
        for (_, source) in &step.sources {
            let source = source.as_ref()?;
            let block = all(&source.shape().extents()[axis..]) / run as usize;
            parts.push((rows_of(graph, source, run)?, block));
        }
        let buffer = parts.first()?.0.buffer;
        if parts.iter().any(|(part, _)| part.buffer != buffer) {
            return None;
        }
        let outer = all(&step.sources[0].1.as_ref()?.shape().extents()[..axis]);
        let block = |at: usize| parts.iter().flat_map(move |(part, block)| &part.rows[at * block..(at + 1) * block]);
        return Some(Rows { buffer, rows: (0..outer).flat_map(block).copied().collect() });
    }
    if let Some(op) = step.op::<Split>() {
        let (input, axis) = (step.source("input")?, op.axis as usize);
        let output = step.writes.iter().position(|written| *written == made)?;
        let inner = all(&input.shape().extents()[axis + 1..]);
        let [whole, before, own] =
            [input.shape().extents()[axis], op.sizes[..output].iter().sum::<u32>(), op.sizes[output]]
                .map(|extent| extent as usize * inner / run as usize);
        let Rows { buffer, rows } = rows_of(graph, input, run)?;
        let rows = rows.chunks(whole).flat_map(|chunk| &chunk[before..before + own]).copied().collect();
        return Some(Rows { buffer, rows });
    }
    // A table of longer rows.
    let (data, indices) = (step.source("data")?, host(step.source("indices")?)?.to_integers()?);
    let Rows { buffer, rows } = rows_of(graph, data, run)?;
    let length = all(&data.shape().extents()[1..]) / run as usize;
    let extent = data.shape().extents()[0];
    let rows = indices.into_iter().flat_map(|index| {
        let there = checked(index, extent).ok().and_then(|row| rows.get(row * length..(row + 1) * length));
        (0..length).map(move |at| there.map_or(ZEROS, |rows| rows[at]))
    });
    Some(Rows { buffer, rows: rows.collect() })
}
