//! Elements of a tensor that the indices of another name.

use crate::error::{Error, Result};
use crate::geometry::BroadcastAxis;
use crate::shape::{MAX_RANK, Shape};

/// A tensor whose elements are named by indices: each element of what they are gathered into, or scattered from, has one index of one part or several.
/// A part that is negative counts from the end of its axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Indexing {
    /// The axes of what is gathered or scattered, as few as possible, with axes of extent 1 in front: how far apart neighbours lie in the data and
    /// the first parts of their indices in the indices.
    pub(crate) axes: [BroadcastAxis; MAX_RANK],
    /// The axes that the parts of an index are along, in order.
    pub(crate) parts: Vec<IndexPart>,
}

/// An axis of a tensor that is indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct IndexPart {
    pub(crate) extent: u32,
    /// How far apart neighbours lie in the data.
    pub(crate) stride: u32,
}

impl Indexing {
    /// The indexing with its axes as few as possible.
    pub(crate) fn new(axes: impl IntoIterator<Item = BroadcastAxis>, parts: Vec<IndexPart>) -> Self {
        let mut merged: Vec<BroadcastAxis> = Vec::new();
        for axis in axes.into_iter().filter(|axis| axis.extent != 1) {
            match merged.last_mut() {
                // What goes on where the next axis ends is the same axis.
                Some(outer) if outer.strides == axis.strides.map(|stride| stride * axis.extent) => {
                    *outer = BroadcastAxis { extent: outer.extent * axis.extent, ..axis };
                }
                _ => merged.push(axis),
            }
        }
        let mut all = [BroadcastAxis { extent: 1, strides: [0; 2] }; MAX_RANK];
        all[MAX_RANK - merged.len()..].copy_from_slice(&merged);
        Self { axes: all, parts }
    }
}

/// The elements along some axes.
pub(crate) fn elements(extents: &[u32]) -> u32 {
    extents.iter().product()
}

/// The parts of indices along some axes, of which the last has neighbours `stride` apart.
pub(crate) fn parts(extents: &[u32], stride: u32) -> Vec<IndexPart> {
    let part = |(axis, &extent): (usize, &u32)| IndexPart { extent, stride: elements(&extents[axis + 1..]) * stride };
    extents.iter().enumerate().map(part).collect()
}

/// The indexing of elements one by one along an axis, at their own indices along the others, where they have no more than the data.
pub(crate) fn along_axis(axis: usize, data: Shape, indices: Shape) -> Result<Indexing> {
    if indices.rank() != data.rank() {
        let message = format!("indices ({indices}) has {} axes; data ({data}) has {}", indices.rank(), data.rank());
        return Err(Error::shape("indices", message));
    }
    let pairs = || data.extents().iter().zip(indices.extents()).enumerate();
    if let Some((other, (has, named))) = pairs().find(|(other, (has, named))| *other != axis && named > has) {
        let message = format!("indices ({indices}) has extent {named} along axis {other}; data ({data}) has {has}");
        return Err(Error::shape("indices", message));
    }
    let behind = |shape: Shape, axis: usize| elements(&shape.extents()[axis + 1..]);
    let axes = pairs().map(|(other, (_, &extent))| {
        let stride = if other == axis { 0 } else { behind(data, other) };
        BroadcastAxis { extent, strides: [stride, behind(indices, other)] }
    });
    let part = IndexPart { extent: data.extents()[axis], stride: behind(data, axis) };
    Ok(Indexing::new(axes, vec![part]))
}

/// The parts of each index, which the last axis of the indices holds, of at most `most` axes of the data.
pub(crate) fn depth(indices: Shape, data: Shape, most: usize) -> Result<usize> {
    match indices.extents().last() {
        Some(&depth) if (1..=most).contains(&(depth as usize)) => Ok(depth as usize),
        Some(depth) => {
            let message = format!("indices ({indices}) has indices of {depth} parts; data ({data}) takes 1 to {most}");
            Err(Error::shape("indices", message))
        }
        None => Err(Error::shape(
            "indices",
            format!("indices ({indices}) has 0 axes; the last holds the parts of an index"),
        )),
    }
}
