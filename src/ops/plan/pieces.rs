//! Work in pieces: what a device can bind and should do at a time.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::gpu::{Gpu, Iterations};

/// The bytes of a tensor that certainly fit a binding, wherever in its buffer it starts.
pub(crate) fn bindable(gpu: &Gpu) -> u64 {
    let alignment = u64::from(gpu.capabilities().limits.min_storage_buffer_offset_alignment);
    gpu.capabilities().max_binding().saturating_sub(alignment)
}

/// Cuts `whole` into pieces of `length`, the last perhaps shorter.
pub(crate) fn pieces(whole: Range<u32>, length: u32) -> impl Iterator<Item = Range<u32>> {
    let end = whole.end;
    whole.step_by(length.max(1) as usize).map(move |start| start..end.min(start.saturating_add(length.max(1))))
}

/// The largest count up to `all`, but at least 1, with which the loops of a kernel stay within the device's iterations. `iterations` states
/// those of a count.
pub(crate) fn at_once(gpu: &Gpu, all: u32, iterations: impl Fn(u32) -> Iterations) -> u32 {
    fitting(gpu.capabilities().iterations_per_invocation(), all, iterations)
}

/// The largest count up to `all`, but at least 1, with which the loops of a kernel take at most `most` iterations.
pub(crate) fn fitting(most: u64, all: u32, iterations: impl Fn(u32) -> Iterations) -> u32 {
    let (mut fits, mut beyond) = (1, all.saturating_add(1));
    while beyond - fits > 1 {
        let middle = fits + (beyond - fits) / 2;
        if iterations(middle).taken <= most { fits = middle } else { beyond = middle }
    }
    fits
}

/// Has `dispatch` do a piece, or, where that meets a limit before anything is recorded, its halves along the outermost axis that can be
/// halved. An empty piece needs nothing.
pub(crate) fn in_pieces<const N: usize>(
    piece: [Range<u32>; N],
    dispatch: &mut impl FnMut(&[Range<u32>; N]) -> Result<()>,
) -> Result<()> {
    if piece.iter().any(Range::is_empty) {
        return Ok(());
    }
    let error = match dispatch(&piece) {
        Err(error @ Error::Limit { .. }) => error,
        done => return done,
    };
    let Some(axis) = piece.iter().position(|range| range.end - range.start > 1) else { return Err(error) };
    let Range { start, end } = piece[axis];
    let middle = start + (end - start) / 2;
    [start..middle, middle..end].into_iter().try_for_each(|half| {
        let mut piece = piece.clone();
        piece[axis] = half;
        in_pieces(piece, dispatch)
    })
}
