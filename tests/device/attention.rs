//! Attention: every layout, lengths up to a tile's edges and beyond, addends that broadcast, and queries that attend to nothing.

use fastrand::Rng;
use pliant::*;

use crate::check;
use crate::support::problem::{Array, Problem};
use crate::support::random::normal;

/// Batch, heads, queries, keys, elements of a query and of a value.
type Extents = [u32; 6];

/// A problem in a layout, without addends; packed, keys are as many as queries, and values as long.
fn problem(rng: &mut Rng, layout: AttentionLayout, extents: Extents) -> (Attention, AttentionInputs<Array>) {
    let [batch, heads, queries, keys, elements, of_value] = extents;
    let op = Attention { scale: None, layout };
    let tensor = |rng: &mut Rng, positions: u32, elements: u32| match layout {
        AttentionLayout::HeadsFirst => normal(rng, [batch, heads, positions, elements], 1.0),
        AttentionLayout::HeadsLast => normal(rng, [batch, positions, heads, elements], 1.0),
        AttentionLayout::Packed => normal(rng, [batch, positions, 3, heads, elements], 1.0),
    };
    let query = tensor(rng, queries, elements);
    let packed = layout == AttentionLayout::Packed;
    let [key, value] = [elements, of_value].map(|elements| (!packed).then(|| tensor(rng, keys, elements)));
    (op, AttentionInputs { query, key, value, bias: None, mask: None })
}

/// Addends, of which some are minus infinity.
pub(crate) fn mask(rng: &mut Rng, shape: impl Into<Shape>) -> Array {
    let mut mask = normal(rng, shape, 1.0);
    mask.elements.iter_mut().for_each(|addend| {
        if rng.u32(..4) == 0 {
            *addend = f32::NEG_INFINITY;
        }
    });
    mask
}

/// Each layout, with and without addends.
pub(crate) fn each_form(rng: &mut Rng) -> Vec<Problem> {
    let mut problems = Vec::new();
    for layout in [AttentionLayout::HeadsFirst, AttentionLayout::HeadsLast, AttentionLayout::Packed] {
        let (op, inputs) = problem(rng, layout, [2, 3, 5, 5, 8, 8]);
        problems.push(Problem::Attention(op, inputs.clone()));
        let (bias, mask) = (normal(rng, [3, 5, 5], 1.0), mask(rng, [2, 1, 5, 5]));
        let inputs = AttentionInputs { bias: Some(bias), mask: Some(mask), ..inputs };
        problems.push(Problem::Attention(Attention { scale: Some(0.5), ..op }, inputs));
    }
    problems
}

/// A drawn problem.
pub(crate) fn draw(rng: &mut Rng) -> Problem {
    let layouts = [AttentionLayout::HeadsFirst, AttentionLayout::HeadsLast, AttentionLayout::Packed];
    let layout = layouts[rng.usize(..3)];
    let packed = layout == AttentionLayout::Packed;
    let [batch, heads] = [rng.u32(..3), rng.u32(1..4)];
    // The keys of a head are bound together, with what is between.
    let queries = if packed { rng.u32(1..=39 / heads) } else { rng.u32(1..40) };
    let [elements, of_value] = [(); 2].map(|()| 4 * rng.u32(1..17));
    let keys = if packed { queries } else { rng.u32(1..40) };
    let (mut op, mut inputs) = problem(rng, layout, [batch, heads, queries, keys, elements, of_value]);
    if rng.bool() {
        op.scale = Some(0.3);
    }
    let addend = |rng: &mut Rng| {
        let mut shape = vec![batch, heads, queries, keys];
        shape.iter_mut().filter(|extent| **extent > 0).for_each(|extent| {
            if rng.bool() {
                *extent = 1;
            }
        });
        shape.drain(..rng.usize(..4));
        rng.bool().then(|| mask(rng, Shape::new(&shape).unwrap()))
    };
    inputs.bias = addend(rng).filter(|bias| bias.shape.elements() > 0);
    inputs.mask = addend(rng).filter(|mask| mask.shape.elements() > 0);
    Problem::Attention(op, inputs)
}

#[test]
fn attention() {
    let mut rng = Rng::with_seed(90);
    for layout in [AttentionLayout::HeadsFirst, AttentionLayout::HeadsLast] {
        for extents in [
            [2, 3, 5, 7, 4, 12],
            [1, 1, 1, 1, 64, 4],
            [3, 2, 49, 49, 32, 32],
            [1, 2, 65, 33, 36, 64],
            [1, 1, 31, 130, 32, 8],
            // Several workgroups of subgroups that do seven queries an invocation, and eight.
            [1, 2, 100, 33, 32, 8],
            [2, 1, 127, 6, 16, 32],
            [0, 2, 3, 4, 8, 8],
        ] {
            let (op, inputs) = problem(&mut rng, layout, extents);
            check(&Problem::Attention(op, inputs));
        }
    }
    let (op, inputs) = problem(&mut rng, AttentionLayout::Packed, [5, 3, 49, 49, 32, 32]);
    let (bias, mask) = (normal(&mut rng, [1, 3, 49, 49], 1.0), mask(&mut rng, [5, 1, 49, 49]));
    check(&Problem::Attention(op, AttentionInputs { bias: Some(bias), mask: Some(mask), ..inputs }));
}

#[test]
fn addends_broadcast() {
    let mut rng = Rng::with_seed(91);
    let shapes: [&[u32]; 7] = [&[], &[1], &[7], &[5, 1], &[3, 1, 7], &[2, 1, 1, 7], &[2, 3, 5, 7]];
    for shape in shapes {
        let (op, inputs) = problem(&mut rng, AttentionLayout::HeadsFirst, [2, 3, 5, 7, 8, 8]);
        let bias = Some(normal(&mut rng, Shape::new(shape).unwrap(), 1.0));
        check(&Problem::Attention(op, AttentionInputs { bias, ..inputs.clone() }));
        let mask = Some(mask(&mut rng, Shape::new(shape).unwrap()));
        check(&Problem::Attention(op, AttentionInputs { mask, ..inputs }));
    }
}

/// Far scores come one behind another, and larger ones behind smaller.
#[test]
fn large_scores_and_nothing_to_attend_to() {
    let mut rng = Rng::with_seed(92);
    for queries in [9, 50, 62, 90] {
        let (op, inputs) = problem(&mut rng, AttentionLayout::HeadsFirst, [1, 2, queries, 21, 32, 16]);
        let rising = Array::from_fn([21], |index| 40.0 * index as f32 - 400.0);
        check(&Problem::Attention(op, AttentionInputs { bias: Some(rising), ..inputs.clone() }));
        // Of every third query nothing is left, and every fifth has what makes NaN of it.
        let masked = Array::from_fn([queries, 21], |index| match (index / 21, index % 21) {
            (query, _) if query % 3 == 0 => f32::NEG_INFINITY,
            (query, 20) if query % 5 == 0 => f32::NAN,
            (query, 3) if query % 5 == 1 => f32::INFINITY,
            _ => 0.0,
        });
        check(&Problem::Attention(op, AttentionInputs { mask: Some(masked), ..inputs }));
    }
}

/// Biases of more bytes than are copied at once, of which pieces are added, and a mask of all of them.
#[test]
fn many_addends() {
    let mut rng = Rng::with_seed(93);
    let (op, inputs) = problem(&mut rng, AttentionLayout::HeadsLast, [1, 40, 330, 331, 4, 4]);
    let (bias, mask) = (normal(&mut rng, [1, 40, 330, 331], 1.0), mask(&mut rng, [330, 331]));
    check(&Problem::Attention(op, AttentionInputs { bias: Some(bias), mask: Some(mask), ..inputs }));
}
