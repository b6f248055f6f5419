//! Functions of two tensors whose elements are repeated along axes, and gradients, which are sums over those axes.

use std::array::from_fn;
use std::ops::Range;

use crate::error::Result;
use crate::geometry::{Binary, BroadcastAxis};
use crate::gpu::{Binding, Fit, Recorder, Tensor};
use crate::kernels::activation::Activation;
use crate::kernels::elementwise::binary::{Function, Params, binary};
use crate::kernels::elementwise::binary_backward::{self, Differentiated};
use crate::kernels::elementwise::binary_words;
use crate::kernels::elementwise::broadcast::Broadcast;
use crate::ops::plan::{Destination, in_pieces};
use crate::ops::reduce::sums::sum_over;
use crate::shape::MAX_RANK;

/// A function of two tensors of f32 into a dense one, times `scale`.
pub(crate) struct Elementwise {
    /// The function; `a` alone, where there is none.
    pub(crate) op: Option<Binary>,
    pub(crate) scale: f32,
    pub(crate) axes: [BroadcastAxis; MAX_RANK],
    /// Whether it is added to what the output holds.
    pub(crate) accumulate: bool,
    /// Whether the operands hold integers.
    pub(crate) integers: bool,
}

impl Elementwise {
    /// Records the function, in as many dispatches as the tensors need to be bound.
    pub(crate) fn record(&self, recorder: &mut Recorder, operands: [&Tensor; 2], output: &Tensor) -> Result<()> {
        self.record_ending_with(Activation::default(), recorder, operands, output)
    }

    /// Records the function, put through bounds, which those of words do not know.
    pub(crate) fn record_ending_with(
        &self,
        activation: Activation,
        recorder: &mut Recorder,
        [a, b]: [&Tensor; 2],
        output: &Tensor,
    ) -> Result<()> {
        let strides = [0, 1].map(|operand| self.axes.map(|axis| axis.strides[operand]));
        let operands = [("a", a, strides[0]), ("b", b, strides[1]), ("output", output, dense(&self.axes))];
        in_broadcast_pieces(recorder, &self.axes, operands, |recorder, broadcast, bindings| {
            let words = self.op.and_then(|op| binary_words::function(op, !self.integers));
            if let Some((functions, operation, relations)) = words {
                let params = binary_words::Params { broadcast, operation, relations, ..Default::default() };
                return binary_words::binary_words(recorder, functions, params, bindings);
            }
            let function = self.op.and_then(Function::of).unwrap_or(Function::First);
            let accumulate = self.accumulate.into();
            let params = Params { broadcast, activation, scale: self.scale, accumulate, ..Default::default() };
            binary(recorder, function, params, bindings)
        })
    }
}

/// Has `dispatch` do a function of operands that broadcast, each given by its name and the strides of its elements, the output last; in as many
/// dispatches as the tensors need to be bound.
pub(crate) fn in_broadcast_pieces<const OPERANDS: usize, const N: usize>(
    recorder: &mut Recorder,
    axes: &[BroadcastAxis<OPERANDS>; MAX_RANK],
    operands: [(&'static str, &Tensor, [u32; MAX_RANK]); N],
    mut dispatch: impl FnMut(&mut Recorder, Broadcast, [&Binding; N]) -> Fit,
) -> Result<()> {
    let strides = from_fn(|operand| operands[operand].2);
    // Halved from the outermost axis on, a piece is one range of the output.
    in_pieces(axes.map(|axis| 0..axis.extent), &mut |piece: &[Range<u32>; MAX_RANK]| {
        let section = |(argument, tensor, strides): (_, &Tensor, [u32; MAX_RANK])| {
            let element = |index: fn(&Range<u32>) -> u32| -> u64 {
                piece.iter().zip(strides).map(|(range, stride)| u64::from(index(range)) * u64::from(stride)).sum()
            };
            tensor.binding(argument, element(|range| range.start)..element(|range| range.end - 1) + 1)
        };
        let bindings = operands.into_iter().map(section).collect::<Fit<Vec<_>>>()?;
        let extents = piece.clone().map(|range| range.end - range.start);
        let elements = extents.iter().map(|&extent| u64::from(extent)).product();
        recorder.gpu().capabilities().check_elements(operands[N - 1].0, elements)?;
        dispatch(recorder, Broadcast::new(extents, strides), from_fn(|operand| &bindings[operand]))
    })
}

/// The strides of a dense tensor with these axes.
pub(crate) fn dense<const N: usize>(axes: &[BroadcastAxis<N>; MAX_RANK]) -> [u32; MAX_RANK] {
    let mut strides = [1; MAX_RANK];
    for axis in (1..MAX_RANK).rev() {
        strides[axis - 1] = strides[axis] * axes[axis].extent;
    }
    strides
}

/// Records the gradient of one operand of a function of two: `grad_output`, times the other operand where that is a factor, summed over the
/// axes along which the operand is repeated.
pub(crate) fn gradient(
    recorder: &mut Recorder,
    axes: &[BroadcastAxis; MAX_RANK],
    operand: usize,
    factor: Option<&Tensor>,
    grad_output: &Tensor,
    gradient: Destination,
) -> Result<()> {
    let dense = dense(axes);
    let terms = |accumulate| Elementwise {
        op: factor.map(|_| Binary::Mul),
        scale: 1.0,
        axes: from_fn(|axis| {
            let other = if factor.is_some() { axes[axis].strides[1 - operand] } else { dense[axis] };
            BroadcastAxis { extent: axes[axis].extent, strides: [dense[axis], other] }
        }),
        accumulate,
        integers: false,
    };
    let repeated = repeated(axes, operand);
    if factor.is_none() && repeated.iter().any(|(_, repeated)| *repeated) {
        return sum_over(recorder, repeated, grad_output, gradient);
    }
    through_terms(recorder, repeated, gradient, |recorder, to| {
        terms(to.accumulates()).record(recorder, [grad_output, factor.unwrap_or(grad_output)], to.tensor())
    })
}

/// The axes, and whether the operand is repeated along each.
fn repeated(axes: &[BroadcastAxis; MAX_RANK], operand: usize) -> [(u32, bool); MAX_RANK] {
    axes.map(|BroadcastAxis { extent, strides }| (extent, extent != 1 && strides[operand] == 0))
}

/// Records the terms of a gradient: into the gradient itself, or where the operand is repeated into workspace that is then summed.
fn through_terms(
    recorder: &mut Recorder,
    repeated: [(u32, bool); MAX_RANK],
    gradient: Destination,
    record: impl FnOnce(&mut Recorder, Destination) -> Result<()>,
) -> Result<()> {
    if repeated.iter().all(|(_, repeated)| !repeated) {
        return record(recorder, gradient);
    }
    let terms = recorder.workspace([repeated.iter().map(|(extent, _)| extent).product()])?;
    record(recorder, Destination::Write(&terms))?;
    sum_over(recorder, repeated, &terms, gradient)
}

/// Records the gradient of one operand of a function whose derivative both operands make: the terms, summed over the axes along which the
/// operand is repeated.
pub(crate) fn gradient_of(
    recorder: &mut Recorder,
    differentiated: Differentiated,
    axes: &[BroadcastAxis; MAX_RANK],
    operand: usize,
    [a, b, grad_output]: [&Tensor; 3],
    gradient: Destination,
) -> Result<()> {
    recorder.gpu().compile::<binary_backward::Kernel>(differentiated)?;
    let [a_strides, b_strides] = [0, 1].map(|operand| axes.map(|axis| axis.strides[operand]));
    let dense = dense(axes);
    through_terms(recorder, repeated(axes, operand), gradient, |recorder, to| {
        let output = ("gradient", to.tensor(), dense);
        let operands = [("a", a, a_strides), ("b", b, b_strides), ("grad_output", grad_output, dense), output];
        in_broadcast_pieces(recorder, axes, operands, |recorder, broadcast, bindings| {
            let (operand, accumulate) = (operand as u32, to.accumulates().into());
            let params = binary_backward::Params { broadcast, operand, accumulate, ..Default::default() };
            binary_backward::binary_backward(recorder, differentiated, params, bindings)
        })
    })
}
