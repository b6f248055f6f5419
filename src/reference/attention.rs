use crate::error::Result;
use crate::geometry::{AttentionGeometry, AttentionInputs, AttentionLayout};
use crate::reference::{Reference, check_len};

/// A score, and by how much rounding changes what is made of it.
struct Score {
    value: f64,
    magnitude: f64,
}

/// Scaled dot-product attention; see [`Attention`](crate::Attention). What rounding the scores makes of the weights counts as magnitude.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn attention<T: Copy + Into<f64>>(
    geometry: &AttentionGeometry,
    inputs: &AttentionInputs<&[T]>,
) -> Result<Reference> {
    let shapes = geometry.input_shapes();
    for ((name, slice), (_, shape)) in inputs.named().zip(shapes.named()) {
        if let (Some(slice), Some(shape)) = (slice, shape) {
            check_len(name, slice, *shape)?;
        }
    }
    let &AttentionGeometry { batch, heads, queries, keys, elements: [of_query, of_value], scale, .. } = geometry;
    let packed = geometry.layout == AttentionLayout::Packed;
    let of = |slice: Option<&&[T]>, at: u32| -> f64 {
        let slice = if packed { Some(&inputs.query) } else { slice };
        slice.map_or(0.0, |slice| slice[at as usize].into())
    };
    let [query, key, value, output] = geometry.vectors();
    let addend = |slice: Option<&[T]>, shape: Option<crate::Shape>, place: [u32; 4]| -> f64 {
        let (Some(slice), Some(shape)) = (slice, shape) else { return 0.0 };
        let at: u32 = geometry.strides(shape).iter().zip(place).map(|(stride, index)| stride * index).sum();
        slice[at as usize].into()
    };
    let mut reference = Reference::zeros(geometry.output_shape(), u64::from(keys) + u64::from(of_query));
    for n in 0..batch {
        for head in 0..heads {
            for row in 0..queries {
                let start = |vectors: crate::geometry::Vectors, position: u32| {
                    vectors.first + n * vectors.batch + head * vectors.head + position * vectors.position
                };
                let scores: Vec<_> = (0..keys)
                    .map(|column| {
                        let place = [n, head, row, column];
                        let added = [addend(inputs.bias, shapes.bias, place), addend(inputs.mask, shapes.mask, place)];
                        let mut score = Score { value: 0.0, magnitude: 0.0 };
                        for i in 0..of_query {
                            let product = f64::from(scale)
                                * of(Some(&inputs.query), start(query, row) + i)
                                * of(inputs.key.as_ref(), start(key, column) + i);
                            score.value += product;
                            score.magnitude += product.abs();
                        }
                        for added in added {
                            score.value += added;
                            score.magnitude += added.abs();
                        }
                        score
                    })
                    .collect();
                let largest = scores.iter().map(|score| score.value).fold(f64::NEG_INFINITY, f64::max);
                if scores.iter().all(|score| score.value == f64::NEG_INFINITY) {
                    continue;
                }
                let weights: Vec<_> = scores.iter().map(|score| (score.value - largest).exp()).collect();
                let sum: f64 = weights.iter().sum();
                let change = |index: usize| match weights[index] {
                    0.0 => 0.0,
                    _ => 1.0 + scores[index].magnitude + (scores[index].value - largest).abs(),
                };
                let mean = (0..scores.len()).map(|index| weights[index] / sum * change(index)).sum::<f64>();
                for i in 0..of_value {
                    let element = (start(output, row) + i) as usize;
                    for column in 0..keys {
                        let weight = weights[column as usize] / sum;
                        let term = weight * of(inputs.value.as_ref(), start(value, column) + i);
                        reference.value[element] += term;
                        reference.magnitude[element] += term.abs() * (1.0 + change(column as usize) + mean);
                    }
                }
            }
        }
    }
    Ok(reference)
}
