//! Copies and gathers: every form against the reference, in floats and integers, bit for bit.

use fastrand::Rng;
use pliant::*;
use pliant::{DType, Shape, StridedCopyPlan, Tensor};

use crate::limits::with_limits;
use crate::support::problem::{Array, Implementation, Problem, Storage};
use crate::support::random::normal;
use crate::{check_on, gpu, some};

/// Tensors of integers, as indices always are.
const INTEGERS: Storage = Storage::new(DType::I32, DType::I32);

/// Floats and integers, on a device. The bits of a constant that is not 0 are those of a float.
fn check_both(problem: &Problem, gpu: &Gpu) {
    let of_floats = matches!(problem, Problem::StridedCopy(StridedCopy::Pad { mode: PadMode::Constant(1..), .. }, _));
    for storage in [Storage::F32, INTEGERS].into_iter().take(if of_floats { 1 } else { 2 }) {
        let device = Implementation::Device { gpu, strategy: None, storage };
        check_on(problem, device).unwrap_or_else(|miss| panic!("{storage:?}: {miss}\n{}", problem.describe()));
    }
}

fn range(axis: u32, start: i64, end: i64, step: i64) -> SliceRange {
    SliceRange { axis, start, end, step }
}

fn array(rng: &mut Rng, extents: &[u32]) -> Array {
    normal(rng, Shape::new(extents).unwrap(), 100.0)
}

/// A small copy of each kind.
pub(crate) fn each_copy(rng: &mut Rng) -> Vec<Problem> {
    let copies = [
        (StridedCopy::transpose(&[2, 0, 1]), &[3, 5, 7][..]),
        (StridedCopy::transpose(&[0, 2, 1]), &[3, 9, 11]),
        (StridedCopy::slice(&[range(1, -1, 0, -2), range(2, 1, 100, 3)]), &[3, 5, 7]),
        (StridedCopy::expand([3, 1, 2, 7]), &[5, 1, 7]),
        (StridedCopy::tile(&[2, 1, 3]), &[3, 5, 7]),
        (StridedCopy::pad(&[1, 0, -2], &[0, 2, 3], PadMode::value(0.0)), &[3, 5, 7]),
        (StridedCopy::pad(&[0, 7, 1], &[0, 2, 0], PadMode::Reflect), &[3, 3, 7]),
        (StridedCopy::pad(&[0, 1, 1], &[1, 0, 1], PadMode::Edge), &[3, 5, 7]),
        (StridedCopy::roll(&[1, 0, -3]), &[3, 5, 7]),
        (StridedCopy::DepthToSpace { block: 2, order: DepthOrder::BlockFirst }, &[1, 12, 3, 5]),
        (StridedCopy::DepthToSpace { block: 3, order: DepthOrder::ChannelFirst }, &[1, 9, 3, 5]),
        (StridedCopy::SpaceToDepth { block: 3 }, &[1, 3, 3, 9]),
        (StridedCopy::Strided { first: 100, axes: vec![(3, -35), (4, 0), (5, 1)] }, &[3, 5, 7]),
    ];
    copies.into_iter().map(|(op, extents)| Problem::StridedCopy(op, array(rng, extents))).collect()
}

/// Elements of a tensor at any distances.
fn strided(rng: &mut Rng, extents: &[u32]) -> StridedCopy {
    let elements: i64 = extents.iter().map(|&extent| i64::from(extent)).product();
    let (mut least, mut most) = (0, 0);
    let mut axes = Vec::new();
    for _ in 0..rng.usize(1..=4) {
        let extent = rng.u32(1..=16);
        // What is left of the elements, in front or behind.
        let furthest = (elements - 1 - most + least) / i64::from(extent.max(2) - 1);
        let stride = if rng.bool() { rng.i64(0..=furthest) } else { 1.min(furthest) };
        let reach = stride * i64::from(extent - 1);
        if rng.bool() {
            most += reach;
            axes.push((extent, stride));
        } else {
            least -= reach;
            axes.push((extent, -stride));
        }
    }
    StridedCopy::Strided { first: rng.i64(-least..=elements - 1 - most) as u64, axes }
}

/// A legal copy of any kind.
pub(crate) fn draw_copy(rng: &mut Rng) -> Problem {
    let mut extents: Vec<u32> = (0..rng.usize(1..=6)).map(|_| rng.u32(1..=7)).collect();
    for _ in 0..2 {
        // Some axes are long enough for tiles, and whole fours.
        let axis = rng.usize(..extents.len());
        extents[axis] *= [1, 4, 8][rng.usize(..3)];
    }
    let rank = extents.len() as u32;
    let op = match rng.u32(..9) {
        8 => strided(rng, &extents),
        0 | 1 => {
            let mut order: Vec<u32> = (0..rank).collect();
            rng.shuffle(&mut order);
            StridedCopy::Transpose { order }
        }
        2 => {
            let mut ranges = Vec::new();
            for (axis, &extent) in extents.iter().enumerate() {
                let extent = i64::from(extent);
                // From the first element on, to the last or beyond; or back.
                let (start, step) = (rng.i64(0..extent), rng.i64(1..=4));
                let end = rng.i64(start + 1..=extent + 2);
                ranges.push(match rng.u32(..4) {
                    0 => continue,
                    1 => range(axis as u32, start - extent, end, step),
                    2 => range(axis as u32, start, i64::MIN, -step),
                    _ => range(axis as u32, start, end, step),
                });
            }
            StridedCopy::Slice { ranges }
        }
        3 => {
            let mut shape = Vec::new();
            for extent in &mut extents {
                shape.push(if rng.bool() { 1 } else { *extent });
                *extent = if rng.bool() && shape.last() != Some(&1) { 1 } else { *extent };
            }
            let lacks = if rng.bool() { 0 } else { rng.usize(..shape.len()) };
            StridedCopy::Expand { shape: Shape::new(&shape[lacks..]).unwrap() }
        }
        4 => StridedCopy::Tile { repeats: extents.iter().map(|_| rng.u32(1..=3)).collect() },
        5 | 6 => {
            let mode = [PadMode::value(2.0), PadMode::Edge, PadMode::Reflect, PadMode::Wrap][rng.usize(..4)];
            let (mut before, mut after) = (Vec::new(), Vec::new());
            for &extent in &extents {
                let least = -(extent as i32 - 1);
                before.push(if rng.bool() { 0 } else { rng.i32(least..5) });
                after.push(if rng.bool() { 0 } else { rng.i32((least - before.last().unwrap().min(&0)).min(4)..5) });
            }
            let sides = before.iter().zip(&after).map(|(before, after)| before + after);
            let padded: i32 = extents.iter().zip(sides).map(|(&extent, sides)| extent as i32 + sides).product();
            if padded > 9000 && !matches!(mode, PadMode::Constant(_)) {
                // Rows of the gradient that are added up are bound together with what is between: they do not lie far apart.
                let outer = extents.len().saturating_sub(2);
                [&mut before, &mut after].into_iter().for_each(|sides| sides[..outer].fill(0));
            }
            StridedCopy::Pad { before, after, mode }
        }
        _ => {
            let block = rng.u32(1..=3);
            let order = [DepthOrder::BlockFirst, DepthOrder::ChannelFirst][rng.usize(..2)];
            let [batch, channels, height, width] = [2, 5, 9, 9].map(|most| rng.u32(1..=most));
            if rng.bool() {
                extents = vec![batch, channels * block * block, height, width];
                StridedCopy::DepthToSpace { block, order }
            } else {
                extents = vec![batch, channels, height * block, width * block];
                StridedCopy::SpaceToDepth { block }
            }
        }
    };
    Problem::StridedCopy(op, array(rng, &extents))
}

#[test]
fn copies_of_each_kind() {
    let mut rng = Rng::with_seed(201);
    each_copy(&mut rng).iter().for_each(|problem| check_both(problem, gpu()));
    let empty = [
        (StridedCopy::transpose(&[0, 2, 1]), &[0, 2, 3][..]),
        (StridedCopy::slice(&[range(0, 2, 1, 1)]), &[3, 2]),
        (StridedCopy::slice(&[range(0, 0, 9, -1)]), &[3, 2]),
        (StridedCopy::expand([0, 2]), &[1, 2]),
        (StridedCopy::tile(&[0, 2]), &[3, 2]),
        (StridedCopy::pad(&[-2, 0], &[-1, 0], PadMode::Edge), &[3, 2]),
        (StridedCopy::pad(&[2, 1], &[0, 1], PadMode::value(3.0)), &[0, 2]),
        (StridedCopy::DepthToSpace { block: 1, order: DepthOrder::BlockFirst }, &[0, 2, 3, 4]),
        (StridedCopy::transpose(&[]), &[]),
        (StridedCopy::expand([2, 2]), &[]),
    ];
    for (op, extents) in empty {
        check_both(&Problem::StridedCopy(op, array(&mut rng, extents)), gpu());
    }
}

/// The orders of axes that networks need, in extents with fours and without.
#[test]
fn axes_in_orders_of_networks() {
    let mut rng = Rng::with_seed(202);
    for more in [0, 1] {
        for (order, extents) in [
            (&[0, 1, 3, 2, 4, 5][..], &[1, 3, 8, 2, 8, 12 + more][..]),
            (&[0, 2, 1, 3], &[3, 16, 2, 12 + more]),
            (&[0, 2, 3, 1], &[2, 36 + more, 8, 10]),
            (&[0, 3, 1, 2], &[2, 8, 10, 36 + more]),
            (&[2, 0, 3, 1, 4], &[4, 16, 3, 2, 8 + more]),
            (&[0, 2, 1], &[2, 68 + more, 44]),
            (&[2, 1, 0], &[40, 3, 36 + more]),
        ] {
            check_both(&Problem::StridedCopy(StridedCopy::transpose(order), array(&mut rng, extents)), gpu());
        }
    }
}

#[test]
fn drawn_copies_agree_with_the_reference() {
    let devices = [
        gpu().clone(),
        with_limits(|limits| limits.max_storage_buffer_binding_size = 1 << 10),
        with_limits(|limits| limits.max_compute_workgroups_per_dimension = 3),
    ];
    for seed in some(0..100, 4) {
        let problem = draw_copy(&mut Rng::with_seed(seed));
        check_both(&problem, &devices[seed as usize % devices.len()]);
    }
}

/// Whatever the bits mean: NaN with a payload, denormals; and a constant of integers.
#[test]
fn moved_elements_keep_every_bit() {
    let bits = [0x7fc1_2345, 1, 0x8000_0000, 0xff80_0000, 0x7f80_0001, 0x3f80_0000, 0x007f_ffff, 0xffff_ffff];
    let floats = Tensor::upload(gpu(), [2, 4], &bits.map(f32::from_bits)).unwrap();
    let moved = StridedCopy::transpose(&[1, 0]).forward(&floats).unwrap();
    let back = StridedCopy::transpose(&[1, 0]).forward(&moved).unwrap().download_blocking::<f32>().unwrap();
    assert_eq!(back.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), bits);
    for rows in [1, 2] {
        let integers = Tensor::upload(gpu(), [rows, 8 / rows], &bits.map(u32::cast_signed)).unwrap();
        let pad = StridedCopy::pad(&[1, 0], &[0, 0], PadMode::integer(1 << 24 | 1));
        let padded = pad.forward(&integers).unwrap().download_blocking::<i32>().unwrap();
        assert_eq!(padded[..8 / rows as usize], vec![1 << 24 | 1; 8 / rows as usize]);
        assert_eq!(padded[8 / rows as usize..], bits.map(u32::cast_signed));
    }
}

/// Tensors that begin amid four words.
#[test]
fn tensors_amid_fours_are_moved() {
    let numbers: Vec<f32> = (0..24 * 40 + 8).map(|number| number as f32).collect();
    let whole = Tensor::upload(gpu(), [numbers.len() as u32], &numbers).unwrap();
    for op in [StridedCopy::transpose(&[1, 0]), StridedCopy::roll(&[5, 0])] {
        for first in 0..5u32 {
            let input =
                Tensor::from_buffer(gpu(), whole.buffer().clone(), u64::from(4 * first), [24, 40], DType::F32).unwrap();
            let plan = StridedCopyPlan::new(gpu(), &op, &input).unwrap();
            let mut recorder = Recorder::new(gpu());
            let output = plan.forward(&mut recorder, &input).unwrap();
            recorder.submit().unwrap();
            let given = numbers[first as usize..][..960].to_vec();
            let expected = reference::strided_copy(plan.geometry(), &given).unwrap().value;
            let actual = output.download_blocking::<f32>().unwrap();
            assert!(actual.iter().zip(expected).all(|(&a, b)| f64::from(a) == b), "{op:?} from {first}");
        }
    }
}

/// Indices of axes of so many elements, some of them negative, some beyond the axis.
fn indices(rng: &mut Rng, extents: &[u32], of: u32) -> Array {
    let of = of as i32;
    Array::from_fn(Shape::new(extents).unwrap(), |_| {
        (if rng.u32(..9) == 0 { [of, -of - 1, i32::MIN][rng.usize(..3)] } else { rng.i32(-of..of) }) as f32
    })
}

/// A small gathering of each kind.
pub(crate) fn each_gather(rng: &mut Rng) -> Vec<Problem> {
    let mut inputs =
        |data: &[u32], at: &[u32], of| GatherInputs { data: array(rng, data), indices: indices(rng, at, of) };
    vec![
        Problem::Gather(Gather { axis: 1 }, inputs(&[3, 5, 7], &[2, 3], 5)),
        Problem::Gather(Gather { axis: 0 }, inputs(&[5, 8], &[3], 5)),
        Problem::Gather(Gather { axis: 2 }, inputs(&[3, 5, 7], &[], 7)),
        Problem::GatherElements(GatherElements { axis: 1 }, inputs(&[3, 5, 7], &[3, 9, 7], 5)),
        Problem::GatherElements(GatherElements { axis: 0 }, inputs(&[3, 5, 7], &[3, 2, 5], 3)),
        Problem::GatherNd(GatherNd { batch: 0 }, inputs(&[5, 5, 7], &[3, 2], 5)),
        Problem::GatherNd(GatherNd { batch: 0 }, inputs(&[5, 5, 4], &[3, 5, 1], 5)),
        Problem::GatherNd(GatherNd { batch: 1 }, inputs(&[3, 5, 5], &[3, 7, 2], 5)),
    ]
}

/// A legal gathering of any kind.
pub(crate) fn draw_gather(rng: &mut Rng) -> Problem {
    let data: Vec<u32> = (0..rng.usize(1..=4)).map(|_| [1, 2, 3, 4, 8, 9][rng.usize(..6)]).collect();
    let axis = rng.usize(..data.len());
    let more: Vec<u32> = (0..rng.usize(..=2)).map(|_| rng.u32(1..=6)).collect();
    match rng.u32(..3) {
        0 => {
            let indices = indices(rng, &more, data[axis]);
            Problem::Gather(Gather { axis: axis as u32 }, GatherInputs { data: array(rng, &data), indices })
        }
        1 => {
            let mut extents: Vec<u32> = data.iter().map(|&extent| rng.u32(1..=extent)).collect();
            extents[axis] = rng.u32(1..=9);
            let indices = indices(rng, &extents, data[axis]);
            Problem::GatherElements(
                GatherElements { axis: axis as u32 },
                GatherInputs { data: array(rng, &data), indices },
            )
        }
        _ => {
            let depth = rng.usize(1..=data.len() - axis);
            let of = *data[axis..][..depth].iter().min().unwrap();
            let indices = indices(rng, &[&data[..axis], &more, &[depth as u32]].concat(), of);
            Problem::GatherNd(GatherNd { batch: axis as u32 }, GatherInputs { data: array(rng, &data), indices })
        }
    }
}

const REDUCTIONS: [ScatterReduction; 5] = [
    ScatterReduction::Replace,
    ScatterReduction::Add,
    ScatterReduction::Mul,
    ScatterReduction::Min,
    ScatterReduction::Max,
];

/// Updates small enough for products of several to be integers of 32 bits.
fn scatter_inputs(rng: &mut Rng, data: &[u32], at: Array, updates: &[u32]) -> ScatterInputs<Array> {
    let updates = normal(rng, Shape::new(updates).unwrap(), 1.5);
    ScatterInputs { data: array(rng, data), indices: at, updates }
}

/// A small scatter of each kind; several updates are of one element.
pub(crate) fn each_scatter(rng: &mut Rng) -> Vec<Problem> {
    let mut problems = Vec::new();
    for reduction in REDUCTIONS {
        for (axis, data, at) in [(1, [3, 5, 7], [3, 9, 7]), (0, [3, 5, 7], [2, 5, 5]), (2, [3, 5, 8], [3, 4, 40])] {
            let indices = indices(rng, &at, data[axis as usize]);
            let inputs = scatter_inputs(rng, &data, indices, &at);
            problems.push(Problem::ScatterElements(ScatterElements { axis, reduction }, inputs));
        }
        for (data, at, updates) in [
            ([5, 5, 7], &[13, 2][..], &[13, 7][..]),
            ([5, 5, 4], &[3, 5, 1], &[3, 5, 5, 4]),
            ([5, 5, 5], &[40, 3], &[40]),
        ] {
            let indices = indices(rng, at, 5);
            let inputs = scatter_inputs(rng, &data, indices, updates);
            problems.push(Problem::ScatterNd(ScatterNd { reduction }, inputs));
        }
    }
    problems
}

/// A legal scatter of any kind.
pub(crate) fn draw_scatter(rng: &mut Rng) -> Problem {
    let reduction = REDUCTIONS[rng.usize(..REDUCTIONS.len())];
    let data: Vec<u32> = (0..rng.usize(1..=4)).map(|_| [1, 2, 3, 4, 8, 9][rng.usize(..6)]).collect();
    if rng.bool() {
        let axis = rng.usize(..data.len());
        let mut at: Vec<u32> = data.iter().map(|&extent| rng.u32(1..=extent)).collect();
        at[axis] = rng.u32(1..=20);
        let indices = indices(rng, &at, data[axis]);
        let inputs = scatter_inputs(rng, &data, indices, &at);
        return Problem::ScatterElements(ScatterElements { axis: axis as u32, reduction }, inputs);
    }
    let depth = rng.usize(1..=data.len());
    let slots: Vec<u32> = (0..rng.usize(..=2)).map(|_| rng.u32(1..=9)).collect();
    let indices = indices(rng, &[&slots[..], &[depth as u32]].concat(), *data[..depth].iter().min().unwrap());
    let inputs = scatter_inputs(rng, &data, indices, &[&slots[..], &data[depth..]].concat());
    Problem::ScatterNd(ScatterNd { reduction }, inputs)
}

#[test]
fn scatters_agree_with_the_reference() {
    let mut rng = Rng::with_seed(204);
    each_scatter(&mut rng).iter().for_each(|problem| check_both(problem, gpu()));
    let none = ScatterInputs {
        data: array(&mut rng, &[3, 4]),
        indices: Array::filled([0, 1], 0.0),
        updates: Array::filled([0, 4], 0.0),
    };
    check_both(&Problem::ScatterNd(ScatterNd::default(), none), gpu());
    let devices = [
        gpu().clone(),
        with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10),
        with_limits(|limits| limits.max_compute_workgroups_per_dimension = 8),
    ];
    for seed in some(0..100, 4) {
        let problem = draw_scatter(&mut Rng::with_seed(seed));
        check_both(&problem, &devices[seed as usize % devices.len()]);
    }
}

/// The one element of a scatter has more updates than an invocation does in a dispatch, and a sort more than it takes at a time.
#[test]
fn many_updates_of_one_element() {
    let many = (1 << 20) + 3;
    for reduction in [ScatterReduction::Replace, ScatterReduction::Max, ScatterReduction::Add] {
        let inputs = ScatterInputs {
            data: Array::filled([2], 1.0),
            indices: Array::filled([many], 1.0),
            updates: Array::from_fn([many], |index| if index % 1000 == 7 { index as f32 } else { 0.0 }),
        };
        let device = Implementation::Device { gpu: gpu(), strategy: None, storage: Storage::F32 };
        check_on(&Problem::ScatterElements(ScatterElements { axis: 0, reduction }, inputs), device).unwrap();
    }
}

/// NaN is what comes of NaN; where nothing is computed, words keep their bits.
#[test]
fn updates_that_are_no_numbers() {
    let bits = [0x7fc1_2345, 0x3f80_0000, 0xff80_0000, 0x7fa0_0001].map(f32::from_bits);
    let upload = |elements: &[f32]| Tensor::upload(gpu(), [elements.len() as u32], elements).unwrap();
    let indices = Tensor::upload(gpu(), [4], &[0i32, 1, 2, 3]).unwrap();
    let scattered = |reduction: ScatterReduction, data: &[f32]| {
        let inputs = ScatterInputs { data: &upload(data), indices: &indices, updates: &upload(&bits) };
        ScatterElements { axis: 0, reduction }.forward(&inputs).unwrap().download_blocking::<f32>().unwrap()
    };
    let replaced = scattered(ScatterReduction::Replace, &[1.0; 4]);
    assert!(replaced.iter().zip(bits).all(|(a, b)| a.to_bits() == b.to_bits()), "{replaced:?}");
    for reduction in [ScatterReduction::Min, ScatterReduction::Max] {
        let extremes = scattered(reduction, &[1.0, f32::NAN, 2.0, f32::NAN]);
        assert_eq!(extremes.iter().map(|x| x.is_nan()).collect::<Vec<_>>(), [true, true, false, true]);
    }
}

#[test]
fn gatherings_agree_with_the_reference() {
    let mut rng = Rng::with_seed(203);
    each_gather(&mut rng).iter().for_each(|problem| check_both(problem, gpu()));
    let none = Problem::Gather(
        Gather { axis: 0 },
        GatherInputs { data: array(&mut rng, &[0, 4]), indices: Array::filled([3], 0.0) },
    );
    check_both(&none, gpu());
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    for seed in 0..100 {
        let problem = draw_gather(&mut Rng::with_seed(seed));
        check_both(&problem, if seed % 2 == 0 { gpu() } else { &small });
    }
}
