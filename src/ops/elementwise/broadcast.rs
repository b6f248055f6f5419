//! Functions of two tensors whose elements are repeated along axes, and gradients, which are sums over those axes.

use std::array::from_fn;
use std::ops::Range;

use crate::error::Result;
use crate::geometry::{Binary, BroadcastAxis};
use crate::gpu::{Binding, Fit, Recorder, Tensor};
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
    pub(crate) fn record(&self, recorder: &mut Recorder, [a, b]: [&Tensor; 2], output: &Tensor) -> Result<()> {
        let strides = [0, 1].map(|operand| self.axes.map(|axis| axis.strides[operand]));
        let output_strides = dense(&self.axes);
        // Halved from the outermost axis on, a piece is one range of the output.
        in_pieces(self.axes.map(|axis| 0..axis.extent), &mut |piece: &[Range<u32>; MAX_RANK]| {
            let a = section("a", a, piece, strides[0])?;
            let b = section("b", b, piece, strides[1])?;
            let output = section("output", output, piece, output_strides)?;
            let extents = piece.clone().map(|range| range.end - range.start);
            let elements = extents.iter().map(|&extent| u64::from(extent)).product();
            recorder.gpu().capabilities().check_elements("output", elements)?;
            let broadcast = Broadcast::new(extents, [strides[0], strides[1], [0; MAX_RANK]]);
            let words = self.op.and_then(|op| binary_words::function(op, !self.integers));
            if let Some((functions, operation, relations)) = words {
                let params = binary_words::Params { broadcast, operation, relations, ..Default::default() };
                return binary_words::binary_words(recorder, functions, params, [&a, &b, &output]);
            }
            let function = self.op.and_then(Function::of).unwrap_or(Function::First);
            let params =
                Params { broadcast, scale: self.scale, accumulate: self.accumulate.into(), ..Default::default() };
            binary(recorder, function, params, [&a, &b, &output])
        })
    }
}

/// The part of an operand that a piece of the output's axes reads or writes.
pub(crate) fn section(
    argument: &'static str,
    tensor: &Tensor,
    piece: &[Range<u32>; MAX_RANK],
    strides: [u32; MAX_RANK],
) -> Fit<Binding> {
    let element = |index: fn(&Range<u32>) -> u32| -> u64 {
        piece.iter().zip(strides).map(|(range, stride)| u64::from(index(range)) * u64::from(stride)).sum()
    };
    tensor.binding(argument, element(|range| range.start)..element(|range| range.end - 1) + 1)
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
    let tensors = [grad_output, factor.unwrap_or(grad_output)];
    let repeated = axes.map(|BroadcastAxis { extent, strides }| (extent, extent != 1 && strides[operand] == 0));
    if repeated.iter().all(|(_, repeated)| !repeated) {
        terms(gradient.accumulates()).record(recorder, tensors, gradient.tensor())
    } else if factor.is_some() {
        let products = recorder.workspace([axes.iter().map(|axis| axis.extent).product()])?;
        terms(false).record(recorder, tensors, &products)?;
        sum_over(recorder, repeated, &products, gradient)
    } else {
        sum_over(recorder, repeated, grad_output, gradient)
    }
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
    let output_strides = dense(axes);
    let strides = [axes.map(|axis| axis.strides[0]), axes.map(|axis| axis.strides[1]), output_strides];
    let repeated = axes.map(|BroadcastAxis { extent, strides }| (extent, extent != 1 && strides[operand] == 0));
    let summed = repeated.iter().any(|(_, repeated)| *repeated);
    let terms = match summed {
        true => recorder.workspace([axes.iter().map(|axis| axis.extent).product()])?,
        false => gradient.tensor().clone(),
    };
    in_pieces(axes.map(|axis| 0..axis.extent), &mut |piece: &[Range<u32>; MAX_RANK]| {
        let bindings = [
            &section("a", a, piece, strides[0])?,
            &section("b", b, piece, strides[1])?,
            &section("grad_output", grad_output, piece, output_strides)?,
            &section("gradient", &terms, piece, output_strides)?,
        ];
        let extents = piece.clone().map(|range| range.end - range.start);
        let elements = extents.iter().map(|&extent| u64::from(extent)).product();
        recorder.gpu().capabilities().check_elements("gradient", elements)?;
        let broadcast = Broadcast::new(extents, strides);
        let accumulate = (!summed && gradient.accumulates()).into();
        let params = binary_backward::Params { broadcast, operand: operand as u32, accumulate, ..Default::default() };
        binary_backward::binary_backward(recorder, differentiated, params, bindings)
    })?;
    if summed { sum_over(recorder, repeated, &terms, gradient) } else { Ok(()) }
}
