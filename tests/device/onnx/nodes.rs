//! Rules of single nodes that the whole networks do not meet.

use pliant::onnx::{Model, ModelPlan};
use pliant::{DType, Error, Recorder, Tensor, TensorSpec};
use prost::Message;

use super::proto::*;
use super::{data_type, float, int, ints, listed, n, tensor, value, with, word};
use crate::gpu;

const EXTENTS: [u32; 4] = [1, 2, 3, 4];

/// A plan of nodes from x, (1, 2, 3, 4), to y.
fn planned(opset: i64, nodes: &[NodeProto], constants: &[TensorProto]) -> Result<ModelPlan, Error> {
    let graph = GraphProto {
        node: nodes.to_vec(),
        initializer: constants.to_vec(),
        input: vec![value("x", data_type::FLOAT, &EXTENTS.map(i64::from))],
        output: vec![value("y", data_type::FLOAT, &[])],
    };
    let model = ModelProto {
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        ..ModelProto::default()
    };
    let model = Model::read(&model.encode_to_vec())?;
    ModelPlan::new(gpu(), &model, &[("x", TensorSpec { shape: EXTENTS.into(), dtype: DType::F32 })])
}

/// Runs nodes from x, the numbers from 0 on, to y: its extents and elements.
fn run(opset: i64, nodes: &[NodeProto], constants: &[TensorProto]) -> Result<(Vec<u32>, Vec<f32>), Error> {
    let plan = planned(opset, nodes, constants)?;
    let x = Tensor::upload(gpu(), EXTENTS, &numbers())?;
    let mut recorder = Recorder::new(gpu());
    let outputs = plan.forward(&mut recorder, &[("x", &x)])?;
    recorder.submit()?;
    let y = &outputs[0].1;
    Ok((y.shape().extents().to_vec(), y.download_blocking::<f32>()?))
}

fn numbers() -> Vec<f32> {
    (0..24u8).map(f32::from).collect()
}

/// Asserts what nodes make of x.
fn makes(opset: i64, nodes: &[NodeProto], constants: &[TensorProto], extents: &[u32], expected: &[f32]) {
    let names: Vec<_> = nodes.iter().map(|node| &node.op_type[..]).collect();
    let (actual_extents, actual) = run(opset, nodes, constants).unwrap();
    assert_eq!(actual_extents, extents, "{names:?}");
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * b.abs().max(1.0);
    assert!(actual.len() == expected.len() && actual.iter().zip(expected).all(near), "{names:?}: {actual:?}");
}

/// Without axes, and with the attribute that says so, each element is reduced alone.
#[test]
fn reductions_over_no_axes() {
    let reduced = |op_type| [n("Neg", "x -> a"), with(n(op_type, "a -> y"), int("noop_with_empty_axes", 1))];
    let each = |function: fn(f32) -> f32| numbers().into_iter().map(function).collect::<Vec<_>>();
    makes(18, &reduced("ReduceL1"), &[], &EXTENTS, &numbers());
    makes(18, &reduced("ReduceL2"), &[], &EXTENTS, &numbers());
    makes(18, &reduced("ReduceSumSquare"), &[], &EXTENTS, &each(|x| x * x));
    makes(18, &reduced("ReduceMax"), &[], &EXTENTS, &each(|x| -x));
    let exp = [n("Exp", "x -> a"), with(n("ReduceLogSum", "a -> y"), int("noop_with_empty_axes", 1))];
    makes(18, &exp, &[], &EXTENTS, &numbers());
    // What the host knows.
    let known = [with(n("ReduceSumSquare", "c -> s"), int("noop_with_empty_axes", 1)), n("Add", "x s -> y")];
    makes(18, &known, &[tensor("c", &[4], &[-1.0, 2.0, -3.0, 4.0])], &EXTENTS, &by_column([1.0, 4.0, 9.0, 16.0]));
    let known = [with(n("ReduceL1", "c -> s"), int("noop_with_empty_axes", 1)), n("Add", "x s -> y")];
    makes(18, &known, &[tensor("c", &[4], &[-1.0, 2.0, -3.0, 4.0])], &EXTENTS, &by_column([1.0, 2.0, 3.0, 4.0]));
}

/// x, plus a number for each column.
fn by_column(more: [f32; 4]) -> Vec<f32> {
    numbers().iter().enumerate().map(|(at, x)| x + more[at % 4]).collect()
}

/// The Resize of opset 10 goes down where it enlarges, and up where it shrinks: the case test_resize_downsample_nearest of ONNX 1.5.
#[test]
fn resizes_of_opset_10_shrink() {
    let resize = [n("Resize", "x scales -> y")];
    let scales = |each: &[f32]| [tensor("scales", &[4], each)];
    let narrow = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 22.0];
    makes(10, &resize, &scales(&[1.0, 1.0, 1.0, 0.6]), &[1, 2, 3, 2], &narrow);
    let wide: Vec<_> = narrow.chunks(2).flat_map(|row| [row, row].concat()).collect();
    makes(10, &resize, &scales(&[1.0, 1.0, 2.0, 0.6]), &[1, 2, 6, 2], &wide);
    let few = run(10, &resize, &[tensor("scales", &[1], &[2.0])]).unwrap_err().to_string();
    assert!(few.contains("scales has 1 numbers; the input has 4 axes"), "{few}");
}

/// A Resize that keeps all extents is no step, by factors and by sizes, whatever the mode.
#[test]
fn resizes_that_change_nothing_are_no_steps() {
    let sizes = ints("sizes", &EXTENTS.map(i64::from));
    for mode in ["nearest", "linear", "cubic"] {
        let by_sizes = with(n("Resize", "x none none sizes -> r"), word("mode", mode));
        let by_sizes = [by_sizes, n("Neg", "r -> y")];
        let none = tensor("none", &[0], &[]);
        let negated: Vec<_> = numbers().iter().map(|x| -x).collect();
        makes(18, &by_sizes, &[sizes.clone(), none.clone()], &EXTENTS, &negated);
        let by_factors = [with(n("Resize", "x none ones -> r"), word("mode", mode)), n("Neg", "r -> y")];
        makes(13, &by_factors, &[tensor("ones", &[4], &[1.0; 4]), none], &EXTENTS, &negated);
        for (opset, nodes) in [(18, &by_sizes), (13, &by_factors)] {
            let constants = [sizes.clone(), tensor("none", &[0], &[]), tensor("ones", &[4], &[1.0; 4])];
            let shown = format!("{:?}", planned(opset, nodes, &constants).unwrap());
            assert_eq!(shown[shown.find("steps").unwrap()..].matches("of type").count(), 1, "{shown}");
        }
    }
}

/// Scale and bias of a LayerNormalization may have any shape that broadcasts to the input's.
#[test]
fn factors_of_layer_norms_broadcast() {
    let normal = [-1.5f32, -0.5, 0.5, 1.5].map(|x| x / (1.25f32 + 1e-5).sqrt());
    let by = |factor: &dyn Fn(usize) -> f32, shift: f32| {
        (0..24).map(|at| normal[at % 4] * factor(at) + shift).collect::<Vec<_>>()
    };
    let node = [n("LayerNormalization", "x scale bias -> y")];
    let bias = tensor("bias", &[], &[1.0]);
    makes(17, &node, &[tensor("scale", &[1], &[2.0]), bias.clone()], &EXTENTS, &by(&|_| 2.0, 1.0));
    let rows = tensor("scale", &[3, 1], &[1.0, 2.0, 3.0]);
    makes(17, &node, &[rows, bias.clone()], &EXTENTS, &by(&|at| 1.0 + (at / 4 % 3) as f32, 1.0));
    let each = tensor("scale", &[4], &[1.0, 2.0, 3.0, 4.0]);
    makes(17, &node, &[each, bias.clone()], &EXTENTS, &by(&|at| 1.0 + (at % 4) as f32, 1.0));
    // The mean is an output of its own.
    let mean = with(n("LayerNormalization", "x scale bias -> z"), int("axis", -1));
    let mean = [NodeProto { output: vec!["z".into(), "y".into()], ..mean }];
    let means: Vec<_> = (0..6).map(|row| 1.5 + 4.0 * row as f32).collect();
    makes(17, &mean, &[tensor("scale", &[1], &[2.0]), bias.clone()], &[1, 2, 3, 1], &means);
    let larger = run(17, &node, &[tensor("scale", &[2, 1, 1, 1, 1], &[1.0, 2.0]), bias]).unwrap_err().to_string();
    assert!(larger.contains("it must broadcast to 1x2x3x4"), "{larger}");
}

/// Copies that have no elements, or take none, of a value that is computed and of one that the host knows.
#[test]
fn copies_without_elements() {
    let constants = [
        tensor("c", &EXTENTS.map(i64::from), &numbers()),
        tensor("one", &[1], &[1.0]),
        tensor("seven", &[], &[7.0]),
        tensor("empty", &[2, 0], &[]),
        ints("counts", &[1, 0, 1, 1]),
        ints("nothing", &[3, 0]),
        ints("trimmed", &[0, -1, 0, 0, 0, -1, 0, 0]),
        ints("padded", &[0, 1, 1, 2]),
        TensorProto { dims: vec![1, 0, 3, 4], ..ints("indices", &[]) },
    ];
    for x in ["x", "c"] {
        for node in ["Tile {} counts -> y", "GatherElements {} indices -> y", "Pad {} trimmed -> y"] {
            let (name, operands) = node.split_once(' ').unwrap();
            let node = n(name, &operands.replace("{}", x));
            makes(13, &[node], &constants, &[1, 0, 3, 4], &[]);
        }
    }
    makes(13, &[n("Expand", "one nothing -> y")], &constants, &[3, 0], &[]);
    let reduced = [with(n("ReduceSum", "x -> s"), int("keepdims", 0)), n("Expand", "s nothing -> y")];
    makes(13, &reduced, &constants, &[3, 0], &[]);
    makes(13, &[n("Pad", "empty padded seven -> y")], &constants, &[3, 3], &[7.0; 9]);
}

/// A letter that stands for 1 in one operand and for more in another is repeated there, as in NumPy.
#[test]
fn einsum_repeats_axes_of_extent_1() {
    let einsum = |equation: &str, c: [i64; 2]| {
        let many = c.iter().product::<i64>() as usize;
        let node = with(n("Einsum", "x c -> y"), word("equation", equation));
        (node, tensor("c", &c, &numbers()[1..=many]))
    };
    let x = numbers();
    // Over columns: those of c are one.
    let (node, c) = einsum("abik,kn->abin", [1, 2]);
    let sums = x.chunks(4).flat_map(|row| [1.0, 2.0].map(|c| c * row.iter().sum::<f32>())).collect::<Vec<_>>();
    makes(13, &[node], &[c], &[1, 2, 3, 2], &sums);
    // Over the batch, which is one in x.
    let (node, c) = einsum("abik,an->abikn", [3, 1]);
    let scaled: Vec<_> = (1..=3u8).flat_map(|c| x.iter().map(move |x| f32::from(c) * x)).collect();
    makes(13, &[node], &[c], &[3, 2, 3, 4, 1], &scaled);
    let (node, c) = einsum("abik,an->k", [3, 1]);
    let columns: Vec<f32> = (0..4).map(|k| 6.0 * x.iter().skip(k).step_by(4).sum::<f32>()).collect();
    makes(13, &[node], &[c], &[4], &columns);
    let (node, c) = einsum("abik,kn->abin", [3, 2]);
    let refused = run(13, &[node], &[c]).unwrap_err().to_string();
    assert!(refused.contains("k stands for 4 and for 3"), "{refused}");
}

/// Integers of a constant are as they are on the host; the device has 32 bits.
#[test]
fn padding_by_a_large_integer() {
    let large = TensorProto { dims: vec![], ..ints("large", &[(1 << 40) + 1]) };
    let constants = [large, ints("four", &[4]), ints("pads", &[1, 0]), ints("all", &[0; 8]), ints("at", &[0])];
    let known = [
        n("Pad", "four pads large -> padded"),
        n("Gather", "padded at -> first"),
        n("Sub", "first large -> none"),
        n("Add", "none four -> same"),
        with(n("Cast", "same -> y"), int("to", data_type::FLOAT.into())),
    ];
    makes(13, &known, &constants, &[1], &[4.0]);
    let computed = [with(n("Cast", "x -> i"), int("to", data_type::INT64.into())), n("Pad", "i all large -> y")];
    let refused = run(13, &computed, &constants).unwrap_err().to_string();
    assert!(refused.contains("constant_value is 1099511627777; -2147483648 to 2147483647"), "{refused}");
    let other = run(13, &[n("Pad", "x all large -> y")], &constants).unwrap_err().to_string();
    assert!(other.contains("constant_value has 1 elements of i64; it needs 1 of f32"), "{other}");
}

/// A range that starts in front of the axis takes its first element, also backward.
#[test]
fn slices_from_before_the_axis() {
    let constants = [ints("start", &[-10]), ints("end", &[-20]), ints("axis", &[3]), ints("back", &[-1])];
    let first: Vec<_> = numbers().into_iter().step_by(4).collect();
    makes(13, &[n("Slice", "x start end axis back -> y")], &constants, &[1, 2, 3, 1], &first);
}

#[test]
fn pieces_and_operands_without_elements() {
    let sizes = ints("sizes", &[1, 0, 3]);
    let split = with(n("Split", "x sizes -> a e b"), int("axis", 3));
    let concat = |names| with(n("Concat", names), int("axis", 3));
    makes(13, &[split.clone(), concat("a e b -> y")], std::slice::from_ref(&sizes), &EXTENTS, &numbers());
    let softmax = [split.clone(), with(n("Softmax", "e -> f"), int("axis", -1)), concat("a f b -> y")];
    makes(13, &softmax, std::slice::from_ref(&sizes), &EXTENTS, &numbers());
    // The sum of no products, and no sums at all.
    let none = tensor("none", &[0, 5], &[]);
    makes(13, &[split.clone(), n("MatMul", "e none -> y")], &[sizes.clone(), none], &[1, 2, 3, 5], &[0.0; 30]);
    let w = tensor("w", &[4, 0], &[]);
    makes(13, &[split, n("MatMul", "x w -> y")], &[sizes, w.clone()], &[1, 2, 3, 0], &[]);
    let rows = TensorProto { dims: vec![2], ..ints("rows", &[6, 4]) };
    let gemm = [n("Reshape", "x rows -> r"), with(n("Gemm", "r w c -> y"), float("alpha", 2.0))];
    makes(13, &gemm, &[rows, w, tensor("c", &[1], &[1.0])], &[6, 0], &[]);
}

/// A slope does nothing to what is at least 0.
#[test]
fn slopes_beyond_numbers() {
    let slopes = tensor("slope", &[4], &[f32::INFINITY, f32::NAN, f32::INFINITY, 2.0]);
    makes(16, &[n("PRelu", "x slope -> y")], std::slice::from_ref(&slopes), &EXTENTS, &numbers());
    let known = [n("PRelu", "c slope -> p"), n("Add", "x p -> y")];
    makes(
        16,
        &known,
        &[slopes, tensor("c", &[4], &[0.0, 0.0, 1.0, -1.0])],
        &EXTENTS,
        &by_column([0.0, 0.0, 1.0, -2.0]),
    );
}

/// The extents that a transposed convolution is to give say how it is padded, with those of batch and channels in front or without.
#[test]
fn transposed_convolutions_to_an_extent() {
    let v = tensor("v", &[2, 1, 2, 2], &[1.0; 8]);
    let to = |node: NodeProto| run(11, &[with(node, listed("strides", &[2, 2]))], std::slice::from_ref(&v)).unwrap();
    let node = || n("ConvTranspose", "x v -> y");
    let whole = to(node());
    assert_eq!(whole.0, [1, 1, 6, 8]);
    // Each pixel is four of the output: the sum of both channels at its place.
    let expected = |row: usize, column: usize| (12 + 2 * (row / 2 * 4 + column / 2)) as f32;
    let all = (0..48).map(|at| expected(at / 8, at % 8)).collect::<Vec<_>>();
    assert_eq!(whole.1, all);
    assert_eq!(to(with(node(), word("auto_pad", "SAME_UPPER"))), whole);
    let fewer = to(with(node(), listed("output_shape", &[5, 7])));
    assert_eq!(to(with(node(), listed("output_shape", &[1, 1, 5, 7]))), fewer);
    // The odd pixel is cut in front, but for SAME_UPPER.
    let cut = (0..35).map(|at| expected(at / 7 + 1, at % 7 + 1)).collect::<Vec<_>>();
    assert_eq!(fewer, (vec![1, 1, 5, 7], cut));
}

#[test]
fn runs_by_known_indices() {
    let at = |dims: &[i64], elements: &[i64]| TensorProto { dims: dims.to_vec(), ..ints("at", elements) };
    let gather = |batch: i64| with(n("GatherND", "x at -> y"), int("batch_dims", batch));
    let x = numbers();
    makes(12, &[gather(0)], &[at(&[2, 3], &[0, 1, 2, 0, 0, -1])], &[2, 4], &[&x[20..24], &x[8..12]].concat());
    makes(12, &[gather(1)], &[at(&[1, 2], &[1, 0])], &[1, 4], &x[12..16]);
    let known = with(n("GatherND", "c at -> g"), int("batch_dims", 1));
    let c = tensor("c", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let column: Vec<_> = (0..24).map(|i| x[i] + if i < 12 { 2.0 } else { 3.0 }).collect();
    let shape = ints("shape", &[2, 1, 1]);
    let reshaped = [known, n("Reshape", "g shape -> h"), n("Add", "x h -> y")];
    makes(12, &reshaped, &[c, at(&[2, 1], &[1, 0]), shape], &EXTENTS, &column);
}

#[test]
fn what_nodes_do_not_take() {
    let constants = [
        tensor("w2", &[1, 2, 2, 2], &[1.0; 8]),
        tensor("line", &[1, 2, 5], &[1.0; 10]),
        tensor("w1", &[1, 2, 3], &[1.0; 6]),
        tensor("v", &[2, 1, 2, 2], &[1.0; 8]),
        tensor("rois", &[1, 4], &[0.0, 0.0, 2.0, 2.0]),
        TensorProto { dims: vec![1, 1, 1, 2], ..ints("columns", &[0, 4]) },
        TensorProto { dims: vec![1, 2], ..ints("places", &[0, -3]) },
        TensorProto { dims: vec![3, 0], ..ints("empty", &[]) },
        tensor("large", &[2, 1, 1, 1, 1], &[1.0; 2]),
        ints("images", &[1]),
        ints("pads", &[1; 4]),
        ints("twice", &[3, -1]),
    ];
    let table: [(Vec<NodeProto>, &str); 17] = [
        (
            vec![
                with(n("Cast", "x -> a"), int("to", data_type::INT64.into())),
                with(n("Concat", "x a -> y"), int("axis", 0)),
            ],
            "an input holds i64; the first holds f32",
        ),
        (
            vec![with(n("Conv", "line w1 -> y"), listed("strides", &[3, 100]))],
            "strides is [3, 100]; 1 needed along one axis",
        ),
        (
            vec![with(n("Conv", "line w1 -> y"), listed("pads", &[1, 1, 1, 1]))],
            "pads is [1, 1, 1, 1]; 2 needed along one axis",
        ),
        (vec![n("Conv", "line w2 -> y")], "weight (1x2x2x2) needs 3 axes, as the input has"),
        (
            vec![with(n("ConvTranspose", "x v -> y"), listed("kernel_shape", &[3, 3]))],
            "kernel_shape is [3, 3]; that of weight (2x1x2x2) is [2, 2]",
        ),
        (vec![with(n("ConvTranspose", "x v -> y"), word("auto_pad", "SAME"))], "auto_pad is SAME"),
        (
            vec![with(n("ConvTranspose", "x v -> y"), listed("output_shape", &[1, 2, 3, 4, 5]))],
            "output_shape has 5 numbers; 2 are needed",
        ),
        (
            vec![with(with(n("MaxPool", "x -> y"), listed("kernel_shape", &[2, 2])), int("storage_order", 7))],
            "storage_order is 7; 0 and 1 are known",
        ),
        (vec![n("Attention", "x x x _ x -> y")], "it has one of past_key and past_value; both are needed, or none"),
        (vec![n("Attention", "x x x _ _ x -> y")], "it has one of past_key and past_value; both are needed, or none"),
        (
            vec![with(n("Attention", "x x x -> y"), int("qk_matmul_output_mode", 9))],
            "qk_matmul_output_mode is 9; 0 to 3 are known",
        ),
        (vec![with(n("GatherElements", "x columns -> y"), int("axis", 3))], "an index is 4; the axis has extent 4"),
        (vec![n("GatherND", "x places -> y")], "an index is -3; the axis has extent 2"),
        (vec![n("GatherND", "line empty -> y")], "indices (3x0) name 0 axes behind 0 of a batch; data is 1x2x5"),
        (vec![n("Pad", "x pads _ twice -> y")], "axes is [3, -1], which names axis 3 twice"),
        (vec![n("RMSNormalization", "x large -> y")], "scale is 2x1x1x1x1; it must broadcast to 1x2x3x4"),
        (vec![n("RoiAlign", "x rois images -> y")], "batch_indices names image 1; the input has 1"),
    ];
    for (nodes, message) in table {
        let absent = |mut node: NodeProto| {
            node.input.iter_mut().filter(|name| *name == "_").for_each(String::clear);
            node
        };
        let nodes: Vec<_> = nodes.into_iter().map(absent).collect();
        let refused = run(23, &nodes, &constants).unwrap_err().to_string();
        assert!(refused.contains(message), "{refused}");
    }
}
