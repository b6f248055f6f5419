use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Attention, AttentionGeometry, AttentionInputs, StridedCopy, StridedCopyGeometry, Vectors};
use crate::gpu::{Fit, Gpu, Recorder, Tensor, TensorSpec, Texel, Unfit};
use crate::kernels::layout::ReadFrom;
use crate::kernels::matmul::attention::{self, Addend, Operand, Params, Sharing, attention};
use crate::kernels::matmul::copy_lines;
use crate::kernels::movement::strided_copy::{self, Places, Word};
use crate::ops::movement::strided_copy::Moved;
use crate::ops::plan::{Argument, Kernels, Plan, in_units};
use crate::ops::planes::PlaneReads;
use crate::shape::Shape;

impl Kernels for Attention {
    type Compiled = ();

    fn compile(gpu: &Gpu, geometry: &AttentionGeometry, inputs: &AttentionInputs<TensorSpec>) -> Result<()> {
        let sharing = Sharing::of(gpu.capabilities(), geometry.queries, geometry.elements);
        let added = inputs.bias.is_some() || inputs.mask.is_some();
        let addends = if added { ReadFrom::fast(gpu) } else { ReadFrom::Buffer };
        gpu.compile::<attention::Kernel>((sharing, addends))?;
        if addends == ReadFrom::Texture {
            gpu.compile::<copy_lines::Kernel>(Texel::Element)?;
        }
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
            let addends = [("bias", bias, geometry.shapes.bias), ("mask", mask, geometry.shapes.mask)]
                .map(|(name, tensor, shape)| Some(Added::of(name, tensor?, geometry.strides(shape?), piece, &keys)));
            let reads = addends_read(recorder.gpu(), addends.each_ref(), piece)?;
            let [of_query_elements, of_value_elements] = geometry.elements;
            let query_binding = vectors("query", query, of_query, queries, of_query_elements)?;
            let key_binding = vectors("key", &key, of_key, &keys, of_query_elements)?;
            let value_binding = vectors("value", &value, of_value, &keys, of_value_elements)?;
            let output_binding = vectors("output", &made, of_output, queries, of_value_elements)?;
            let [bias_strides, mask_strides] =
                addends.each_ref().map(|added| added.as_ref().map_or([0; 4], |added| added.strides));
            let params = Params {
                query: operand(of_query),
                key: operand(of_key),
                value: operand(of_value),
                output: operand(of_output),
                bias: addend(bias_strides),
                mask: addend(mask_strides),
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
            recorder.attempt(|recorder| {
                let mut bound = Vec::new();
                for Added { name, tensor, elements, .. } in addends.iter().flatten() {
                    bound.push(reads.bound(recorder, (name, tensor), elements.clone())?);
                }
                // What there is not is bound as the other, or as queries.
                let bias = bound.first().unwrap_or(&query_binding);
                let mask = bound.last().unwrap_or(&query_binding);
                let bindings = [&query_binding, &key_binding, &value_binding, bias, mask, &output_binding];
                attention(recorder, (sharing, reads.from), params, bindings)
            })
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
    let all = [(1, Attention::MOST_ELEMENTS), (1, 4), (49, 4), (64, 4)];
    let sharings = all.map(|(queries, elements)| Sharing::of(gpu.capabilities(), queries, [elements; 2]));
    let of = |addends| sharings.into_iter().map(move |sharing| (sharing, addends));
    ReadFrom::all_of(gpu).into_iter().flat_map(of).try_for_each(|axes| gpu.compile::<attention::Kernel>(axes))
}

/// Elements of a bias or a mask that a piece adds, and how far those of batches, heads, queries and keys are apart.
struct Added<'a> {
    name: &'static str,
    tensor: &'a Tensor,
    elements: Range<u64>,
    strides: [u32; 4],
}

impl<'a> Added<'a> {
    fn of(
        name: &'static str,
        tensor: &'a Tensor,
        strides: [u32; 4],
        piece: &[Range<u32>; 3],
        keys: &Range<u32>,
    ) -> Self {
        let element = |index: fn(&Range<u32>) -> u32| -> u64 {
            let places = piece.iter().chain([keys]).map(index);
            places.zip(strides).map(|(place, stride)| u64::from(place) * u64::from(stride)).sum()
        };
        let elements = element(|range| range.start)..element(|range| range.end - 1) + 1;
        Self { name, tensor, elements, strides }
    }
}

/// How a piece reads what it adds: from textures, if each has as few bytes as planes in textures, for which a piece is cut where that helps.
fn addends_read(gpu: &Gpu, addends: [&Option<Added>; 2], piece: &[Range<u32>; 3]) -> Fit<PlaneReads> {
    let some = || addends.into_iter().flatten();
    let Some(most) = some().map(|added| added.elements.end - added.elements.start).max() else {
        return Ok(PlaneReads::IN_BUFFER);
    };
    let reads = PlaneReads::of(gpu, Texel::Element, most);
    let helps = |axis: &usize| {
        let least = if *axis == 2 { Sharing::QUERIES } else { 1 };
        let large = |added: &&Added| added.elements.end - added.elements.start == most;
        piece[*axis].len() as u32 > least && some().filter(large).any(|added| added.strides[*axis] != 0)
    };
    match (0..3).find(helps) {
        Some(axis) if gpu.capabilities().textures() && reads.from == ReadFrom::Buffer => {
            let message = format!("a bias or a mask has {most} elements, which are more than are copied at once");
            Err(Unfit::too_large("bias", message).along(axis))
        }
        _ => Ok(reads),
    }
}

fn addend([batch, head, row, column]: [u32; 4]) -> Addend {
    Addend { batch, head, row, column }
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
