use crate::error::{Error, Result};
use crate::geometry::{Input, any_rank, check_elements, check_padded_extent, inputs, op, positive};
use crate::shape::Shape;

/// The largest element of each window over a plane, or its mean, along one to three axes: ONNX's `MaxPool` and `AveragePool`.
///
/// Padding has no elements: a window that has none is -∞, or 0 where it is a mean. A NaN in a window makes it NaN.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Pool {
    /// The function of a window. [`PoolKind::Max`] without indices by default.
    pub kind: PoolKind,
    /// The window along each of the axes behind batch and channels.
    pub axes: Vec<PoolAxis>,
    /// Whether a last window may end beyond the padding, as long as it does not start there, also where it is the only one. False by default.
    pub ceil_mode: bool,
}

/// Function of a [`Pool`] over a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PoolKind {
    /// The largest element, and, where an order is given, its index: of several that are equal the first, and a NaN before all.
    Max {
        /// The order in which elements are counted for indices.
        indices: Option<IndexOrder>,
    },
    /// The mean.
    Average {
        /// Whether padding counts as zeros.
        count_padding: bool,
    },
}

impl Default for PoolKind {
    fn default() -> Self {
        Self::Max { indices: None }
    }
}

/// The order in which elements of a tensor are counted: ONNX's `storage_order`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IndexOrder {
    /// The last axis varies fastest: 0.
    #[default]
    RowMajor,
    /// Of the axes that are pooled the first varies fastest; of batch and channels the channels: 1.
    ColumnMajor,
}

/// The window of a [`Pool`] along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PoolAxis {
    /// Elements of the window.
    pub kernel: u32,
    /// Elements from one window to the next.
    pub stride: u32,
    /// Elements of padding before the first element and behind the last.
    pub padding: [u32; 2],
    /// Elements from one element of the window to the next.
    pub dilation: u32,
}

impl Default for PoolAxis {
    fn default() -> Self {
        Self { kernel: 1, stride: 1, padding: [0; 2], dilation: 1 }
    }
}

inputs!(
    /// The outputs of a [`Pool`].
    PoolOutputs {
        /// (batch, channels, ...), in the input's element type
        output,
        ;
        /// In the same shape, `i32`: the place of each largest element in the whole input, -1 for a window that has none. Present where an
        /// order is given.
        indices,
    }
);

/// A checked pooling of windows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoolGeometry {
    pub(crate) kind: PoolKind,
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    /// Planes: batch times channels.
    pub(crate) planes: u32,
    /// Depth, height and width, of which those that are not pooled have extent 1.
    pub(crate) axes: [PooledAxis; 3],
}

/// A checked axis of a pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PooledAxis {
    pub(crate) window: PoolAxis,
    pub(crate) extent: u32,
    pub(crate) out_extent: u32,
}

impl PooledAxis {
    const ONE: Self =
        Self { window: PoolAxis { kernel: 1, stride: 1, padding: [0; 2], dilation: 1 }, extent: 1, out_extent: 1 };

    pub(crate) fn new(window: PoolAxis, extent: u32, ceil_mode: bool) -> Result<Self> {
        let PoolAxis { kernel, stride, padding, dilation } = window;
        positive("kernel", kernel)?;
        positive("stride", stride)?;
        positive("dilation", dilation)?;
        let padded = check_padded_extent("extent", extent, padding)?;
        let span = u64::from(dilation) * u64::from(kernel - 1) + 1;
        let stride = u64::from(stride);
        let beyond = if ceil_mode { stride - 1 } else { 0 };
        let Some(reach) = (padded + beyond).checked_sub(span) else {
            let message = format!(
                "the output would have no elements: the padded input has extent {padded}; \
                 a kernel of {kernel} elements {dilation} apart spans {span}"
            );
            return Err(Error::shape("input", message));
        };
        let mut out_extent = reach / stride + 1;
        if ceil_mode && (out_extent - 1) * stride >= u64::from(extent) + u64::from(padding[0]) {
            out_extent -= 1;
        }
        // Of a window longer than all there is, what lies behind the padding is left out.
        let taps = (padded - 1) / u64::from(dilation) + 1;
        let window = PoolAxis { kernel: u64::from(kernel).min(taps) as u32, ..window };
        // Extents are below 2^29.
        Ok(Self { window, extent, out_extent: out_extent as u32 })
    }

    /// Where the window of an output element starts, counted from the first element.
    pub(crate) fn start(&self, out: u32) -> i64 {
        i64::from(out) * i64::from(self.window.stride) - i64::from(self.window.padding[0])
    }
}

impl PoolGeometry {
    /// Checks windows over an input (batch, channels, ...) of as many more axes as there are windows.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`] with the two figures that disagree.
    pub fn new(op: &Pool, input: Shape) -> Result<Self> {
        any_rank("input", input)?;
        let pooled = op.axes.len();
        if !(1..=3).contains(&pooled) {
            return Err(Error::attribute("axes", format!("axes has {pooled} windows; 1 to 3 are possible")));
        }
        if input.rank() != pooled + 2 {
            let message = format!(
                "input ({input}) has {} axes; batch, channels and {pooled} windows need {}",
                input.rank(),
                pooled + 2
            );
            return Err(Error::shape("input", message));
        }
        let mut axes = [PooledAxis::ONE; 3];
        let mut output = input;
        for (index, &window) in op.axes.iter().enumerate() {
            let axis = PooledAxis::new(window, input.extents()[index + 2], op.ceil_mode)?;
            output = output.with_extent(index + 2, axis.out_extent);
            axes[3 - pooled + index] = axis;
        }
        check_elements("output", output)?;
        let geometry = Self { kind: op.kind, input, output, planes: input.extents()[..2].iter().product(), axes };
        if geometry.order().is_some() && input.elements() > i32::MAX as u64 {
            let message = format!("input ({input}) has {} elements; i32 counts {}", input.elements(), i32::MAX);
            return Err(Error::shape("input", message));
        }
        Ok(geometry)
    }

    /// The shape of the input.
    pub fn input_shapes(&self) -> Shape {
        self.input
    }

    /// The shapes of the outputs.
    pub fn output_shapes(&self) -> PoolOutputs<Shape> {
        PoolOutputs { output: self.output, indices: self.order().map(|_| self.output) }
    }

    /// The order of indices, where there are any.
    pub(crate) fn order(&self) -> Option<IndexOrder> {
        match self.kind {
            PoolKind::Max { indices } => indices,
            PoolKind::Average { .. } => None,
        }
    }

    /// Elements from one to the next along depth, height and width, as indices count them.
    pub(crate) fn index_strides(&self) -> [u32; 3] {
        let [depth, height, width] = self.axes.map(|axis| axis.extent);
        match self.order() {
            Some(IndexOrder::ColumnMajor) => [1, depth, depth * height],
            _ => [height * width, width, 1],
        }
    }
}

op!(Pool: Input => PoolOutputs<()>, PoolGeometry::output_shapes, |op, shape| PoolGeometry::new(op, *shape));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_extents_by_hand() {
        // extent, kernel, stride, padding, dilation, ceil_mode -> output
        let table = [
            (7, 3, 2, [1, 1], 1, false, 4),
            (8, 3, 2, [1, 1], 1, false, 4),
            (8, 3, 2, [1, 1], 1, true, 5),
            (4, 3, 2, [0, 0], 1, true, 2),
            // The last window would start in the padding.
            (2, 1, 2, [0, 1], 1, true, 1),
            (4, 2, 3, [1, 1], 1, true, 2),
            (5, 2, 1, [0, 0], 3, false, 2),
            // Windows longer than what there is.
            (1, 2, 2, [0, 0], 1, true, 1),
            (2, 3, 2, [0, 0], 1, true, 1),
            (1, 2, 3, [1, 0], 3, true, 1),
        ];
        for (extent, kernel, stride, padding, dilation, ceil_mode, expected) in table {
            let window = PoolAxis { kernel, stride, padding, dilation };
            let axis = PooledAxis::new(window, extent, ceil_mode).unwrap();
            assert_eq!(axis.out_extent, expected, "{window:?} over {extent}");
        }
        let of = |kernel| PooledAxis::new(PoolAxis { kernel, stride: 4, padding: [1, 0], dilation: 2 }, 4, true);
        // Five elements, of which the third tap takes the last; spans of 9 are beyond what a stride allows.
        assert_eq!(of(4).unwrap().window.kernel, 3);
        assert!(of(5).is_err());
    }
}
