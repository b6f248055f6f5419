//! Fully connected layers over rows.

use super::Viewed;
use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{
    Binary, BinaryGeometry, BinaryInputs, BroadcastAxis, Matmul, MatmulGeometry, MatmulGradients, MatmulInputs, axis,
    expect, extents,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::MatmulPlan;
use crate::ops::elementwise::broadcast::Elementwise;
use crate::ops::plan::Destination;
use crate::shape::{MAX_RANK, Shape};

/// A fully connected layer over rows, of so many inputs, and of so many outputs where that is given: (rows, inputs) times the weight, transposed.
pub(super) fn connected(
    rows: u32,
    inputs: u32,
    [(weight, shape), (bias, bias_shape)]: [(&'static str, Shape); 2],
    outputs: Option<(u64, &str)>,
) -> Result<MatmulGeometry> {
    let [out, has] = extents(weight, shape, [axis("outputs"), axis("inputs")])?;
    expect(weight, "inputs", has, inputs.into(), "what it reads has")?;
    if let Some((needs, why)) = outputs {
        expect(weight, "outputs", out, needs, why)?;
    }
    let [elements] = extents(bias, bias_shape, [axis("outputs")])?;
    expect(bias, "elements", elements, out.into(), "the weight's outputs are")?;
    let shapes = MatmulInputs { a: [1, rows, inputs].into(), b: [1, out, inputs].into(), bias: Some(bias_shape) };
    MatmulGeometry::new(&Matmul { transpose_a: false, transpose_b: true }, &shapes)
}

pub(super) fn wide(shape: Shape) -> TensorSpec {
    TensorSpec { shape, dtype: DType::F32 }
}

/// The axes of a function of two tensors of these shapes.
pub(super) fn broadcast(op: Binary, a: Shape, b: Shape) -> Result<[BroadcastAxis; MAX_RANK]> {
    Ok(BinaryGeometry::new(&op, &BinaryInputs { a, b })?.axes())
}

/// Records a function of two tensors of these axes.
pub(super) fn of_two(
    recorder: &mut Recorder,
    op: Binary,
    axes: &[BroadcastAxis; MAX_RANK],
    operands: [&Tensor; 2],
    output: &Tensor,
) -> Result<()> {
    Elementwise { op: Some(op), scale: 1.0, axes: *axes, accumulate: false, integers: false }
        .record(recorder, operands, output)
}

/// Records `output += b`, the second operand of these axes.
pub(super) fn add(
    recorder: &mut Recorder,
    axes: &[BroadcastAxis; MAX_RANK],
    b: &Tensor,
    output: &Tensor,
) -> Result<()> {
    let axes = axes.map(|BroadcastAxis { extent, strides: [_, b] }| BroadcastAxis { extent, strides: [b; 2] });
    Elementwise { op: None, scale: 1.0, axes, accumulate: true, integers: false }.record(recorder, [b; 2], output)
}

/// A fully connected layer.
pub(super) struct Connected {
    geometry: MatmulGeometry,
    product: MatmulPlan,
}

impl Connected {
    pub(super) fn new(gpu: &Gpu, geometry: MatmulGeometry) -> Result<Self> {
        let product = MatmulPlan::of(gpu, geometry, &geometry.input_shapes().map(|&shape| wide(shape)))?;
        Ok(Self { geometry, product })
    }

    pub(super) fn forward(
        &self,
        recorder: &mut Recorder,
        input: &Tensor,
        [weight, bias]: [&Tensor; 2],
        output: &Tensor,
    ) -> Result<()> {
        let shapes = self.geometry.input_shapes();
        let inputs = MatmulInputs { a: &input.reshaped(shapes.a), b: &weight.reshaped(shapes.b), bias: Some(bias) };
        self.product.forward_into(recorder, &inputs, &output.reshaped(self.geometry.output_shape()))
    }

    /// Records the gradients of input, weight and bias that are wanted.
    pub(super) fn backward(
        &self,
        recorder: &mut Recorder,
        input: &Tensor,
        [weight, bias]: [&Tensor; 2],
        grad_output: &Tensor,
        [of_input, of_weight, of_bias]: [Option<Destination>; 3],
    ) -> Result<()> {
        let shapes = self.geometry.input_shapes();
        let inputs = MatmulInputs { a: &input.reshaped(shapes.a), b: &weight.reshaped(shapes.b), bias: Some(bias) };
        let grad_output = grad_output.reshaped(self.geometry.output_shape());
        let of_input = of_input.map(|destination| Viewed::new(&destination, shapes.a));
        let of_weight = of_weight.map(|destination| Viewed::new(&destination, shapes.b));
        let destinations = MatmulGradients {
            a: of_input.as_ref().map(Viewed::destination),
            b: of_weight.as_ref().map(Viewed::destination),
            bias: of_bias,
        };
        if destinations.named().next().is_some() {
            self.product.backward_into(recorder, &inputs, &grad_output, &destinations)?;
        }
        Ok(())
    }
}
