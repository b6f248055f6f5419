use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Attention, AttentionGeometry, AttentionInputs, StridedCopy, StridedCopyGeometry, Vectors};
use crate::gpu::{Binding, Fit, Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::matmul::attention::{self, Addend, Operand, Params, Sharing, attention};
use crate::kernels::movement::strided_copy::{self, Places, Word};
use crate::ops::movement::strided_copy::Moved;
use crate::ops::plan::{Argument, Kernels, Plan, in_units};
use crate::shape::Shape;

impl Kernels for Attention {
    type Compiled = ();

    fn compile(gpu: &Gpu, geometry: &AttentionGeometry, _: &AttentionInputs<TensorSpec>) -> Result<()> {
        gpu.compile::<attention::Kernel>(Sharing::of(gpu.capabilities(), geometry.queries, geometry.elements))?;
        // Of tensors that begin amid a quad.
        gpu.compile::<strided_copy::Kernel>((Places::Inside, Word::One))
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &AttentionInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let geometry = plan.geometry();
        let AttentionInputs { query, key, value, bias, mask } = inputs.try_map(|input| input.tensor())?;
        let query = &in_quads(recorder, query)?;
        let [key, value] = match (key, value) {
            (Some(key), Some(value)) => [in_quads(recorder, key)?, in_quads(recorder, value)?],
            _ => [query.clone(), query.clone()],
        };
        let made = if output.begins_a_quad() { output.clone() } else { recorder.workspace(output.shape())? };
        let [of_query, of_key, of_value, of_output] = geometry.vectors();
        let [quads, value_quads] = geometry.elements.map(|elements| elements / 4);
        let sharing = Sharing::of(recorder.gpu().capabilities(), geometry.queries, geometry.elements);
        let all = [0..geometry.batch, 0..geometry.heads, 0..geometry.queries];
        in_units([1, 1, Sharing::QUERIES], all, &mut |piece| {
            let [batches, heads, queries] = piece;
            let keys = 0..geometry.keys;
            let vectors = |name, tensor: &Tensor, of: Vectors, positions: &Range<u32>, elements: u32| {
                let first = of.first_of([batches.start, heads.start, positions.start]);
                let last = of.first_of([batches.end - 1, heads.end - 1, positions.end - 1]);
                tensor.binding(name, first..last + u64::from(elements))
            };
            let addend = |name, tensor: Option<&Tensor>, shape: Option<Shape>| -> Fit<(Binding, Addend)> {
                let (Some(tensor), Some(shape)) = (tensor, shape) else {
                    return Ok((query.binding(name, 0..1)?, Addend::default()));
                };
                let strides @ [batch, head, row, column] = geometry.strides(shape);
                let element = |index: fn(&Range<u32>) -> u32| -> u64 {
                    let places = piece.iter().chain([&keys]).map(index);
                    places.zip(strides).map(|(place, stride)| u64::from(place) * u64::from(stride)).sum()
                };
                let binding = tensor.binding(name, element(|range| range.start)..element(|range| range.end - 1) + 1)?;
                Ok((binding, Addend { batch, head, row, column }))
            };
            let [of_query_elements, of_value_elements] = geometry.elements;
            let query_binding = vectors("query", query, of_query, queries, of_query_elements)?;
            let key_binding = vectors("key", &key, of_key, &keys, of_query_elements)?;
            let value_binding = vectors("value", &value, of_value, &keys, of_value_elements)?;
            let output_binding = vectors("output", &made, of_output, queries, of_value_elements)?;
            let (bias_binding, bias_strides) = addend("bias", bias, geometry.shapes.bias)?;
            let (mask_binding, mask_strides) = addend("mask", mask, geometry.shapes.mask)?;
            let params = Params {
                query: operand(of_query),
                key: operand(of_key),
                value: operand(of_value),
                output: operand(of_output),
                bias: bias_strides,
                mask: mask_strides,
                batch: batches.end - batches.start,
                heads: heads.end - heads.start,
                queries: queries.end - queries.start,
                keys: geometry.keys,
                quads,
                value_quads,
                scale: geometry.scale,
                biased: bias.is_some().into(),
                masked: mask.is_some().into(),
                ..Default::default()
            };
            let bindings =
                [&query_binding, &key_binding, &value_binding, &bias_binding, &mask_binding, &output_binding];
            attention(recorder, sharing, params, bindings)
        })?;
        if output.begins_a_quad() { Ok(()) } else { copied(recorder, &made, output) }
    }

    fn flops(geometry: &AttentionGeometry) -> u64 {
        geometry.flops()
    }

    fn same(&self, other: &Self) -> bool {
        self == other && self.scale.map(f32::to_bits) == other.scale.map(f32::to_bits)
    }

    fn smallest() -> (Self, AttentionInputs<TensorSpec>) {
        let one = TensorSpec { shape: [1, 1, 1, 4].into(), dtype: DType::F32 };
        (Self::default(), AttentionInputs { query: one, key: Some(one), value: Some(one), bias: None, mask: None })
    }
}

/// Compiles the kernels that a smallest problem does not.
pub(crate) fn compile_all(gpu: &Gpu) -> Result<()> {
    let most = Sharing::of(gpu.capabilities(), 1, [Attention::MOST_ELEMENTS; 2]);
    let many = Sharing::of(gpu.capabilities(), u32::MAX, [4; 2]);
    [most, many].into_iter().try_for_each(|sharing| gpu.compile::<attention::Kernel>(sharing))
}

fn operand(vectors: Vectors) -> Operand {
    let Vectors { batch, head, position, .. } = vectors;
    Operand { first: 0, batch: batch / 4, head: head / 4, row: position / 4 }
}

/// A tensor that begins where a quad does: itself or a copy.
fn in_quads(recorder: &mut Recorder, tensor: &Tensor) -> Result<Tensor> {
    if tensor.begins_a_quad() {
        return Ok(tensor.clone());
    }
    let copy = recorder.workspace(tensor.shape())?;
    copied(recorder, tensor, &copy)?;
    Ok(copy)
}

fn copied(recorder: &mut Recorder, from: &Tensor, to: &Tensor) -> Result<()> {
    let elements = Shape::from([from.shape().elements() as u32]);
    let geometry = StridedCopyGeometry::new(&StridedCopy::transpose(&[0]), elements)?;
    Moved::of(&geometry).record(recorder, &from.reshaped(elements), &to.reshaped(elements))
}
