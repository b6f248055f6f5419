//! The reference against numbers worked by hand.

use approx::assert_abs_diff_eq;
use pliant::Shape;
use pliant::geometry::*;
use pliant::geometry::{AdamGeometry, SgdGeometry};
use pliant::reference;
use pliant::*;
use pliant::{Adam, AdamInputs, Sgd, SgdInputs};

#[test]
fn matmul_by_hand() {
    // [1 2; 3 4] [5 6; 7 8], and with either matrix given transposed.
    for (transpose_a, a) in [(false, [1.0, 2.0, 3.0, 4.0]), (true, [1.0, 3.0, 2.0, 4.0])] {
        for (transpose_b, b) in [(false, [5.0, 6.0, 7.0, 8.0]), (true, [5.0, 7.0, 6.0, 8.0])] {
            let shapes = MatmulInputs { a: [1, 2, 2].into(), b: [1, 2, 2].into(), bias: None };
            let geometry = MatmulGeometry::new(&Matmul { transpose_a, transpose_b }, &shapes).unwrap();
            let product = reference::matmul::<f64>(&geometry, &MatmulInputs { a: &a, b: &b, bias: None }).unwrap();
            assert_eq!(product.value, [19.0, 22.0, 43.0, 50.0]);
            assert_eq!(product.terms, 2);
        }
    }
}

#[test]
fn im2col_by_hand() {
    // Channels 1..4 and 10..40 of a 2x2 image; a 1x2 kernel, one column of padding on the left.
    let window = Im2col { kernel: [1, 2], padding: [0, 1, 0, 0], ..Im2col::default() };
    let geometry = Im2colGeometry::new(&window, [1, 2, 2, 2].into()).unwrap();
    assert_eq!(geometry.columns_shape().unwrap(), [1, 2, 2, 2, 2].into());
    let columns = reference::im2col(&geometry, &[1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0f64]).unwrap();
    let expected = [[0.0, 0.0, 1.0, 10.0], [1.0, 10.0, 2.0, 20.0], [0.0, 0.0, 3.0, 30.0], [3.0, 30.0, 4.0, 40.0]];
    assert_eq!(columns.value, expected.concat());
}

#[test]
fn conv2d_by_hand() {
    // Two groups of one channel; kernel 1x2 with weights (1, 2) and (3, 4); bias 0.5 and -1.
    let op = Conv2d { groups: 2, ..Conv2d::default() };
    let shapes = Conv2dInputs { input: [1, 2, 1, 3].into(), weight: [2, 1, 1, 2].into(), bias: Some([2].into()) };
    let geometry = Conv2dGeometry::new(&op, &shapes).unwrap();
    let inputs = Conv2dInputs {
        input: &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0][..],
        weight: &[1.0, 2.0, 3.0, 4.0][..],
        bias: Some(&[0.5, -1.0][..]),
    };
    let output = reference::conv2d::<f64>(&geometry, &inputs).unwrap();
    assert_eq!(output.value, [5.5, 8.5, 31.0, 38.0]);
    assert_eq!(geometry.flops(), 16);
}

/// Image 1..9, a 1x1 kernel of weight 2, position (row 0.5, column 1.25) times mask 0.5: between 2, 3, 5 and 6.
#[test]
fn deform_conv2d_by_hand() {
    let op = DeformConv2d::default();
    let shapes = DeformConv2dInputs {
        input: [1, 1, 3, 3].into(),
        offset: [1, 2, 3, 3].into(),
        mask: Some([1, 1, 3, 3].into()),
        weight: [1, 1, 1, 1].into(),
        bias: None,
    };
    let geometry = DeformConv2dGeometry::new(&op, &shapes).unwrap();
    let (mut offset, mut mask) = ([0.0; 18], [1.0; 9]);
    // Output pixel (2, 2) moves by (-1.5, -0.75).
    (offset[8], offset[17], mask[8]) = (-1.5, -0.75, 0.5);
    let image: Vec<f64> = (1..=9).map(f64::from).collect();
    let inputs =
        DeformConv2dInputs { input: &image[..], offset: &offset, mask: Some(&mask), weight: &[2.0][..], bias: None };
    let output = reference::deform_conv2d(&geometry, &inputs).unwrap();
    assert_eq!(output.value[..8], [2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0]);
    let sample = 0.5 * (0.75 * 2.0 + 0.25 * 3.0) + 0.5 * (0.75 * 5.0 + 0.25 * 6.0);
    assert_abs_diff_eq!(output.value[8], 2.0 * 0.5 * sample, epsilon = 1e-15);
}

/// Offsets in each layout by hand: dy and dx interleaved with the mask apart, interleaved with the mask behind, in planes.
#[test]
fn offset_layouts_by_hand() {
    // Kernel 1x2: two points; one output pixel. dy = (1, 2), dx = (3, 4), mask = (5, 6).
    type Given = (OffsetLayout, &'static [f64], Option<&'static [f64]>);
    let layouts: [Given; 3] = [
        (OffsetLayout::Separate, &[1.0, 3.0, 2.0, 4.0], Some(&[5.0, 6.0])),
        (OffsetLayout::Joint, &[1.0, 3.0, 2.0, 4.0, 5.0, 6.0], None),
        (OffsetLayout::Planes, &[3.0, 4.0, 1.0, 2.0, 5.0, 6.0], None),
    ];
    // An image whose value is 100 y + x, wide enough to hold every position; the output pixel is (0, 0).
    let image: Vec<f64> = (0..8).flat_map(|y| (0..9).map(move |x| f64::from(100 * y + x))).collect();
    for (offset_layout, offset, mask) in layouts {
        let op = DeformIm2col {
            window: Im2col { kernel: [1, 2], stride: [8, 8], ..Im2col::default() },
            offset_layout,
            ..DeformIm2col::default()
        };
        let shapes = DeformIm2colInputs {
            input: [1, 1, 8, 9].into(),
            offset: [1, offset.len() as u32, 1, 1].into(),
            mask: mask.map(|mask| [1, mask.len() as u32, 1, 1].into()),
        };
        let geometry = DeformIm2colGeometry::new(&op, &shapes).unwrap();
        let inputs = DeformIm2colInputs { input: &image[..], offset, mask };
        let columns = reference::deform_im2col(&geometry, &inputs).unwrap();
        assert_eq!(columns.value, [5.0 * 103.0, 6.0 * 205.0], "{offset_layout:?}");
    }
}

#[test]
fn unary_by_hand() {
    let of = |op, input: &[f64]| {
        let geometry = UnaryGeometry::new(&op, [input.len() as u32].into()).unwrap();
        reference::unary(&geometry, input).unwrap()
    };
    // exp(ln 3) is 3: 1 / (1 + 1/3), and (9 - 1) / (9 + 1).
    let ln_3 = 3f64.ln();
    for (value, expected) in
        of(Unary::Sigmoid, &[ln_3, -ln_3, 0.0, 1e4, -1e4]).value.iter().zip([0.75, 0.25, 0.5, 1.0, 0.0])
    {
        assert_abs_diff_eq!(*value, expected, epsilon = 1e-15);
    }
    for (value, expected) in
        of(Unary::Tanh, &[ln_3, -ln_3, 0.0, 1e4, -1e4]).value.iter().zip([0.8, -0.8, 0.0, 1.0, -1.0])
    {
        assert_abs_diff_eq!(*value, expected, epsilon = 1e-15);
    }
    assert_eq!(of(Unary::Relu, &[-2.0, 0.0, 3.0]).value, [0.0, 0.0, 3.0]);
    assert_eq!(of(Unary::Clip { min: -1.0, max: 2.0 }, &[-2.0, 0.5, 3.0]).value, [-1.0, 0.5, 2.0]);
    assert_eq!(of(Unary::Clip { min: 2.0, max: -1.0 }, &[-2.0, 0.5, 3.0]).value, [-1.0; 3]);
    // The slope of a sigmoid at ln 3 is 3/4 1/4.
    assert_abs_diff_eq!(of(Unary::Sigmoid, &[ln_3]).magnitude[0], 0.75 + ln_3 * 0.1875, epsilon = 1e-15);
}

#[test]
fn binary_by_hand() {
    let of = |op, a: &[f64], a_shape: &[usize], b: &[f64], b_shape: &[usize]| {
        let [a_shape, b_shape] = [a_shape, b_shape].map(|extents| pliant::Shape::new(extents).unwrap());
        let geometry = BinaryGeometry::new(&op, &BinaryInputs { a: a_shape, b: b_shape }).unwrap();
        reference::binary(&geometry, &BinaryInputs { a, b }).unwrap()
    };
    // A column by a row, and a row repeated.
    let outer = of(Binary::Mul, &[2.0, -3.0], &[2, 1], &[5.0, 7.0, 11.0], &[3]);
    assert_eq!(outer.value, [10.0, 14.0, 22.0, -15.0, -21.0, -33.0]);
    assert_eq!(outer.magnitude, [10.0, 14.0, 22.0, 15.0, 21.0, 33.0]);
    let sum = of(Binary::Add, &[1.0, -2.0], &[2], &[10.0, 20.0, 30.0, 40.0], &[2, 2]);
    assert_eq!(sum.value, [11.0, 18.0, 31.0, 38.0]);
    assert_eq!(sum.magnitude, [11.0, 22.0, 31.0, 42.0]);
}

#[test]
fn sections_by_hand() {
    let geometry = ConcatGeometry::new(&Concat { axis: 1 }, &[[2, 1].into(), [2, 2].into()]).unwrap();
    let whole = reference::concat(&geometry, &[&[1.0, 2.0][..], &[3.0, 4.0, 5.0, 6.0]]).unwrap();
    assert_eq!(whole.value, [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
    let geometry = SplitGeometry::new(&Split { axis: 1, sizes: vec![1, 2] }, [2, 3].into()).unwrap();
    let parts = reference::split(&geometry, &whole.value).unwrap();
    assert_eq!(parts[0].value, [1.0, 2.0]);
    assert_eq!(parts[1].value, [3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn means_and_normalisations_by_hand() {
    let geometry = GlobalAveragePoolGeometry::new(&GlobalAveragePool, [1, 2, 1, 2].into()).unwrap();
    let means = reference::global_average_pool(&geometry, &[1.0, 2.0, -3.0, 1.0]).unwrap();
    assert_eq!((means.value, means.magnitude), (vec![1.5, -1.0], vec![1.5, 2.0]));
    // Variances 3 and 0 with epsilon 1: the roots are 2 and 1.
    let (scale, shift) = BatchNorm::fold(&[4.0, 3.0], &[1.0, -1.0], &[5.0, 2.0], &[3.0, 0.0], 1.0).unwrap();
    assert_eq!((&scale[..], &shift[..]), (&[2.0, 3.0][..], &[-9.0, -7.0][..]));
    let shapes = BatchNormInputs { input: [1, 2, 2].into(), scale: [2].into(), shift: [2].into() };
    let geometry = BatchNormGeometry::new(&BatchNorm, &shapes).unwrap();
    let inputs = BatchNormInputs { input: &[5.0, 6.0, 2.0, 1.0][..], scale: &scale, shift: &shift };
    let output = reference::batch_norm::<f32>(&geometry, &inputs).unwrap();
    assert_eq!(output.value, [1.0, 3.0, -1.0, -4.0]);
}

#[test]
fn attention_by_hand() {
    let shapes = AttentionInputs {
        query: [1, 1, 2, 4].into(),
        key: Some([1, 1, 2, 4].into()),
        value: Some([1, 1, 2, 4].into()),
        bias: None,
        mask: Some([2, 2].into()),
    };
    let geometry = AttentionGeometry::new(&Attention { scale: Some(2.0), ..Attention::default() }, &shapes).unwrap();
    // The first query has scores 2 log(3) / 2 and 0, of the second nothing is left.
    let query = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    let key = [0.5 * 3f64.ln(), 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0];
    let value = [4.0, 8.0, 0.0, 1.0, 0.0, 0.0, 4.0, 1.0];
    let mask = [0.0, 0.0, f64::NEG_INFINITY, f64::NEG_INFINITY];
    let inputs =
        AttentionInputs { query: &query[..], key: Some(&key), value: Some(&value), bias: None, mask: Some(&mask) };
    let output = reference::attention(&geometry, &inputs).unwrap().value;
    let expected = [3.0, 6.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    assert!(output.iter().zip(expected).all(|(is, of)| (is - of).abs() < 1e-12), "{output:?}");
}

#[test]
fn rows_by_hand() {
    let geometry = SoftmaxGeometry::new(&Softmax { axis: 0, log: false }, [2, 2].into()).unwrap();
    let input = [0.0, 3f64.ln(), 0.0, f64::NEG_INFINITY];
    assert_eq!(reference::softmax(&geometry, &input).unwrap().value, [0.5, 1.0, 0.5, 0.0]);
    let gradient = reference::softmax_backward(&geometry, &input, &[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert_eq!(gradient.value, [-0.5, 0.0, 0.5, 0.0]);

    let geometry = SoftmaxGeometry::new(&Softmax { axis: 0, log: true }, [2, 2].into()).unwrap();
    assert_eq!(
        reference::softmax(&geometry, &input).unwrap().value,
        [0.5f64.ln(), 0.0, 0.5f64.ln(), f64::NEG_INFINITY]
    );
    let gradient = reference::softmax_backward(&geometry, &input, &[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert_eq!(gradient.value, [-1.0, -4.0, 1.0, 4.0]);

    // Mean 2 and variance 3 with epsilon 1: the root is 2.
    let of_row = Some([4].into());
    let shapes = LayerNormInputs { input: [2, 4].into(), scale: of_row, shift: of_row };
    let geometry = LayerNormGeometry::new(&LayerNorm { axes: 1, epsilon: 1.0 }, &shapes).unwrap();
    let inputs = LayerNormInputs {
        input: &[5.0, 1.0, 1.0, 1.0, 7.0, 7.0, 7.0, 7.0][..],
        scale: Some(&[2.0, 4.0, 6.0, 8.0][..]),
        shift: Some(&[0.0, 1.0, 2.0, 3.0][..]),
    };
    let output = reference::layer_norm::<f64>(&geometry, &inputs).unwrap();
    assert_eq!(output.value, [3.0, -1.0, -1.0, -1.0, 0.0, 1.0, 2.0, 3.0]);
    let gradients = reference::layer_norm_backward(&geometry, &inputs, &[1.0; 8]).unwrap();
    assert_eq!(gradients.scale.unwrap().value, [1.5, -0.5, -0.5, -0.5]);
    assert_eq!(gradients.shift.unwrap().value, [2.0; 4]);
    // Of the first row: grad is 2, 4, 6, 8, its mean 5, and that of its products with 1.5 and -0.5 is -1.5.
    assert_eq!(gradients.input.unwrap().value[..4], [-0.375, -0.875, 0.125, 1.125]);
}

#[test]
fn reductions_by_hand() {
    let input = [3.0, -4.0, 1.0, 2.0, 0.0, -1.0];
    let reduced = |function, axes, keep| {
        let geometry = ReduceGeometry::new(&Reduce { function, axes, keep }, [2, 3].into()).unwrap();
        (geometry.output_shape(), reference::reduce::<f64>(&geometry, &input).unwrap().value)
    };
    assert_eq!(reduced(ReduceFunction::Sum, [0].into(), true), ([1, 3].into(), vec![5.0, -4.0, 0.0]));
    assert_eq!(reduced(ReduceFunction::Max, [1].into(), false), ([2].into(), vec![3.0, 2.0]));
    assert_eq!(reduced(ReduceFunction::L1, Axes::first(2), false), (Shape::new::<u32>(&[]).unwrap(), vec![11.0]));
    assert_eq!(reduced(ReduceFunction::SumSquare, Axes::default(), false).1, [9.0, 16.0, 1.0, 4.0, 0.0, 1.0]);
    assert_eq!(reduced(ReduceFunction::Prod, [1].into(), true), ([2, 1].into(), vec![-12.0, 0.0]));

    let op = ArgReduce { axis: 1, largest: false, ..ArgReduce::default() };
    let geometry = ArgReduceGeometry::new(&op, [2, 3].into()).unwrap();
    assert_eq!(reference::arg_reduce::<f64>(&geometry, &input).unwrap().value, [1.0, 2.0]);
    let geometry = TopKGeometry::new(&TopK { axis: 1, k: 2, largest: true }, [2, 3].into()).unwrap();
    let TopKOutputs { values, indices } = reference::top_k::<f64>(&geometry, &input).unwrap();
    assert_eq!((values.value, indices.value), (vec![3.0, 1.0, 2.0, 0.0], vec![0.0, 2.0, 0.0, 1.0]));

    let sums = |exclusive, reverse| {
        let geometry = CumSumGeometry::new(&CumSum { axis: 1, exclusive, reverse }, [2, 3].into()).unwrap();
        reference::cum_sum::<f64>(&geometry, &input).unwrap().value
    };
    assert_eq!(sums(false, false), [3.0, -1.0, 0.0, 2.0, 2.0, 1.0]);
    assert_eq!(sums(true, false), [0.0, 3.0, -1.0, 0.0, 2.0, 2.0]);
    assert_eq!(sums(false, true), [0.0, -3.0, 1.0, 1.0, -1.0, -1.0]);
    assert_eq!(sums(true, true), [-3.0, 1.0, 0.0, -1.0, -1.0, 0.0]);

    // Of each image and channel alone: mean 2, variance 1 and epsilon 3, so that the root is 2; then two equal ones.
    let shapes = GroupNormInputs { input: [1, 2, 2].into(), scale: [2].into(), shift: [2].into() };
    let geometry = GroupNormGeometry::new(&GroupNorm { groups: 2, epsilon: 3.0 }, &shapes).unwrap();
    let inputs = GroupNormInputs { input: &[1.0, 3.0, 5.0, 5.0][..], scale: &[2.0, 3.0], shift: &[0.5, 7.0] };
    assert_eq!(reference::group_norm::<f64>(&geometry, &inputs).unwrap().value, [-0.5, 1.5, 7.0, 7.0]);
}

#[test]
fn losses_by_hand() {
    let losses = |reduction, logits: [f64; 4], labels: [f64; 2]| {
        let shapes = CrossEntropyInputs { logits: [2, 2].into(), labels: [2].into() };
        let geometry = CrossEntropyGeometry::new(&CrossEntropy { reduction }, &shapes).unwrap();
        let inputs = CrossEntropyInputs { logits: &logits[..], labels: &labels[..] };
        reference::cross_entropy(&geometry, &inputs).unwrap().value
    };
    // Odds of 1:3 and of 1:1.
    let logits = [0.0, 3f64.ln(), -700.0, -700.0];
    let [quarter, half] = [4f64.ln(), 2f64.ln()];
    for (reduction, expected) in [
        (Reduction::None, vec![quarter, half]),
        (Reduction::Mean, vec![(quarter + half) / 2.0]),
        (Reduction::Sum, vec![quarter + half]),
    ] {
        for (value, expected) in losses(reduction, logits, [0.0, 1.0]).into_iter().zip(expected) {
            approx::assert_relative_eq!(value, expected, max_relative = 1e-14);
        }
    }
    for no_class in [-1.0, 0.5, 2.0, f64::NAN] {
        let values = losses(Reduction::None, logits, [no_class, 0.0]);
        assert!(values[0].is_nan() && values[1].is_finite(), "{no_class}: {values:?}");
    }
}

/// By hand, and over several steps: the velocity is remembered.
#[test]
fn descent_by_hand() {
    let shapes = SgdInputs { parameter: [1], velocity: [1], gradient: [1], learning_rate: [1] };
    let op = Sgd { momentum: 0.5, weight_decay: 0.25 };
    let geometry = SgdGeometry::new(&op, &shapes.map(|&extents| extents.into())).unwrap();
    let (mut parameter, mut velocity) = (vec![8.0], vec![0.0]);
    for (gradient, learning_rate, expected) in
        [(1.0, 1.0, [5.0, 3.0]), (-1.0, 2.0, [1.5, 1.75]), (0.0, 0.0, [1.5, 1.25])]
    {
        let inputs = SgdInputs {
            parameter: &parameter[..],
            velocity: &velocity,
            gradient: &[gradient],
            learning_rate: &[learning_rate],
        };
        let [next, moved] = reference::sgd(&geometry, &inputs).unwrap();
        (parameter, velocity) = (next.value, moved.value);
        assert_eq!([parameter[0], velocity[0]], expected);
    }
}

#[test]
fn adam_by_hand() {
    let shapes = AdamInputs { parameter: [1], mean: [1], variance: [1], gradient: [1], rates: [3] };
    let op = Adam { beta1: 0.5, beta2: 0.75, epsilon: 1.0, weight_decay: 0.25 };
    let geometry = AdamGeometry::new(&op, &shapes.map(|&extents| extents.into())).unwrap();
    let step = |values: [f64; 3], gradient: f64, step| {
        let inputs = AdamInputs {
            parameter: &values[..1],
            mean: &values[1..2],
            variance: &values[2..],
            gradient: &[gradient],
            rates: &op.rates(step, 0.5).map(f64::from),
        };
        reference::adam(&geometry, &inputs).unwrap().map(|reference| reference.value[0])
    };
    // The corrections undo that mean and variance began at 0: the first step goes by gradient / (|gradient| + 1).
    let first = step([8.0, 0.0, 0.0], 3.0, 0);
    assert_eq!(first, [8.0 - 0.5 * 0.25 * 8.0 - 0.5 * 3.0 / 4.0, 1.5, 2.25]);
    let [parameter, mean, variance] = step(first, -1.0, 1);
    assert_eq!([mean, variance], [0.25, 1.9375]);
    let moved = 0.5 * (0.25 / 0.75) / ((1.9375f64 / 0.4375).sqrt() + 1.0);
    approx::assert_relative_eq!(parameter, first[0] * 0.875 - moved, max_relative = 1e-7);
}

/// Results of torch 2.15 in `f64` for these inputs: `SGD`, `AdamW` and `cross_entropy`.
#[test]
fn training_as_in_torch() {
    let close = |values: &[f64], expected: &[f64]| {
        assert_eq!(values.len(), expected.len());
        for (value, expected) in values.iter().zip(expected) {
            approx::assert_relative_eq!(value, expected, max_relative = 1e-7);
        }
    };
    let gradients = [[0.5, -2.0], [0.25, 1.0], [-1.5, 0.125]];
    let shape = || Shape::from([2]);
    let op = Sgd { momentum: 0.75, weight_decay: 0.25 };
    let shapes =
        SgdInputs { parameter: shape(), velocity: shape(), gradient: shape(), learning_rate: Shape::from([1]) };
    let geometry = SgdGeometry::new(&op, &shapes).unwrap();
    let (mut parameter, mut velocity) = (vec![1.0, -3.0], vec![0.0; 2]);
    for gradient in &gradients {
        let inputs = SgdInputs { parameter: &parameter[..], velocity: &velocity, gradient, learning_rate: &[0.125] };
        [parameter, velocity] = reference::sgd(&geometry, &inputs).unwrap().map(|reference| reference.value);
    }
    close(&parameter, &[0.842193603515625, -2.217926025390625]);

    let op = Adam { beta1: 0.75, beta2: 0.875, epsilon: 2f32.powi(-10), weight_decay: 0.25 };
    let shapes =
        AdamInputs { parameter: shape(), mean: shape(), variance: shape(), gradient: shape(), rates: Shape::from([3]) };
    let geometry = AdamGeometry::new(&op, &shapes).unwrap();
    let [mut parameter, mut mean, mut variance] = [vec![1.0, -3.0], vec![0.0; 2], vec![0.0; 2]];
    for (step, gradient) in gradients.iter().enumerate() {
        let rates = op.rates(step as u32, 0.125).map(f64::from);
        let inputs =
            AdamInputs { parameter: &parameter[..], mean: &mean, variance: &variance, gradient, rates: &rates };
        [parameter, mean, variance] = reference::adam(&geometry, &inputs).unwrap().map(|reference| reference.value);
    }
    close(&parameter, &[0.7379607227515953, -2.576840382568596]);

    let shapes = CrossEntropyInputs { logits: [2, 3].into(), labels: [2].into() };
    let geometry = CrossEntropyGeometry::new(&CrossEntropy::default(), &shapes).unwrap();
    let inputs = CrossEntropyInputs { logits: &[0.5, -1.25, 2.0, 3.0, 0.0, -0.5][..], labels: &[1.0, 0.0] };
    close(&reference::cross_entropy(&geometry, &inputs).unwrap().value, &[1.7797843138219793]);
    close(
        &reference::cross_entropy_backward(&geometry, &inputs, &[1.0]).unwrap().value,
        &[
            0.08841009105372215,
            -0.4846366298367818,
            0.39622653878305963,
            -0.03703037189915104,
            0.02304990052650151,
            0.013980471372649537,
        ],
    );
}

#[test]
fn slices_of_the_wrong_length_are_refused() {
    let geometry = Im2colGeometry::new(&Im2col::default(), [1, 2, 3, 4].into()).unwrap();
    let error = reference::im2col(&geometry, &[0.0f32; 23]).unwrap_err();
    assert_eq!(error.to_string(), "input has 23 elements; 1x2x3x4 needs 24");
}
