//! Likely mistakes behind a shape that does not fit, told at the end of its refusal.

use crate::error::Error;
use crate::geometry::OffsetLayout;
use crate::shape::Shape;

impl Error {
    /// Appends a likely mistake, if there is one, to the message of an error of a shape or an attribute.
    pub(crate) fn perhaps(mut self, mistake: Option<String>) -> Self {
        if let (Self::Shape { message, .. } | Self::Attribute { message, .. }, Some(mistake)) = (&mut self, mistake) {
            *message = format!("{message}; {mistake}");
        }
        self
    }
}

/// Images with the channels last, where as many as are needed lie there.
pub(crate) fn channels_last(argument: &str, shape: Shape, channels: u64) -> Option<String> {
    match *shape.extents() {
        [_, read, _, last] if u64::from(read) != channels && u64::from(last) == channels => {
            Some(other_order(argument, shape, "batch, channels, height, width", 3, last))
        }
        _ => None,
    }
}

/// A field of coordinates in two planes, where they belong side by side.
pub(crate) fn coordinates_first(argument: &str, shape: Shape) -> Option<String> {
    let [_, 2, _, _] = *shape.extents() else { return None };
    Some(other_order(argument, shape, "batch, out_height, out_width, coordinates", 1, 2))
}

/// A weight whose channels lie last, or in front of the output channels and behind a square kernel.
pub(crate) fn weight_order(shape: Shape, channels: u32) -> Option<String> {
    let axis = match *shape.extents() {
        [_, read, ..] if read == channels => return None,
        [_, _, _, last] if last == channels => 3,
        [height, width, third, _] if height == width && third == channels => 2,
        _ => return None,
    };
    Some(other_order("weight", shape, "out_channels, channels / groups, kernel_height, kernel_width", axis, channels))
}

fn other_order(argument: &str, shape: Shape, axes: &str, axis: u32, extent: u32) -> String {
    format!(
        "{argument} ({shape}) is read as ({axes}) and has {extent} along axis {axis}: are its axes in another order?"
    )
}

/// An offset in the layout that has the mask where this one does not.
pub(crate) fn other_layout(channels: u32, points: u64, layout: OffsetLayout) -> Option<String> {
    let (other, what) = if layout.holds_mask() {
        (OffsetLayout::Separate, "OffsetLayout::Separate, whose mask is a tensor of its own")
    } else {
        (OffsetLayout::Joint, "OffsetLayout::Joint or OffsetLayout::Planes, which hold the mask too")
    };
    let fits = points > 0 && u64::from(channels) == points.saturating_mul(other.channels_per_point().into());
    fits.then(|| format!("{channels} would fit {what}"))
}
