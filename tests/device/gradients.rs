use fastrand::Rng;
use pliant::*;
use pliant::{
    BinaryPlan, Destination, Error, GlobalAveragePoolPlan, Gpu, MatmulPlan, Recorder, Tensor, UnaryPlan, Wanted, wgpu,
};

use crate::dtypes::STORAGES;
use crate::limits::{large_problems, with_limits};
use crate::movement::{draw_copy, draw_gather, each_copy, each_gather};
use crate::shapes::{BROADCASTS, UNARIES};
use crate::spatial::{draw_pool, draw_resize};
use crate::support::compare::Expected;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways};
use crate::support::random::{labels, normal};
use crate::{check_backward_on, gpu, some};

fn check_with(gpu: &Gpu, problem: &Problem, storage: Storage, ways: Ways) {
    let device = Implementation::Device { gpu, strategy: None, storage };
    if let Err(failure) = check_backward_on(problem, 70, device, ways) {
        panic!("{storage:?}: {failure}\n{}", problem.describe());
    }
}

/// In f32, in either type of 16 bits, and in both at once.
fn check(problem: &Problem) {
    for (storage, ways) in
        [(Storage::F32, Ways::All), (STORAGES[0], Ways::All), (STORAGES[1], Ways::One), (STORAGES[5], Ways::One)]
    {
        check_with(gpu(), problem, storage, ways);
    }
}

#[test]
fn of_products() {
    let mut rng = Rng::with_seed(71);
    for [batch, rows, columns, depth] in [[1, 1, 1, 1], [0, 2, 3, 4], [3, 5, 3, 7], [2, 17, 65, 33]] {
        for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
            // Either operand may be one matrix for all.
            for [a_batch, b_batch] in [[batch, batch], [1, batch], [batch, 1]] {
                let a = if transpose_a { [a_batch, depth, rows] } else { [a_batch, rows, depth] };
                let b = if transpose_b { [b_batch, columns, depth] } else { [b_batch, depth, columns] };
                let bias = (a_batch == batch).then(|| normal(&mut rng, [columns], 1.0));
                let inputs = MatmulInputs { a: normal(&mut rng, a, 1.0), b: normal(&mut rng, b, 1.0), bias };
                check(&Problem::Matmul(Matmul { transpose_a, transpose_b }, inputs));
            }
        }
    }
}

#[test]
fn of_functions_of_one_tensor() {
    let mut rng = Rng::with_seed(72);
    for op in UNARIES {
        for (extents, sigma) in [(&[][..], 1.0), (&[0, 3], 1.0), (&[67], 1e-3), (&[5, 3, 7], 10.0)] {
            check(&Problem::Unary(op, normal(&mut rng, pliant::Shape::new(extents).unwrap(), sigma)));
        }
        check_with(gpu(), &Problem::Unary(op, normal(&mut rng, [20_000], 3.0)), Storage::F32, Ways::All);
    }
}

/// On kinks, far out, and where the input is not finite.
#[test]
fn of_functions_by_hand() {
    let (infinity, nan) = (f32::INFINITY, f32::NAN);
    let input = [-1.0, -0.5, -0.0, 0.0, 1e-30, 2.0, 2.5, infinity, -infinity, 1000.0, -1000.0, nan];
    let clip = |min, max| Unary::Clip { min, max };
    let table = [
        (Unary::Relu, [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0]),
        (clip(-0.5, 2.0), [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        (clip(-infinity, infinity), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]),
        (clip(2.0, -1.0), [0.0; 12]),
        (
            Unary::Sigmoid,
            [0.196_611_93, 0.235_003_71, 0.25, 0.25, 0.25, 0.104_993_59, 0.070_103_72, 0.0, 0.0, 0.0, 0.0, nan.into()],
        ),
        (
            Unary::Tanh,
            [0.419_974_34, 0.786_447_73, 1.0, 1.0, 1.0, 0.070_650_82, 0.026_592_23, 0.0, 0.0, 0.0, 0.0, nan.into()],
        ),
    ];
    let input = Tensor::upload(gpu(), [12], &input).unwrap();
    for (op, expected) in table {
        // Where a gradient does not pass, it counts for nothing, infinite though it be.
        let grads = expected
            .map(|slope: f64| if slope == 0.0 && !matches!(op, Unary::Sigmoid | Unary::Tanh) { infinity } else { 1.0 });
        let grads = Tensor::upload(gpu(), [12], &grads).unwrap();
        let gradient = op.backward(&input, &grads).unwrap().download_blocking().unwrap();
        let compared = Expected::within(expected.to_vec(), 0.0, 1e-6).compare(&gradient);
        assert!(compared.is_ok(), "{op:?}: {gradient:?}");
    }
}

#[test]
fn of_functions_of_two_tensors_broadcast() {
    let mut rng = Rng::with_seed(73);
    for op in [Binary::Add, Binary::Mul] {
        for shapes in BROADCASTS {
            let [a, b] = shapes.map(|extents| normal(&mut rng, pliant::Shape::new(extents).unwrap(), 1.0));
            let problem = Problem::Binary(op, BinaryInputs { a, b });
            // (1, 0): only the first axis may be 0.
            if shapes == [&[0][..], &[1, 1]] {
                assert!(problem.reference().is_err());
            } else {
                check(&problem);
            }
        }
    }
}

/// Sums over each axis and each set of axes, some of them longer than a segment.
#[test]
fn of_operands_repeated_along_every_set_of_axes() {
    let mut rng = Rng::with_seed(74);
    for extents in [[3, 5, 2, 7], [2, 3, 67, 9], [300, 2, 1, 70]] {
        for repeated in 0..16 {
            let mut operand = extents;
            for (axis, extent) in operand.iter_mut().enumerate() {
                *extent = if repeated >> axis & 1 == 1 { 1 } else { *extent };
            }
            let inputs = BinaryInputs { a: normal(&mut rng, operand, 1.0), b: normal(&mut rng, extents, 1.0) };
            check_with(gpu(), &Problem::Binary(Binary::Mul, inputs.clone()), Storage::F32, Ways::All);
            check_with(gpu(), &Problem::Binary(Binary::Add, inputs), STORAGES[repeated % STORAGES.len()], Ways::All);
        }
    }
    for (a, b) in [([1, 1], [70_000, 3]), ([1, 1], [3, 70_000]), ([1, 100], [2000, 100]), ([70_000, 1], [70_000, 2])] {
        let inputs = BinaryInputs { a: normal(&mut rng, a, 1.0), b: normal(&mut rng, b, 1.0) };
        check_with(gpu(), &Problem::Binary(Binary::Mul, inputs), Storage::F32, Ways::All);
    }
}

#[test]
fn of_joins_and_cuts() {
    let mut rng = Rng::with_seed(75);
    for axis in 0..4 {
        for sizes in [&[3][..], &[2, 5, 1, 7]] {
            let mut extents = [2, 3, 1, 5];
            let inputs = sizes.iter().map(|&size| {
                extents[axis as usize] = size;
                normal(&mut rng, extents, 1.0)
            });
            check(&Problem::Concat(Concat { axis }, inputs.collect()));
            extents[axis as usize] = sizes.iter().sum();
            check(&Problem::Split(Split { axis, sizes: sizes.to_vec() }, normal(&mut rng, extents, 1.0)));
        }
    }
    for (axis, extents) in [(1, [[0, 2], [0, 3]]), (0, [[0, 3], [2, 3]]), (0, [[0, 3], [0, 3]])] {
        let inputs = extents.map(|extents| normal(&mut rng, extents, 1.0));
        check(&Problem::Concat(Concat { axis }, inputs.to_vec()));
        let sizes = extents.map(|extents| extents[axis as usize]);
        let mut whole = extents[0];
        whole[axis as usize] = sizes.iter().sum();
        check(&Problem::Split(Split { axis, sizes: sizes.to_vec() }, normal(&mut rng, whole, 1.0)));
    }
}

#[test]
fn of_means_of_planes() {
    let mut rng = Rng::with_seed(76);
    for shape in [[1, 1, 1, 1], [0, 3, 4, 5], [3, 5, 7, 9], [2, 70, 1, 3], [1, 3, 127, 129]] {
        check(&Problem::GlobalAveragePool(GlobalAveragePool, normal(&mut rng, shape, 1.0)));
    }
}

#[test]
fn of_batch_norm() {
    let mut rng = Rng::with_seed(77);
    for extents in [&[1, 1][..], &[3, 5], &[0, 5, 2], &[3, 67, 5], &[2, 3, 1, 5, 7, 4], &[2, 3, 150, 151]] {
        let mut channel = || normal(&mut rng, [extents[1] as u32], 1.0);
        let (scale, shift) = (channel(), channel());
        let input = normal(&mut rng, pliant::Shape::new(extents).unwrap(), 1.0);
        check(&Problem::BatchNorm(BatchNorm, BatchNormInputs { input, scale, shift }));
    }
}

#[test]
fn of_cross_entropy() {
    let mut rng = Rng::with_seed(79);
    for reduction in [Reduction::None, Reduction::Mean, Reduction::Sum] {
        for ([batch, classes], sigma) in
            [([1, 1], 1.0), ([0, 3], 1.0), ([67, 2], 5.0), ([5, 65], 3.0), ([2, 250], 1e-3)]
        {
            let (logits, labels) = (normal(&mut rng, [batch, classes], sigma), labels(&mut rng, batch, classes));
            check(&Problem::CrossEntropy(CrossEntropy { reduction }, CrossEntropyInputs { logits, labels }));
        }
    }
    // A label that names no class spoils its row and no other.
    let logits = &Array::filled([3, 2], 1.0).upload(gpu()).unwrap();
    let labels = &Tensor::upload(gpu(), [3], &[1.0f32, 2.0, 0.0]).unwrap();
    let one = Tensor::upload(gpu(), [], &[3.0f32]).unwrap();
    let gradient = CrossEntropy::default().backward(&CrossEntropyInputs { logits, labels }, &one).unwrap();
    let gradient: Vec<f32> = gradient.download_blocking().unwrap();
    assert_eq!([0, 1, 4, 5].map(|element| gradient[element]), [0.5, -0.5, -0.5, 0.5]);
    assert!(gradient[2].is_nan() && gradient[3].is_nan());
}

#[test]
fn of_softmax() {
    let mut rng = Rng::with_seed(80);
    for (axis, extents, sigma) in [
        (0, &[1][..], 1.0),
        (1, &[0, 3], 1.0),
        (1, &[67, 12], 5.0),
        (1, &[5, 257], 1e-3),
        (0, &[7, 100], 1.0),
        (1, &[2, 300, 2], 1.0),
        (2, &[2, 3, 21, 5, 7], 3.0),
    ] {
        let input = normal(&mut rng, pliant::Shape::new(extents).unwrap(), sigma);
        check(&Problem::Softmax(Softmax { axis, log: false }, input.clone()));
        check(&Problem::Softmax(Softmax { axis, log: true }, input));
    }
    // Masked elements have no gradient; a row that is NaN harms no other.
    let (infinity, nan) = (f32::INFINITY, f32::NAN);
    let input = [0.0, 0.0, -infinity, -infinity, -infinity, -infinity, 1.0, infinity, 0.0, 0.0, -infinity, 0.0];
    let input = Tensor::upload(gpu(), [4, 3], &input).unwrap();
    let grad = Tensor::upload(gpu(), [4, 3], &[1.0f32, 3.0, 5.0].repeat(4)).unwrap();
    let gradient: Vec<f32> =
        Softmax { axis: 1, log: false }.backward(&input, &grad).unwrap().download_blocking().unwrap();
    let expected = [-0.5, 0.5, 0.0, nan, nan, nan, nan, nan, nan, -1.0, 0.0, 1.0];
    let compared = Expected::within(expected.map(f64::from).to_vec(), 1e-6, 1e-6).compare(&gradient);
    assert!(compared.is_ok(), "{gradient:?}");
}

#[test]
fn of_layer_norm() {
    let mut rng = Rng::with_seed(90);
    for (axes, extents) in [
        (1, &[1][..]),
        (1, &[0, 3]),
        (2, &[0, 3]),
        (1, &[67, 12]),
        (2, &[3, 5, 7]),
        (1, &[2, 5, 257]),
        (3, &[4, 6, 20, 21]),
        (1, &[20_000, 8]),
    ] {
        for present in [[true, true], [true, false], [false, false]] {
            let normalised = &extents[extents.len() - axes..];
            let mut each = |is: bool| is.then(|| normal(&mut rng, pliant::Shape::new(normalised).unwrap(), 1.0));
            let [scale, shift] = present.map(&mut each);
            let input = normal(&mut rng, pliant::Shape::new(extents).unwrap(), 2.0);
            let op = LayerNorm { axes: axes as u32, epsilon: 1e-3 };
            check(&Problem::LayerNorm(op, LayerNormInputs { input, scale, shift }));
        }
    }
}

#[test]
fn of_normalised_groups() {
    let mut rng = Rng::with_seed(79);
    for (groups, extents) in
        [(1, &[2, 3][..]), (2, &[3, 6, 5, 7]), (5, &[1, 5, 300]), (3, &[0, 3, 4]), (2, &[2, 4, 70, 71])]
    {
        let inputs = GroupNormInputs {
            input: normal(&mut rng, pliant::Shape::new(extents).unwrap(), 2.0),
            scale: normal(&mut rng, [extents[1]], 1.0),
            shift: normal(&mut rng, [extents[1]], 1.0),
        };
        check(&Problem::GroupNorm(GroupNorm { groups, epsilon: 1e-3 }, inputs));
    }
}

#[test]
fn of_sums_and_means() {
    let mut rng = Rng::with_seed(80);
    for function in [ReduceFunction::Sum, ReduceFunction::Mean] {
        for axes in 0..16u32 {
            let axes: Axes = (0..4).filter(|axis| axes >> axis & 1 == 1).collect();
            let op = Reduce { function, axes, keep: axes.contains(2) };
            check(&Problem::Reduce(op, normal(&mut rng, [3, 5, 2, 7], 1.0)));
        }
    }
    let one = &Tensor::upload(gpu(), [1], &[1.0f32]).unwrap();
    let op = Reduce { function: ReduceFunction::Max, axes: [0].into(), keep: true };
    let refused = op.backward(&one, &one.clone()).unwrap_err();
    assert_eq!(refused.to_string(), "Max of f32 has no gradient");
}

#[test]
fn of_copies_and_gatherings() {
    let mut rng = Rng::with_seed(81);
    each_copy(&mut rng).iter().chain(&each_gather(&mut rng)).for_each(check);
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    for seed in 0..60 {
        let mut rng = Rng::with_seed(seed);
        let drawn = [draw_copy, draw_gather][seed as usize % 2](&mut rng);
        check_with(if seed % 3 == 0 { &small } else { gpu() }, &drawn, Storage::F32, Ways::All);
    }
    let whole = &Tensor::upload(gpu(), [1], &[1i32]).unwrap();
    let refused = StridedCopy::transpose(&[0]).backward(&whole, &whole.clone()).unwrap_err();
    assert_eq!(refused.to_string(), "input holds i32, which has no gradient");
}

#[test]
fn of_resized_and_pooled() {
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    for seed in 0..60 {
        let mut rng = Rng::with_seed(seed);
        let drawn = [draw_resize, draw_pool][seed as usize % 2](&mut rng);
        let storage = if seed % 6 < 2 { STORAGES[seed as usize / 2 % 6] } else { Storage::F32 };
        check_with(if seed % 4 < 2 { &small } else { gpu() }, &drawn, storage, Ways::All);
    }
    let window = PoolAxis { kernel: 3, stride: 2, padding: [1; 2], dilation: 1 };
    for kind in [PoolKind::default(), PoolKind::Average { count_padding: true }] {
        let op = Pool { kind, axes: vec![window; 2], ceil_mode: false };
        check(&Problem::Pool(op, normal(&mut Rng::with_seed(82), [2, 3, 65, 66], 1.0)));
    }
}

#[test]
fn of_tensors_beyond_a_binding() {
    let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = 64 << 10);
    for problem in some(large_problems(), 4) {
        check_with(&gpu, &problem, Storage::F32, Ways::All);
    }
}

/// Neither a row nor a column of what is summed can be bound.
#[test]
fn of_sums_of_rows_beyond_a_binding() {
    let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = 4 << 10);
    let mut rng = Rng::with_seed(78);
    for (a, b) in [([1, 3000, 1], [9, 3000, 2]), ([2, 1, 1500], [2, 70, 1500]), ([1, 1, 1], [2, 3, 5000])] {
        let inputs = BinaryInputs { a: normal(&mut rng, a, 1.0), b: normal(&mut rng, b, 1.0) };
        check_with(&gpu, &Problem::Binary(Binary::Mul, inputs), Storage::F32, Ways::All);
    }
}

#[test]
fn on_small_grids() {
    let gpu = with_limits(|limits| limits.max_compute_workgroups_per_dimension = 40);
    for problem in some(large_problems(), 5) {
        check_with(&gpu, &problem, Storage::F32, Ways::All);
    }
}

/// A dispatch of a software adapter moves 2^24 elements at most.
#[test]
fn of_many_elements_is_cut() {
    let ones = |shape: [u32; 4]| Tensor::new(gpu(), shape, pliant::DType::F32).unwrap();
    let (input, other) = (&ones([1, 3, 1 << 12, 1 << 11]), &ones([1, 1, 1, 1]));
    let mut recorder = Recorder::new(gpu());
    let mut dispatches = Vec::new();
    UnaryPlan::new(gpu(), &Unary::Relu, &input).unwrap().backward(&mut recorder, input, input).unwrap();
    dispatches.push(recorder.len());
    let inputs = BinaryInputs { a: input, b: other };
    let plan = BinaryPlan::new(gpu(), &Binary::Add, &inputs).unwrap();
    plan.backward_of(&mut recorder, &inputs, input, &BinaryGradients::NONE.b()).unwrap();
    dispatches.push(recorder.len());
    let plan = GlobalAveragePoolPlan::new(gpu(), &GlobalAveragePool, &input).unwrap();
    plan.backward(&mut recorder, input, &ones([1, 3, 1, 1])).unwrap();
    dispatches.push(recorder.len());
    if gpu().capabilities().software() {
        assert_eq!(dispatches, [2, 5, 7]);
    }
}

/// The short ways give what the plans do, and only what is wanted.
#[test]
fn submitted() {
    let upload = |array: Array| array.upload(gpu()).unwrap();
    let elements = |tensor: &Tensor| tensor.download_blocking::<f32>().unwrap();
    let row = upload(Array { shape: [1, 2].into(), elements: vec![2.0, 3.0] });
    let column = upload(Array { shape: [2, 1].into(), elements: vec![5.0, 7.0] });
    let grad = upload(Array { shape: [2, 2].into(), elements: vec![1.0, 10.0, 100.0, 1000.0] });

    let inputs = BinaryInputs { a: &row, b: &column };
    let gradients = Binary::Mul.backward(&inputs, &grad).unwrap();
    assert_eq!(elements(&gradients.a.unwrap()), [705.0, 7050.0]);
    assert_eq!(elements(&gradients.b.unwrap()), [32.0, 3200.0]);
    let gradients = Binary::Add.backward_of(&inputs, &grad, &BinaryGradients::NONE.a()).unwrap();
    assert_eq!(elements(&gradients.a.unwrap()), [101.0, 1010.0]);
    assert!(gradients.b.is_none());

    let gradient = Unary::Clip { min: 2.0, max: 2.5 }.backward(&row, &row).unwrap();
    assert_eq!(elements(&gradient), [2.0, 0.0]);
    let wanted = vec![None, Some(Wanted)];
    let gradients = Concat { axis: 1 }.backward_of(&vec![&column, &column], &grad, &wanted).unwrap();
    assert!(gradients[0].is_none());
    assert_eq!(elements(gradients[1].as_ref().unwrap()), [10.0, 1000.0]);
    let gradient = Split { axis: 1, sizes: vec![1, 1] }.backward(&grad, &vec![&column, &column]).unwrap();
    assert_eq!(elements(&gradient), [5.0, 5.0, 7.0, 7.0]);
    let (image, mean) = (upload(Array::filled([1, 1, 2, 2], 1.0)), upload(Array::filled([1, 1, 1, 1], 6.0)));
    assert_eq!(elements(&GlobalAveragePool.backward(&image, &mean).unwrap()), [1.5; 4]);
    let channel = upload(Array::filled([1], 3.0));
    let inputs = BatchNormInputs { input: &image, scale: &channel, shift: &channel };
    let gradients = BatchNorm.backward(&inputs, &image).unwrap();
    assert_eq!(elements(&gradients.input.unwrap()), [3.0; 4]);
    assert_eq!(elements(&gradients.scale.unwrap()), [4.0]);
    assert_eq!(elements(&gradients.shift.unwrap()), [4.0]);
    let pairs = upload(Array { shape: [2, 2].into(), elements: vec![0.0, 0.0, 5.0, 5.0] });
    assert_eq!(
        elements(&Softmax { axis: 1, log: false }.backward(&pairs, &grad).unwrap()),
        [-2.25, 2.25, -225.0, 225.0]
    );
    let apart = upload(Array { shape: [2, 2].into(), elements: vec![-1.0, 1.0, 1.0, -1.0] });
    let (inputs, op) =
        (LayerNormInputs { input: &apart, scale: None, shift: None }, LayerNorm { axes: 1, epsilon: 0.0 });
    let gradients = op.backward(&inputs, &grad).unwrap();
    assert!(elements(&gradients.input.unwrap()).iter().all(|gradient| gradient.abs() < 1e-3));
    assert!(gradients.scale.is_none() && gradients.shift.is_none());
}

/// A tensor that is both operands has two gradients.
#[test]
fn of_a_square() {
    let tensor = &Array::from_fn([5], |index| index as f32).upload(gpu()).unwrap();
    let ones = Array::filled([5], 1.0).upload(gpu()).unwrap();
    let plan = BinaryPlan::new(gpu(), &Binary::Mul, &BinaryInputs { a: tensor.spec(), b: tensor.spec() }).unwrap();
    let sum = Array::filled([5], 0.0).upload(gpu()).unwrap();
    for wanted in [[true, false], [false, true]] {
        let mut recorder = Recorder::new(gpu());
        let [a, b] = wanted.map(|wanted| wanted.then_some(Destination::Add(&sum)));
        let inputs = BinaryInputs { a: tensor, b: tensor };
        plan.backward_into(&mut recorder, &inputs, &ones, &BinaryGradients { a, b }).unwrap();
        recorder.submit().unwrap();
    }
    assert_eq!(sum.download_blocking::<f32>().unwrap(), [0.0, 2.0, 4.0, 6.0, 8.0]);
}

#[test]
fn refused() {
    let new = |shape: &[usize]| Tensor::new(gpu(), pliant::Shape::new(shape).unwrap(), pliant::DType::F32).unwrap();
    let half = |shape: &[usize]| Tensor::new(gpu(), pliant::Shape::new(shape).unwrap(), pliant::DType::F16).unwrap();
    let (a, b, grad) = (new(&[1, 2, 3]), new(&[1, 3, 4]), new(&[1, 2, 4]));
    let inputs = MatmulInputs { a: &a, b: &b, bias: None };
    let plan = MatmulPlan::new(gpu(), &Matmul::default(), &inputs).unwrap();
    let message = |grad: &Tensor, a: Option<&Tensor>, b: Option<&Tensor>| {
        let mut recorder = Recorder::new(gpu());
        let error =
            plan.backward_into(&mut recorder, &inputs, grad, &MatmulGradients { a, b, bias: None }).unwrap_err();
        assert!(recorder.is_empty());
        error.to_string()
    };
    assert_eq!(message(&a, None, None), "grad_output is 1x2x3; the plan was made for 1x2x4");
    assert_eq!(message(&half(&[1, 2, 4]), None, None), "grad_output holds f16; the plan was made for f32");
    assert_eq!(message(&grad, Some(&new(&[1, 3, 2])), None), "grad_a is 1x3x2; the plan was made for 1x2x3");
    assert_eq!(message(&grad, None, Some(&half(&[1, 3, 4]))), "grad_b holds f16; the plan was made for f32");
    let apart = "lies in the same buffer as";
    let written = "a buffer that is written can't be read";
    assert_eq!(message(&grad, Some(&a), None), format!("grad_a {apart} a; {written}"));
    assert_eq!(message(&grad, None, Some(&b)), format!("grad_b {apart} b; {written}"));

    // Beside one another in a buffer they may be.
    let buffer = gpu().device().create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 72,
        usage: Tensor::USAGES,
        mapped_at_creation: false,
    });
    let at = |offset, shape: [u32; 3]| {
        Tensor::from_buffer(gpu(), buffer.clone(), offset, shape, pliant::DType::F32).unwrap()
    };
    let (first, beside, over) = (at(0, [1, 2, 3]), at(24, [1, 3, 4]), at(20, [1, 3, 4]));
    assert_eq!(message(&grad, Some(&first), Some(&over)), "grad_b and grad_a overlap in their buffer");
    let mut recorder = Recorder::new(gpu());
    plan.backward_into(
        &mut recorder,
        &inputs,
        &grad,
        &MatmulGradients { a: Some(&first), b: Some(&beside), bias: None },
    )
    .unwrap();

    let column = new(&[2, 1]);
    let other = Unary::Relu.backward(&column, &new(&[1, 2])).unwrap_err();
    assert_eq!(other.to_string(), "grad_output is 1x2; the plan was made for 2x1");
    let plan = UnaryPlan::new(gpu(), &Unary::Relu, &column).unwrap();
    let error = plan.backward_into(&mut recorder, &new(&[2, 1]), &column, &column).unwrap_err();
    assert_eq!(error.to_string(), format!("grad_input {apart} grad_output; {written}"));

    let concat = |grad: &Tensor, wanted: Vec<Option<Wanted>>| {
        let error = Concat { axis: 1 }.backward_of(&vec![&column, &column], grad, &wanted).unwrap_err();
        assert!(matches!(error, Error::Shape { .. }));
        error.to_string()
    };
    let pair = new(&[2, 2]);
    assert_eq!(concat(&column, vec![Some(Wanted); 2]), "grad_output is 2x1; the plan was made for 2x2");
    assert_eq!(concat(&pair, vec![Some(Wanted)]), "1 grad_inputs were given; the plan was made for 2");
    let plan = pliant::ConcatPlan::new(gpu(), &Concat { axis: 1 }, &vec![column.spec(); 2]).unwrap();
    let (inputs, destinations) = (vec![new(&[2, 1]), new(&[2, 1])], vec![Some(&column), Some(&column)]);
    let error = plan.backward_into(&mut recorder, &inputs, &pair, &destinations).unwrap_err();
    assert_eq!(error.to_string(), "grad_input[1] and grad_input[0] overlap in their buffer");

    let split = Split { axis: 1, sizes: vec![1, 1] };
    let message = |grads: Vec<&Tensor>| split.backward(&pair, &grads).unwrap_err().to_string();
    assert_eq!(message(vec![]), "0 grad_outputs were given; the plan was made for 2");
    assert_eq!(message(vec![&column]), "1 grad_outputs were given; the plan was made for 2");
    assert_eq!(message(vec![&column, &pair]), "grad_output is 2x2; the plan was made for 2x1");
    let plan = pliant::SplitPlan::new(gpu(), &split, &pair).unwrap();
    let error = plan.backward_into(&mut recorder, &pair, &vec![&column, &pair], &new(&[2, 2])).unwrap_err();
    assert_eq!(error.to_string(), "grad_output is 2x2; the plan was made for 2x1");
}
