//! Work in pieces: what a device can bind and should do at a time.

use std::ops::Range;

use crate::error::Result;
use crate::gpu::{Fit, Gpu, Iterations, Unfit};

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

/// Has `dispatch` do a piece of work, or, where it is too large for one dispatch, its halves: see [`in_units`].
pub(crate) fn in_pieces<const N: usize>(
    piece: [Range<u32>; N],
    dispatch: &mut impl FnMut(&[Range<u32>; N]) -> Fit,
) -> Result<()> {
    Ok(in_units([1; N], piece, dispatch)?)
}

/// Has `dispatch` do a piece of work, or, where it is too large for one dispatch, its halves: along the axis that the refusal names, or along
/// the outermost that can be halved. The second half begins a multiple of `units` behind the first. An empty piece needs nothing.
///
/// `dispatch` records nothing where it refuses a piece. What no halving helps is refused in turn, without an axis.
pub(crate) fn in_units<const N: usize>(
    units: [u32; N],
    piece: [Range<u32>; N],
    dispatch: &mut impl FnMut(&[Range<u32>; N]) -> Fit,
) -> Fit {
    if piece.iter().any(Range::is_empty) {
        return Ok(());
    }
    let Err(unfit) = dispatch(&piece) else { return Ok(()) };
    let Unfit::TooLarge { axis: named, error } = unfit else { return Err(unfit) };
    let middle = |axis: usize| {
        let Range { start, end } = piece[axis];
        let half = ((end - start) / 2).next_multiple_of(units[axis]);
        (0 < half && half < end - start).then(|| (axis, start + half))
    };
    let cut = named.map_or_else(|| (0..N).find_map(middle), middle);
    let Some((axis, middle)) = cut else { return Err(Unfit::TooLarge { axis: None, error }) };
    [piece[axis].start..middle, middle..piece[axis].end].into_iter().try_for_each(|half| {
        let mut piece = piece.clone();
        piece[axis] = half;
        in_units(units, piece, dispatch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// Cuts work of which `most` elements fit a dispatch: the outcome, how many pieces were tried, and those that were done.
    fn cut(units: [u32; 2], extents: [u32; 2], most: u32, axis: Option<usize>) -> (Fit, usize, Vec<[Range<u32>; 2]>) {
        let (mut tried, mut done) = (0, Vec::new());
        let outcome = in_units(units, extents.map(|extent| 0..extent), &mut |piece| {
            tried += 1;
            if piece.iter().map(|range| range.end - range.start).product::<u32>() > most {
                return Err(Unfit::TooLarge { axis, error: Error::limit("input", "too large") });
            }
            done.push(piece.clone());
            Ok(())
        });
        (outcome, tried, done)
    }

    #[test]
    fn pieces_are_halved_along_the_outermost_axis() {
        let (outcome, _, done) = cut([1; 2], [3, 5], 4, None);
        assert!(outcome.is_ok());
        assert_eq!(done, [[0..1, 0..2], [0..1, 2..5], [1..2, 0..2], [1..2, 2..5], [2..3, 0..2], [2..3, 2..5]]);
    }

    #[test]
    fn a_refusal_names_the_axis_to_halve() {
        let (outcome, _, done) = cut([1; 2], [3, 8], 6, Some(1));
        assert!(outcome.is_ok());
        assert_eq!(done, [[0..3, 0..2], [0..3, 2..4], [0..3, 4..6], [0..3, 6..8]]);
    }

    #[test]
    fn halves_begin_at_multiples_of_the_unit() {
        let (outcome, _, done) = cut([1, 16], [1, 40], 20, Some(1));
        assert!(outcome.is_ok());
        assert_eq!(done, [[0..1, 0..16], [0..1, 16..32], [0..1, 32..40]]);
        let (outcome, tried, _) = cut([1, 16], [4, 16], 8, Some(1));
        assert!(matches!(outcome, Err(Unfit::TooLarge { axis: None, .. })));
        assert_eq!(tried, 1);
    }

    #[test]
    fn a_failure_is_not_tried_again() {
        let (mut tried, whole) = (0, 0..8);
        let outcome = in_pieces([whole], &mut |_| {
            tried += 1;
            Err(Error::limit("buffer", "no buffer is so large").into())
        });
        assert_eq!((outcome, tried), (Err(Error::limit("buffer", "no buffer is so large")), 1));
    }
}
