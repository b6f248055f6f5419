//! Copies one behind another.

use super::graph::{Graph, Outcome, buffer};
use super::rows;
use super::strided::{Run, Strided};
use crate::geometry::StridedCopy;
use crate::gpu::TensorSpec;
use crate::onnx::planner::DeviceValue;
use crate::onnx::step::{Source, Step};
use crate::shape::{MAX_RANK, Shape};

/// A copy of what other copies made: one copy of what these were made from, or a view of it.
pub(super) fn copies(graph: &mut Graph, step: &Step) -> Outcome {
    match strided(graph, step) {
        Some(outcome) => outcome,
        None => rows::gathered(graph, step).into(),
    }
}

fn strided(graph: &mut Graph, step: &Step) -> Option<Outcome> {
    step.op::<StridedCopy>()?;
    let input = step.source("input")?;
    let (Source::Buffer(value), lie) = graph.origin_of_copy(step, step.writes[0])? else { return None };
    let dtype = value.spec.dtype;
    if let Some(first) = dense(&lie)
        && (first * dtype.size()).is_multiple_of(4)
    {
        return Some(Outcome::View(DeviceValue { first, ..value }));
    }
    let runs = lie.merged();
    let through_others = buffer(input).is_some_and(|input| input.buffer != value.buffer);
    if !through_others || runs.len() > MAX_RANK || lie.first < 0 {
        return None;
    }
    let extents: Vec<_> = runs.iter().map(|run| run.extent).collect();
    let axes = runs.iter().map(|run| (run.extent, run.stride)).collect();
    let whole = graph.buffers[value.buffer];
    let input = Source::Buffer(DeviceValue { first: 0, spec: whole, ..value });
    graph.buffers[step.writes[0]] = TensorSpec { shape: Shape::new(&extents).ok()?, dtype };
    let op = StridedCopy::Strided { first: lie.first as u64, axes };
    Some(Outcome::Steps(vec![step.another(&op, &input)]))
}

/// The element at which elements begin that lie one behind another.
fn dense(lie: &Strided) -> Option<u64> {
    match lie.merged()[..] {
        [] | [Run { stride: 1, .. }] => u64::try_from(lie.first).ok(),
        _ => None,
    }
}
