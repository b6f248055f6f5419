//! Activations behind products.

use pliant::{Gpu, GpuOptions};

use super::*;
use crate::limits::with_limits;

const RULES: &[Rule] = &[Rule::BatchNorm, Rule::Bias, Rule::Activation, Rule::ProductActivation];

/// A convolution of images (8, 6, 7) to 5 channels, with a node behind it.
fn conv(activation: NodeProto) -> Net {
    let conv = with(n("Conv", "x w b -> c"), listed("pads", &[1, 0, 1, 2]));
    let constants = vec![
        weights("w", &[5, 8, 3, 3]),
        weights("b", &[5]),
        tensor("least", &[], &[0.0]),
        tensor("most", &[], &[0.25]),
    ];
    Net::new(&[("x", &[2, 8, 6, 7])], vec![conv, activation], constants)
}

/// All functions, behind "c", as exporters write them.
fn activations() -> [Vec<NodeProto>; 5] {
    [
        vec![n("Relu", "c -> y")],
        vec![n("Clip", "c least most -> y")],
        vec![n("Sigmoid", "c -> y")],
        vec![n("Sigmoid", "c -> s"), n("Mul", "c s -> y")],
        vec![
            n("Div", "c root -> a"),
            n("Erf", "a -> e"),
            n("Add", "e one -> f"),
            n("Mul", "c f -> g"),
            n("Mul", "g half -> y"),
        ],
    ]
}

/// Nets of one node before each of the activations: without a bias, so that numbers are about 0.
fn each(before: &NodeProto, inputs: &[(&'static str, &[i64])], weight: &[i64]) -> [Net; 5] {
    activations().map(|behind| {
        let nodes = [vec![before.clone()], behind].concat();
        let mut constants = gelu().constants;
        constants.extend([weights("w", weight), tensor("least", &[], &[0.0]), tensor("most", &[], &[0.25])]);
        Net::new(inputs, nodes, constants)
    })
}

#[test]
fn activations_behind_products() {
    conv(n("Relu", "c -> y")).fires(Rule::ProductActivation, 1);
    conv(n("Clip", "c least most -> y")).fires(Rule::ProductActivation, 1);
    assert_eq!(steps(&conv(n("Relu", "c -> y")), Rule::ALL), 1);

    let normalised = {
        let mut net = conv(n("Relu", "d -> y"));
        net.nodes.insert(1, n("BatchNormalization", "c scale shift mean variance -> d"));
        net.constants.extend(["scale", "shift", "mean", "variance"].map(|name| weights(name, &[5])));
        net
    };
    assert_eq!(steps(&normalised, Rule::ALL), 1);
    normalised.fused_by(Rule::ALL);

    let of_product = |nodes: Vec<NodeProto>| {
        let mut constants = gelu().constants;
        constants.extend([weights("w", &[8, 6]), weights("b", &[6])]);
        Net::new(&[("x", &[3, 8])], nodes, constants)
    };
    let gemm = of_product(vec![n("Gemm", "x w b -> c"), n("Relu", "c -> y")]);
    assert_eq!(steps(&gemm, RULES), 1);
    gemm.fused_by(RULES);
    let [.., behind] = activations();
    let gelu = of_product([vec![n("MatMul", "x w -> p"), n("Add", "p b -> c")], behind].concat());
    assert_eq!(steps(&gelu, RULES), 1);
    gelu.fused_by(RULES);
}

#[test]
fn what_is_no_activation_of_a_product_stays() {
    let net = conv(n("Relu", "c -> y"));
    net.showing("c").stays(Rule::ProductActivation, "used elsewhere");
    net.with_reader("c").stays(Rule::ProductActivation, "used elsewhere");
    net.but(n("Neg", "c -> y")).stays(Rule::ProductActivation, "");
    // An activation of an activation.
    let mut twice = net.but(n("Relu", "d -> y"));
    twice.nodes.insert(1, n("Relu", "c -> d"));
    twice.fires(Rule::ProductActivation, 1);
    // What lies behind the activation stays behind it.
    let mut scaled = net.but(n("Mul", "d b3 -> y"));
    scaled.nodes.insert(1, n("Relu", "c -> d"));
    scaled.constants.push(weights("b3", &[5, 1, 1]));
    assert_eq!(steps(&scaled, RULES), 2);
    scaled.fused_by(RULES);
    // A part of what the product gives.
    let mut part = net.but(n("Relu", "d -> y"));
    part.nodes.insert(1, with(n("Split", "c sizes -> d rest"), int("axis", 1)));
    part.constants.push(crate::onnx::ints("sizes", &[2, 3]));
    part.outputs.push("rest");
    part.stays(Rule::ProductActivation, "");
}

/// Copies between a product and an activation stay behind both, but for those that put something beside their input.
#[test]
fn activations_behind_copies_of_products() {
    let net = |copies: Vec<NodeProto>, behind: NodeProto| {
        let mut net = conv(behind);
        net.nodes.splice(1..1, copies);
        net.constants.push(crate::onnx::ints("tokens", &[2, 5, -1]));
        net.constants.push(crate::onnx::ints("pads", &[0, 0, 1, 0, 0, 0, 0, 2]));
        net
    };
    let transposed = |from: &str, perm: &[i64]| with(n("Transpose", from), listed("perm", perm));
    let tokens = || vec![n("Reshape", "c tokens -> r"), transposed("r -> d", &[0, 2, 1])];
    for behind in [n("Relu", "d -> y"), n("Gelu", "d -> y")] {
        for copies in [tokens(), vec![transposed("c -> d", &[2, 0, 3, 1])]] {
            let net = net(copies, behind.clone());
            net.fires(Rule::ProductActivation, 1);
            assert_eq!(steps(&net, Rule::ALL), 2);
        }
    }
    let between = net(tokens(), n("Gelu", "d -> y"));
    between.showing("c").stays(Rule::ProductActivation, "used elsewhere");
    between.showing("d").stays(Rule::ProductActivation, "used elsewhere");
    between.with_reader("r").stays(Rule::ProductActivation, "used elsewhere");
    net(vec![n("Pad", "c pads -> d")], n("Sigmoid", "d -> y")).stays(Rule::ProductActivation, "");
}

#[test]
fn bounds_behind_functions_of_two_tensors() {
    let bounds = [tensor("least", &[], &[-0.25]), tensor("most", &[], &[0.5])];
    let net = |function: &str, b: &[i64], behind: NodeProto| {
        let nodes = vec![n(function, "a b -> c"), behind];
        Net::new(&[("a", &[2, 3, 5, 8]), ("b", b)], nodes, bounds.to_vec())
    };
    for b in [[2, 3, 5, 8].as_slice(), &[3, 1, 1], &[5, 1], &[8], &[1]] {
        for function in ["Add", "Sub", "Mul"] {
            net(function, b, n("Relu", "c -> y")).fires(Rule::ProductActivation, 1);
            net(function, b, n("Clip", "c least most -> y")).fires(Rule::ProductActivation, 1);
        }
    }
    let relu = net("Add", &[8], n("Relu", "c -> y"));
    assert_eq!(steps(&relu, Rule::ALL), 1);
    relu.showing("c").stays(Rule::ProductActivation, "used elsewhere");
    relu.with_reader("c").stays(Rule::ProductActivation, "used elsewhere");
    relu.but(n("Neg", "c -> y")).stays(Rule::ProductActivation, "");
    relu.but(n("Gelu", "c -> y")).stays(Rule::ProductActivation, "on this device");
    // What lies behind the bounds stays behind them, and what they are in is no plain sum any more.
    let mut biased = relu.but(n("Add", "d a -> y"));
    biased.nodes.insert(1, n("Relu", "c -> d"));
    biased.fires(Rule::ProductActivation, 1);
    assert_eq!(steps(&biased, Rule::ALL), 2);
}

#[test]
fn transposed_convolutions_end_with_activations() {
    let net = |kernel: i64, weight: &[i64]| {
        let conv = with(
            with(n("ConvTranspose", "x w -> c"), listed("strides", &[2, 2])),
            listed("kernel_shape", &[kernel; 2]),
        );
        Net::new(&[("x", &[1, 8, 5, 6])], vec![conv, n("Relu", "c -> y")], vec![weights("w", weight)])
    };
    net(2, &[8, 3, 2, 2]).fires(Rule::ProductActivation, 1);
    net(3, &[8, 3, 3, 3]).stays(Rule::ProductActivation, "on this device");
}

/// Every function, by the kernels that the rules of this device choose, of numbers in both types and of what is no number.
#[test]
fn functions_of_products() {
    let nets = [
        each(&with(n("Conv", "x w -> c"), listed("pads", &[1; 4])), &[("x", &[2, 8, 9, 11])], &[7, 8, 3, 3]),
        each(&with(n("Conv", "x w -> c"), int("group", 8)), &[("x", &[1, 8, 9, 13])], &[8, 1, 3, 3]),
        each(&with(n("Conv", "x w -> c"), listed("pads", &[1; 4])), &[("x", &[2, 8, 9, 12])], &[1, 8, 3, 3]),
        each(&with(n("Conv", "x w -> c"), int("group", 2)), &[("x", &[1, 8, 7, 8])], &[6, 4, 1, 1]),
        each(&n("MatMul", "x w -> c"), &[("x", &[3, 23, 37])], &[37, 70]),
        each(&n("MatMul", "x w -> c"), &[("x", &[3, 12])], &[12, 16]),
        each(&n("MatMul", "x w -> c"), &[("x", &[7, 12])], &[12, 3]),
    ];
    for (at, net) in nets.as_flattened().iter().enumerate() {
        for float in [DType::F32, DType::F16] {
            assert_eq!(same_as_unfused(net, gpu(), float), 1, "net {at}");
        }
    }
}

/// Activations that are fused, after the output was compared with that without, of inputs that hold what is no number.
fn same_as_unfused(net: &Net, gpu: &Gpu, float: DType) -> usize {
    let net = Net { specials: true, ..net.clone() };
    let (unfused, _) = net.run_on(gpu, float, &[Rule::Activation]);
    let (fused, fusions) = net.run_on(gpu, float, &[Rule::Activation, Rule::ProductActivation]);
    let largest = unfused[0].iter().filter(|x| x.is_finite()).fold(0f32, |largest, x| largest.max(x.abs()));
    let tolerance = largest * if float == DType::F32 { 4e-6 } else { 2e-3 };
    for (a, b) in unfused[0].iter().zip(&fused[0]) {
        assert!(
            a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance,
            "{a} became {b}: {}",
            net.nodes[1].op_type
        );
    }
    assert!(fused[0].iter().any(|x| !x.is_finite()) && largest > 0.0);
    let fired = |fusion: &&Fusion| fusion.rule == Rule::ProductActivation && fusion.refusal.is_none();
    fusions.iter().filter(fired).count()
}

/// A convolution that is done by tiles on CPU adapters, with what is not finite, and in rows of whole quads and of others.
#[test]
fn functions_of_convolutions_by_tiles() {
    let conv = with(n("Conv", "x w -> c"), listed("pads", &[1; 4]));
    for width in [16, 17] {
        let nets = each(&conv, &[("x", &[1, 64, 16, width])], &[64, 64, 3, 3]);
        for (at, net) in nets.iter().enumerate() {
            assert_eq!(same_as_unfused(net, gpu(), DType::F32), 1, "net {at}");
        }
    }
}

/// A plain convolution and a deformable one, by the kernels of GPUs, which a tuning chooses.
#[test]
fn functions_of_convolutions_without_columns() {
    let gpu = pollster::block_on(Gpu::with_options(&GpuOptions::default())).unwrap();
    let head = gpu.tuning();
    let plain = (
        n("Conv", "x w -> c"),
        vec![("x", &[1, 36, 7, 6][..])],
        [9, 36, 3, 3],
        "conv2d f32 f32 input 1x36x7x6 weight 9x36x3x3 stride 1x1 padding 0x0x0x0 dilation 1x1 groups 1",
    );
    let deformable = (
        n("DeformConv", "x w o -> c"),
        vec![("x", &[1, 6, 7, 6][..]), ("o", &[1, 18, 5, 4][..])],
        [9, 6, 3, 3],
        "deform_conv2d f32 f32 input 1x6x7x6 weight 9x6x3x3 stride 1x1 padding 0x0x0x0 dilation 1x1 groups 1 offset_groups 1 \
         border Zeros layout Separate",
    );
    let kernels = ["direct", "32x128", "64x64", "64x64.half", "128x128"];
    for (node, inputs, weight, problem) in [&plain, &deformable] {
        let nets = each(node, inputs, weight);
        for (kernel, net) in kernels.iter().flat_map(|kernel| nets.iter().map(move |net| (kernel, net))) {
            gpu.set_tuning(&format!("{head}{problem}: fused {kernel} splits 1\n")).unwrap();
            assert_eq!(same_as_unfused(net, &gpu, DType::F32), 1, "{kernel}");
        }
    }
    let (node, inputs, weight, problem) = plain;
    let [relu, ..] = each(&node, &inputs, &weight);
    gpu.set_tuning(&format!("{head}{problem}: fused direct splits 2\n")).unwrap();
    assert_eq!(same_as_unfused(&relu, &gpu, DType::F32), 0);
}

/// Products in pieces, of which the last alone ends with the function: of depths, of terms, of bands and of sampling points.
#[test]
fn products_in_pieces_end_once() {
    let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let head = gpu.tuning();
    let [relu, ..] = each(&n("MatMul", "x w -> c"), &[("x", &[5, 6000])], &[6000, 6]);
    assert_eq!(same_as_unfused(&relu, &gpu, DType::F32), 1);
    let conv = with(n("Conv", "x w -> c"), listed("pads", &[1; 4]));
    let [relu, ..] = each(&conv, &[("x", &[1, 24, 40, 41])], &[10, 24, 3, 3]);
    assert_eq!(same_as_unfused(&relu, &gpu, DType::F32), 1);
    let problem = "conv2d f32 f32 input 1x24x40x41 weight 10x24x3x3 stride 1x1 padding 1x1x1x1 dilation 1x1 groups 1";
    gpu.set_tuning(&format!("{head}{problem}: fused 64x64 splits 1\n")).unwrap();
    assert_eq!(same_as_unfused(&relu, &gpu, DType::F32), 1);
    let conv = with(n("DeformConv", "x w o -> c"), listed("pads", &[1; 4]));
    let [relu, ..] = each(&conv, &[("x", &[1, 24, 40, 41]), ("o", &[1, 18, 40, 41])], &[10, 24, 3, 3]);
    assert_eq!(same_as_unfused(&relu, &gpu, DType::F32), 1);
    let problem = format!("deform_{problem} offset_groups 1 border Zeros layout Separate");
    gpu.set_tuning(&format!("{head}{problem}: fused direct splits 1\n")).unwrap();
    assert_eq!(same_as_unfused(&relu, &gpu, DType::F32), 1);
}
