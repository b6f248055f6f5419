//! Each rule of fusion fires on what exporters write, changes rounding alone, and leaves everything else as it is.

mod activation;
mod concat;
mod deform_conv;
mod pointwise;
mod product_activation;
mod resize;

use pliant::onnx::{Fusion, Model, ModelOptions, ModelPlan, Rule};
use pliant::{DType, Gpu, Recorder, Tensor, TensorSpec};
use prost::Message;

use self::activation::gelu;
use super::proto::*;
use super::{data_type, float, int, listed, n, tensor, value, with, word};
use crate::gpu;

/// A tensor of positive numbers about 1, all different.
pub(super) fn weights(name: &str, dims: &[i64]) -> TensorProto {
    let many = dims.iter().product::<i64>();
    let elements: Vec<_> = (0..many).map(|at| 0.5 + (at * 7 % many.max(1)) as f32 / many as f32).collect();
    tensor(name, dims, &elements)
}

fn reshape(names: &str, name: &str, shape: &[i64], net: &mut Net) {
    net.constants.push(super::ints(name, shape));
    let (input, output) = names.split_once("->").unwrap();
    net.nodes.push(n("Reshape", &format!("{input} {name} -> {output}")));
}

fn transpose(names: &str, order: &[i64]) -> NodeProto {
    with(n("Transpose", names), listed("perm", order))
}

#[derive(Debug, Default, Clone)]
pub(super) struct Net {
    inputs: Vec<(&'static str, Vec<i64>)>,
    outputs: Vec<&'static str>,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    /// Whether some elements of the inputs are no numbers, or -0.
    specials: bool,
}

impl Net {
    pub(super) fn new(inputs: &[(&'static str, &[i64])], nodes: Vec<NodeProto>, constants: Vec<TensorProto>) -> Self {
        let inputs = inputs.iter().map(|(name, shape)| (*name, shape.to_vec())).collect();
        Self { inputs, outputs: vec!["y"], nodes, constants, specials: false }
    }

    /// This net with another output.
    pub(super) fn showing(&self, output: &'static str) -> Self {
        let mut net = self.clone();
        net.outputs.push(output);
        net
    }

    /// This net with a node that reads what a part of it gives.
    fn with_reader(&self, of: &str) -> Self {
        let mut net = self.clone();
        net.nodes.push(n("Neg", &format!("{of} -> z")));
        net.outputs.push("z");
        net
    }

    /// This net with another node in the place of that with the first output of this one.
    fn but(&self, other: NodeProto) -> Self {
        let mut net = self.clone();
        let place = net.nodes.iter().position(|node| node.output[0] == other.output[0]).unwrap();
        net.nodes[place] = other;
        net
    }

    pub(super) fn model(&self) -> Model {
        let input = |(name, shape): &(&str, Vec<i64>)| value(name, data_type::FLOAT, shape);
        let graph = GraphProto {
            node: self.nodes.clone(),
            initializer: self.constants.clone(),
            input: self.inputs.iter().map(input).collect(),
            output: self.outputs.iter().map(|name| value(name, data_type::FLOAT, &[])).collect(),
        };
        let opset = OperatorSetIdProto { domain: String::new(), version: 17 };
        let model = ModelProto { graph: Some(graph), opset_import: vec![opset], ..ModelProto::default() };
        Model::read(&model.encode_to_vec()).unwrap()
    }

    pub(super) fn planned(&self, gpu: &Gpu, float: DType, rules: &[Rule]) -> (ModelPlan, Vec<(&'static str, Tensor)>) {
        let mut rng = fastrand::Rng::with_seed(7);
        let upload = |(name, shape): &(&'static str, Vec<i64>)| {
            let shape: Vec<_> = shape.iter().map(|&extent| extent as u32).collect();
            let many = shape.iter().product::<u32>() as usize;
            let mut elements: Vec<f32> = (0..many).map(|_| rng.f32() * 2.0 - 1.0).collect();
            if self.specials {
                let specials = [f32::NAN, f32::INFINITY, -0.0, f32::NEG_INFINITY];
                elements.iter_mut().step_by(many / 5).zip(specials).for_each(|(element, special)| *element = special);
            }
            let shape = pliant::Shape::new(&shape).unwrap();
            let tensor = match float {
                DType::F16 => {
                    let elements: Vec<_> = elements.into_iter().map(pliant::half::f16::from_f32).collect();
                    Tensor::upload(gpu, shape, &elements)
                }
                _ => Tensor::upload(gpu, shape, &elements),
            };
            (*name, tensor.unwrap())
        };
        let inputs: Vec<_> = self.inputs.iter().map(upload).collect();
        let specs: Vec<(&str, TensorSpec)> = inputs.iter().map(|(name, tensor)| (*name, tensor.spec())).collect();
        let options = ModelOptions { float, rules, ..ModelOptions::default() };
        (ModelPlan::with_options(gpu, &self.model(), &specs, options).unwrap(), inputs)
    }

    fn run(&self, rules: &[Rule]) -> (Vec<Vec<f32>>, Vec<Fusion>) {
        self.run_on(gpu(), DType::F32, rules)
    }

    fn run_on(&self, gpu: &Gpu, float: DType, rules: &[Rule]) -> (Vec<Vec<f32>>, Vec<Fusion>) {
        let (plan, inputs) = self.planned(gpu, float, rules);
        let inputs: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor)).collect();
        let mut recorder = Recorder::new(gpu);
        let outputs = plan.forward(&mut recorder, &inputs).unwrap();
        recorder.submit().unwrap();
        let download = |(_, tensor): &(&str, Tensor)| match float {
            DType::F16 => {
                let elements = tensor.download_blocking::<pliant::half::f16>().unwrap();
                elements.into_iter().map(pliant::half::f16::to_f32).collect()
            }
            _ => tensor.download_blocking::<f32>().unwrap(),
        };
        (outputs.iter().map(download).collect(), plan.fusions().to_vec())
    }

    /// Fusions by some rules, after the outputs were compared with those without any.
    fn fused_by(&self, rules: &[Rule]) -> Vec<Fusion> {
        let (plain, nothing) = self.run(&[]);
        assert!(nothing.is_empty());
        let (fused, fusions) = self.run(rules);
        let unchanged = fusions.iter().all(|fusion| fusion.refusal.is_some());
        for (plain, fused) in plain.iter().zip(&fused) {
            assert_eq!(plain.len(), fused.len());
            let largest = plain.iter().fold(0f32, |largest, x| largest.max(x.abs()));
            assert!(largest > 0.0 && largest.is_finite());
            for (a, b) in plain.iter().zip(fused) {
                let same = (unchanged && a.is_nan() && b.is_nan()) || (a - b).abs() <= 4e-6 * largest;
                assert!(same, "{a} became {b}; the largest is {largest}: {fusions:?}");
            }
        }
        fusions
    }

    #[track_caller]
    fn fires(&self, rule: Rule, times: usize) {
        let fusions = self.fused_by(&[rule]);
        let fired = fusions.iter().filter(|fusion| fusion.refusal.is_none()).count();
        assert_eq!(fired, times, "{fusions:?}");
    }

    /// Leaves everything as it is, and says why where `why` is not empty.
    #[track_caller]
    fn stays(&self, rule: Rule, why: &str) {
        let fusions = self.fused_by(&[rule]);
        assert!(fusions.iter().all(|fusion| fusion.refusal.is_some()), "{fusions:?}");
        assert_eq!(why.is_empty(), fusions.is_empty(), "{fusions:?}");
        assert!(fusions.iter().all(|fusion| fusion.refusal.as_ref().is_some_and(|refusal| refusal.contains(why))));
    }
}

#[test]
fn bias_of_a_product() {
    let constants = vec![weights("w", &[8, 6]), weights("b", &[6]), weights("rows", &[3, 1])];
    let nodes = vec![n("MatMul", "x w -> product"), n("Add", "b product -> y")];
    let net = Net::new(&[("x", &[2, 3, 8])], nodes, constants);
    net.fires(Rule::Bias, 1);
    assert_eq!(steps(&net, Rule::ALL), 1);
    let mut gemm = Net::new(&[("x", &[5, 8]), ("b", &[1, 6])], vec![n("Gemm", "x w b -> y")], net.constants.clone());
    gemm.constants.remove(1);
    gemm.fires(Rule::Bias, 1);

    net.showing("product").stays(Rule::Bias, "used elsewhere");
    net.with_reader("product").stays(Rule::Bias, "used elsewhere");
    net.but(n("Add", "product rows -> y")).stays(Rule::Bias, "");
    net.but(n("Sub", "b product -> y")).stays(Rule::Bias, "");
    let mut computed = net.clone();
    computed.constants.remove(0);
    computed.inputs.push(("w", vec![2, 8, 6]));
    computed.stays(Rule::Bias, "");
}

/// A layer normalisation as opset 16 has it.
fn layer_norm() -> Net {
    let nodes = vec![
        with(n("ReduceMean", "x -> m"), listed("axes", &[-1])),
        n("Sub", "x m -> d"),
        n("Pow", "d two -> s"),
        with(n("ReduceMean", "s -> v"), listed("axes", &[-1])),
        n("Add", "v eps -> e"),
        n("Sqrt", "e -> r"),
        n("Div", "d r -> q"),
        n("Mul", "q scale -> t"),
        n("Add", "t shift -> y"),
    ];
    let constants =
        vec![tensor("two", &[], &[2.0]), tensor("eps", &[], &[1e-5]), weights("scale", &[8]), weights("shift", &[8])];
    Net::new(&[("x", &[2, 3, 8])], nodes, constants)
}

#[test]
fn layer_norm_of_opset_16() {
    layer_norm().fires(Rule::LayerNorm, 3);
    // The difference is taken twice, and squared by itself.
    let mut twice = layer_norm();
    twice.nodes.insert(2, n("Sub", "x m -> d2"));
    twice.but(n("Mul", "d2 d2 -> s")).fires(Rule::LayerNorm, 3);
    layer_norm().but(n("Mul", "scale q -> t")).but(n("Add", "shift t -> y")).fires(Rule::LayerNorm, 3);
}

#[test]
fn what_is_no_layer_norm_stays() {
    let net = layer_norm();
    net.but(with(n("ReduceMean", "x -> m"), listed("axes", &[1]))).stays(Rule::LayerNorm, "");
    net.but(with(n("ReduceMean", "s -> v"), listed("axes", &[0]))).stays(Rule::LayerNorm, "");
    net.showing("d").stays(Rule::LayerNorm, "used elsewhere");
    net.with_reader("v").stays(Rule::LayerNorm, "used elsewhere");
    net.but(n("Sqrt", "v -> r")).stays(Rule::LayerNorm, "");
    for epsilon in [-1e-5, f32::INFINITY] {
        let mut other = net.clone();
        other.constants[1] = tensor("eps", &[], &[epsilon]);
        assert_eq!(other.planned(gpu(), DType::F32, &[Rule::LayerNorm]).0.fusions(), []);
    }
    // The vector is not of the axis that is normalised.
    let mut across = net.clone();
    across.constants[2] = weights("scale", &[3, 1]);
    across.fires(Rule::LayerNorm, 1);
    // Where rows are as many as columns, what belongs to a row may be taken from each element of it.
    let mut square = net.clone();
    square.inputs = vec![("x", vec![8, 8])];
    square.constants.push(super::ints("eight", &[8]));
    square.fires(Rule::LayerNorm, 3);
    let mut of_means = square.clone().but(n("Sub", "x row -> d"));
    of_means.nodes.insert(1, n("Reshape", "m eight -> row"));
    of_means.stays(Rule::LayerNorm, "");
    let mut of_roots = square.but(n("Div", "d row -> q"));
    of_roots.nodes.insert(6, n("Reshape", "r eight -> row"));
    of_roots.stays(Rule::LayerNorm, "");
    // What is shown stays apart from its shift.
    let shown = net.showing("t").fused_by(&[Rule::LayerNorm]);
    assert_eq!(shown.iter().filter(|fusion| fusion.refusal.is_none()).count(), 2);
}

impl Net {
    fn with_constant(mut self, constant: TensorProto) -> Self {
        self.constants.push(constant);
        self
    }

    fn with_first(mut self, node: NodeProto) -> Self {
        self.nodes.insert(0, node);
        self
    }
}

/// A group normalisation as opsets up to 20 have it.
fn group_norm() -> Net {
    let mut net = Net::new(&[("x", &[2, 6, 3, 4])], vec![], vec![]);
    net.constants = vec![
        tensor("ones", &[3], &[1.0; 3]),
        tensor("zeros", &[3], &[0.0; 3]),
        weights("scale", &[6, 1, 1]),
        weights("shift", &[6, 1, 1]),
    ];
    reshape("x -> g", "groups", &[0, 3, -1], &mut net);
    net.nodes.push(n("InstanceNormalization", "g ones zeros -> i"));
    reshape("i -> b", "images", &[2, 6, 3, 4], &mut net);
    net.nodes.extend([n("Mul", "b scale -> t"), n("Add", "t shift -> y")]);
    net
}

#[test]
fn group_norm_of_opset_16() {
    group_norm().fires(Rule::GroupNorm, 2);
    group_norm().showing("i").stays(Rule::GroupNorm, "used elsewhere");
    let mut by_row = group_norm();
    by_row.constants[2] = weights("scale", &[3, 1]);
    by_row.stays(Rule::GroupNorm, "");
}

fn batch_norm(convolution: NodeProto, weight: &[i64], bias: bool, channels: i64) -> Net {
    let norm = n("BatchNormalization", "c gamma beta mean var -> y");
    let mut constants: Vec<_> =
        ["gamma", "beta", "mean", "var"].into_iter().map(|name| weights(name, &[channels])).collect();
    constants.push(weights("w", weight));
    if bias {
        constants.push(weights("b", &[channels]));
    }
    Net::new(&[("x", &[2, 4, 5, 6])], vec![convolution, norm], constants)
}

#[test]
fn batch_norm_behind_convolutions() {
    batch_norm(n("Conv", "x w b -> c"), &[6, 4, 3, 3], true, 6).fires(Rule::BatchNorm, 1);
    batch_norm(with(n("Conv", "x w -> c"), int("group", 2)), &[6, 2, 3, 3], false, 6).fires(Rule::BatchNorm, 1);
    let transposed = with(n("ConvTranspose", "x w b -> c"), int("group", 2));
    batch_norm(transposed, &[4, 3, 2, 2], true, 6).fires(Rule::BatchNorm, 1);
    let mut deformed = batch_norm(n("DeformConv", "x w o -> c"), &[6, 4, 3, 3], false, 6);
    deformed.constants.push(weights("o", &[2, 18, 3, 4]));
    deformed.fires(Rule::BatchNorm, 1);

    let plain = batch_norm(n("Conv", "x w b -> c"), &[6, 4, 3, 3], true, 6);
    // Written as a product and a sum.
    let mut frozen = plain.clone();
    frozen.nodes.truncate(1);
    frozen.nodes.extend([n("Mul", "scale c -> t"), n("Add", "t shift -> u"), n("Div", "u two -> y")]);
    frozen.constants.extend([
        weights("scale", &[1, 6, 1, 1]),
        weights("shift", &[6, 1, 1]),
        tensor("two", &[], &[2.0]),
    ]);
    frozen.fires(Rule::BatchNorm, 3);
    frozen.showing("t").fires(Rule::BatchNorm, 1);
    let mut by_row = frozen.clone();
    by_row.constants.retain(|constant| constant.name != "scale");
    by_row.with_constant(weights("scale", &[3, 1])).stays(Rule::BatchNorm, "");

    // Behind a view of the pixels.
    let mut along = batch_norm(n("Conv", "x w b -> c"), &[6, 4, 3], true, 6);
    along.inputs = vec![("x", vec![2, 4, 9])];
    along.fires(Rule::BatchNorm, 1);
    let viewed = |shape: &[i64], node| {
        let mut net = frozen.clone();
        net.nodes.truncate(1);
        reshape("c -> view", "extents", shape, &mut net);
        net.nodes.push(node);
        net
    };
    let norm = n("BatchNormalization", "view gamma beta mean var -> y");
    viewed(&[2, 6, -1], norm).fires(Rule::BatchNorm, 1);
    viewed(&[-1], n("Mul", "view two -> y")).stays(Rule::BatchNorm, "");

    plain.showing("c").stays(Rule::BatchNorm, "used elsewhere");
    plain.with_reader("c").stays(Rule::BatchNorm, "used elsewhere");
    let mut given = plain.clone();
    given.constants.retain(|constant| constant.name != "w");
    given.inputs.push(("w", vec![6, 4, 3, 3]));
    given.stays(Rule::BatchNorm, "computed");
    // A weight that another convolution has too stays as it is there.
    let mut shared = plain.clone();
    shared.nodes.push(n("Conv", "x w b -> z"));
    shared.outputs.push("z");
    shared.fires(Rule::BatchNorm, 1);
}

/// Weights that their type does not hold, or only a few bits of, are not made.
#[test]
fn batch_norm_beyond_the_range_of_weights() {
    let scaled = |node: &str, by: [f32; 6], shift: f32, most: f32| {
        let mut net = batch_norm(n("Conv", "x w b -> c"), &[6, 4, 3, 3], true, 6);
        net.nodes.truncate(1);
        net.nodes.extend([n(node, "c scale -> t"), n("Add", "t shift -> y")]);
        net.constants.retain(|constant| ["w", "b"].contains(&&*constant.name));
        net.constants.iter_mut().for_each(|constant| constant.float_data.iter_mut().for_each(|x| *x *= most));
        net.constants.extend([tensor("scale", &[6, 1, 1], &by), tensor("shift", &[], &[shift])]);
        net
    };
    let refused = |net: &Net, float: DType| {
        let (_, fusions) = net.run_on(gpu(), float, &[Rule::BatchNorm]);
        fusions.iter().filter(|fusion| fusion.refusal.as_ref().is_some_and(|why| why.contains("beyond"))).count()
    };
    let one_of = |small: f32| [1.0, 1.0, 1.0, small, 1.0, 1.0];
    let cases = [
        (scaled("Mul", one_of(1e-5), 1.0, 0.02), [0, 1]),
        (scaled("Mul", one_of(1e-30), 1.0, 1e-20), [1, 0]),
        (scaled("Mul", one_of(0.0), 1.0, 0.02), [0, 0]),
        (scaled("Mul", one_of(6e4), 1.0, 2.0), [0, 1]),
        (scaled("Mul", one_of(3e38), 1.0, 2.0), [1, 1]),
        (scaled("Mul", one_of(f32::NAN), 1.0, 1.0), [1, 1]),
        (scaled("Div", one_of(0.0), 1.0, 1.0), [1, 1]),
        (scaled("Mul", [1.0; 6], f32::INFINITY, 1.0), [1, 1]),
        // What was below the normal numbers before loses nothing.
        (scaled("Mul", one_of(0.5), 1.0, 1e-39), [0, 0]),
    ];
    for (index, (net, times)) in cases.iter().enumerate() {
        assert_eq!([DType::F32, DType::F16].map(|float| refused(net, float)), *times, "case {index}");
    }
    // The bits of a scale that is kept.
    let faint = &cases[0].0;
    let [apart, fused] = [&[][..], &[Rule::BatchNorm]].map(|rules| faint.run_on(gpu(), DType::F16, rules).0);
    assert_eq!(apart, fused);
}

#[test]
fn branches_of_convolutions() {
    let net = |one: NodeProto, kernel: [i64; 2], other: NodeProto, small: [i64; 2], groups: i64| {
        let constants = vec![
            weights("w", &[6, 4 / groups, kernel[0], kernel[1]]),
            weights("v", &[6, 4 / groups, small[0], small[1]]),
            weights("b", &[6]),
        ];
        Net::new(&[("x", &[2, 4, 5, 6])], vec![one, other, n("Add", "c d -> y")], constants)
    };
    let padded = |node: &str, pads: &[i64]| with(n("Conv", node), listed("pads", pads));
    let block = net(padded("x w b -> c", &[1; 4]), [3, 3], n("Conv", "x v -> d"), [1, 1], 1);
    block.fires(Rule::Branches, 1);
    // In the other order, with padding that differs by side and groups, strides, taps apart, and kernels that share some taps' pixels alone.
    let mut other = block.clone();
    other.nodes[2] = n("Add", "d c -> y");
    other.fires(Rule::Branches, 1);
    let grouped = |node: NodeProto| with(node, int("group", 2));
    net(grouped(padded("x w b -> c", &[2, 1, 1, 0])), [4, 2], grouped(padded("x v b -> d", &[1, 0, 0, 0])), [2, 1], 2)
        .fires(Rule::Branches, 1);
    let strided = |node: NodeProto| with(node, listed("strides", &[2, 1]));
    net(strided(padded("x w -> c", &[1; 4])), [3, 3], strided(n("Conv", "x v -> d")), [1, 1], 1)
        .fires(Rule::Branches, 1);
    let apart = |node: NodeProto| with(node, listed("dilations", &[2, 2]));
    net(apart(padded("x w -> c", &[2; 4])), [3, 3], n("Conv", "x v -> d"), [1, 1], 1).fires(Rule::Branches, 1);
    net(apart(padded("x w -> c", &[2; 4])), [3, 3], padded("x v -> d", &[1; 4]), [3, 3], 1).stays(Rule::Branches, "");
    net(padded("x w -> c", &[1; 4]), [3, 3], padded("x v b -> d", &[1; 4]), [3, 3], 1).fires(Rule::Branches, 1);
    // A batch normalisation of each goes before.
    let mut normed = block.clone();
    let of = |from: &str, to: &str| n("BatchNormalization", &format!("{from} gamma beta mean var -> {to}"));
    normed.nodes.splice(2.., [of("c", "e"), of("d", "f"), n("Add", "e f -> y")]);
    normed.constants.extend(["gamma", "beta", "mean", "var"].map(|name| weights(name, &[6])));
    let fusions = normed.fused_by(&[Rule::BatchNorm, Rule::Branches]);
    assert_eq!(
        fusions.iter().map(|fusion| fusion.rule).collect::<Vec<_>>(),
        [Rule::BatchNorm, Rule::BatchNorm, Rule::Branches]
    );
    // Three of them.
    let mut three = block.clone();
    three.nodes.splice(2.., [n("Conv", "x v b -> e"), n("Add", "c d -> f"), n("Add", "f e -> y")]);
    three.fires(Rule::Branches, 2);

    block.showing("d").stays(Rule::Branches, "used elsewhere");
    block.with_reader("c").stays(Rule::Branches, "used elsewhere");
    // Each of which is a number, and their sum none.
    let full = |name: &str, dims: &[i64], value: f32| {
        let many = dims.iter().product::<i64>() as usize;
        tensor(name, dims, &vec![value; many])
    };
    let mut large = block.clone();
    large.constants = vec![full("w", &[6, 4, 3, 3], 5e4), full("v", &[6, 4, 1, 1], 5e4), full("b", &[6], 0.0)];
    for (float, refused) in [(DType::F32, false), (DType::F16, true)] {
        let (plan, _) = large.planned(gpu(), float, &[Rule::Branches]);
        let why = plan.fusions()[0].refusal.as_deref();
        assert_eq!(why, refused.then_some("a sum of weights or biases is beyond their type"), "{float}");
    }
    large.constants[2] = full("b", &[6], f32::MAX);
    large.nodes[1] = n("Conv", "x v b -> d");
    let (plan, _) = large.planned(gpu(), DType::F32, &[Rule::Branches]);
    assert!(plan.fusions()[0].refusal.is_some());
    for (name, why) in [("w", "weight of one"), ("v", "weight of one"), ("b", "bias of one")] {
        let mut given = block.clone();
        let at = given.constants.iter().position(|constant| constant.name == name).unwrap();
        let constant = given.constants.remove(at);
        given.inputs.push((name, constant.dims.clone()));
        given.stays(Rule::Branches, why);
    }
    let mut of_others = block.clone();
    of_others.inputs.push(("z", vec![2, 4, 5, 6]));
    of_others.but(n("Conv", "z v -> d")).stays(Rule::Branches, "");
    block.but(n("Sub", "c d -> y")).stays(Rule::Branches, "");
    // A weight that another convolution has too stays as it is there.
    let mut shared = block.clone();
    shared.nodes.push(n("Conv", "x w b -> z"));
    shared.outputs.push("z");
    shared.fires(Rule::Branches, 1);
}

fn sliced(names: &str, axis: i64, start: i64, end: i64, net: &mut Net) {
    let (input, output) = names.split_once("->").unwrap();
    let name = |what: &str| format!("{}_{what}", output.trim());
    for (what, list) in [("starts", start), ("ends", end), ("axes", axis)] {
        net.constants.push(super::ints(&name(what), &[list]));
    }
    net.nodes.push(n("Slice", &format!("{input} {} {} {} -> {output}", name("starts"), name("ends"), name("axes"))));
}

/// Swin's partition into shifted windows of 7x7, of an image (1, 12, 12, 8), as exporters have it.
fn windows() -> Net {
    let mut net = Net::new(&[("x", &[1, 12, 12, 8])], vec![], vec![]);
    net.constants.push(super::ints("pads", &[0, 0, 0, 0, 0, 2, 2, 0]));
    net.nodes.push(n("Pad", "x pads -> p"));
    sliced("p -> a", 1, 3, i64::MAX, &mut net);
    sliced("p -> b", 1, 0, 3, &mut net);
    net.nodes.push(with(n("Concat", "a b -> r"), int("axis", 1)));
    sliced("r -> c", 2, 3, i64::MAX, &mut net);
    sliced("r -> d", 2, 0, 3, &mut net);
    net.nodes.push(with(n("Concat", "c d -> s"), int("axis", 2)));
    reshape("s -> w", "parts", &[1, 2, 7, 2, 7, 8], &mut net);
    net.nodes.push(transpose("w -> t", &[0, 1, 3, 2, 4, 5]));
    reshape("t -> y", "rows", &[-1, 49, 8], &mut net);
    net
}

#[test]
fn copies_become_one() {
    let fusions = windows().fused_by(&[Rule::Copies]);
    assert!(fusions.iter().any(|fusion| fusion.refusal.is_none() && fusion.place.contains("Transpose")), "{fusions:?}");
    assert_eq!(steps(&windows(), &[Rule::Copies]), 1);
    assert!(steps(&windows(), &[]) > 4);

    // Back to an image, cropped.
    let mut back = Net::new(&[("x", &[4, 49, 8])], vec![], vec![]);
    reshape("x -> w", "parts", &[1, 2, 2, 7, 7, 8], &mut back);
    back.nodes.push(transpose("w -> t", &[0, 1, 3, 2, 4, 5]));
    reshape("t -> s", "image", &[1, 14, 14, 8], &mut back);
    sliced("s -> a", 1, -3, i64::MAX, &mut back);
    sliced("s -> b", 1, 0, -3, &mut back);
    back.nodes.push(with(n("Concat", "a b -> r"), int("axis", 1)));
    sliced("r -> c", 1, 0, 12, &mut back);
    sliced("c -> y", 2, 0, 12, &mut back);
    back.fused_by(&[Rule::Copies]);
    assert!(steps(&back, &[Rule::Copies]) < steps(&back, &[]));

    // A transpose and back again are a view.
    let twice = vec![transpose("x -> t", &[0, 2, 1]), transpose("t -> u", &[0, 2, 1]), n("Neg", "u -> y")];
    let net = Net::new(&[("x", &[2, 3, 5])], twice, vec![]);
    net.fires(Rule::Copies, 1);
    assert_eq!(steps(&net, &[Rule::Copies]), 1);
    // What is shown is there all the same.
    assert_eq!(steps(&net.showing("t"), &[Rule::Copies]), 2);
    let both = vec![transpose("x -> t", &[0, 2, 1]), transpose("t -> u", &[0, 2, 1]), n("Add", "x u -> y")];
    Net::new(&[("x", &[2, 3, 5])], both, vec![]).fires(Rule::Copies, 1);

    // Rows from the end.
    let mut rows = Net::new(&[("x", &[4, 2, 3])], vec![n("Pad", "x pads -> p")], vec![]);
    rows.constants.extend([super::ints("pads", &[0, 0, 1, 0, 0, 0]), super::ints("last", &[-1, 0, -2])]);
    rows.nodes.extend([with(n("Concat", "p p -> c"), int("axis", 0)), n("Gather", "c last -> y")]);
    rows.fires(Rule::Copies, 1);
}

/// The number of steps of a plan.
fn steps(net: &Net, rules: &[Rule]) -> usize {
    let (plan, _) = net.planned(gpu(), DType::F32, rules);
    let shown = format!("{plan:?}");
    shown[shown.find("steps").unwrap()..].matches("of type").count()
}

/// Multi-scale deformable attention of 2 images, 3 heads of 4 channels, 5 queries, levels 4x6 and 2x3 of 2 points each, as RT-DETR has it.
fn attention() -> Net {
    let mut net =
        Net::new(&[("x", &[2, 30, 12]), ("locations", &[2, 5, 3, 2, 2, 2]), ("scores", &[2, 5, 12])], vec![], vec![]);
    net.constants.extend([tensor("two", &[], &[2.0]), tensor("one", &[], &[1.0]), super::ints("sizes", &[24, 6])]);
    net.nodes.extend([n("Mul", "locations two -> doubled"), n("Sub", "doubled one -> grids")]);
    net.nodes.push(with(n("Split", "x sizes -> v0 v1"), int("axis", 1)));
    for (level, [height, width]) in [[4, 6], [2, 3]].into_iter().enumerate() {
        let name = |what: &str| format!("{what}{level}");
        reshape(&format!("v{level} -> flat{level}"), &name("f"), &[2, height * width, 12], &mut net);
        net.nodes.push(transpose(&format!("flat{level} -> turned{level}"), &[0, 2, 1]));
        reshape(&format!("turned{level} -> image{level}"), &name("i"), &[6, 4, height, width], &mut net);
        net.constants.push(TensorProto { dims: vec![], ..super::ints(&name("number"), &[level as i64]) });
        net.nodes.push(with(n("Gather", &format!("grids number{level} -> g{level}")), int("axis", 3)));
        net.nodes.push(transpose(&format!("g{level} -> h{level}"), &[0, 2, 1, 3, 4]));
        reshape(&format!("h{level} -> grid{level}"), &name("r"), &[6, 5, 2, 2], &mut net);
        let sample = n("GridSample", &format!("image{level} grid{level} -> s{level}"));
        net.nodes.push(with(with(sample, int("align_corners", 0)), word("mode", "bilinear")));
        net.constants.push(super::ints(&name("behind"), &[-2]));
        net.nodes.push(n("Unsqueeze", &format!("s{level} behind{level} -> u{level}")));
    }
    net.nodes.push(with(n("Concat", "u0 u1 -> samples"), int("axis", -2)));
    reshape("samples -> flat", "all", &[6, 4, 5, 4], &mut net);
    reshape("scores -> by_head", "heads", &[2, 5, 3, 4], &mut net);
    net.nodes.extend([with(n("Softmax", "by_head -> soft"), int("axis", -1)), transpose("soft -> st", &[0, 2, 1, 3])]);
    reshape("st -> weights", "slices", &[6, 1, 5, 4], &mut net);
    net.nodes.push(n("Mul", "flat weights -> weighted"));
    net.constants.push(super::ints("last", &[-1]));
    net.nodes.push(with(n("ReduceSum", "weighted last -> sum"), int("keepdims", 0)));
    reshape("sum -> hidden", "back", &[2, 12, 5], &mut net);
    net.nodes.push(transpose("hidden -> y", &[0, 2, 1]));
    net
}

#[test]
fn deformable_attention_of_several_levels() {
    let net = attention();
    net.fires(Rule::DeformAttention, 1);
    // With the copies around it merged: the softmax, and the attention.
    assert_eq!(steps(&net, Rule::ALL), 2);

    net.showing("s0").stays(Rule::DeformAttention, "used elsewhere");
    net.with_reader("samples").stays(Rule::DeformAttention, "used elsewhere");
    let place = net.nodes.iter().position(|node| node.output[0] == "s1").unwrap();
    let bordered = with(net.nodes[place].clone(), word("padding_mode", "border"));
    net.but(bordered).stays(Rule::DeformAttention, "not bilinear with zeros");
    // Levels in another order than their values.
    let mut other = net.clone();
    let joined = other.nodes.iter_mut().find(|node| node.output[0] == "samples").unwrap();
    joined.input = vec!["u1".into(), "u0".into()];
    other.stays(Rule::DeformAttention, "not parts");
    // Sums over queries, which are as many as points.
    let mut across = net.clone();
    across.constants.iter_mut().find(|constant| constant.name == "last").unwrap().int64_data = vec![2];
    across
        .but(n("Reshape", "sum flat_sum -> hidden"))
        .with_constant(super::ints("flat_sum", &[2, 12, -1]))
        .stays(Rule::DeformAttention, "");
}

/// Attention of so many windows of so many positions, 2 heads of 8 elements, with a bias of heads and a mask of windows, as Swin has it.
fn windows_attending([windows, positions]: [i64; 2]) -> Net {
    let mut net = Net::new(&[("x", &[windows, positions, 48])], vec![], vec![]);
    net.constants.extend([
        tensor("root", &[], &[0.5]),
        weights("bias", &[1, 2, positions, positions]),
        weights("mask", &[1, windows, 1, positions, positions]),
    ]);
    reshape("x -> parts", "packed", &[windows, positions, 3, 2, 8], &mut net);
    net.nodes.push(transpose("parts -> apart", &[2, 0, 3, 1, 4]));
    for (number, name) in ["q", "k", "v"].into_iter().enumerate() {
        net.constants.push(TensorProto { dims: vec![], ..super::ints(&format!("{name}_at"), &[number as i64]) });
        net.nodes.push(n("Gather", &format!("apart {name}_at -> {name}")));
    }
    net.nodes.extend([
        n("Mul", "q root -> qs"),
        transpose("k -> kt", &[0, 1, 3, 2]),
        n("Mul", "kt root -> ks"),
        n("MatMul", "qs ks -> products"),
        n("Add", "products bias -> biased"),
    ]);
    reshape("biased -> by_window", "by_windows", &[1, windows, 2, positions, positions], &mut net);
    net.nodes.push(n("Add", "by_window mask -> masked"));
    reshape("masked -> scores", "back", &[windows, 2, positions, positions], &mut net);
    net.nodes.extend([
        with(n("Softmax", "scores -> weights"), int("axis", -1)),
        n("MatMul", "weights v -> attended"),
        transpose("attended -> turned", &[0, 2, 1, 3]),
    ]);
    reshape("turned -> y", "rows", &[windows, positions, 16], &mut net);
    net
}

#[test]
fn attention_with_a_mask_of_infinities() {
    let net = windows_attending([4, 6]);
    let masked = |name: &str, dims: &[i64], closed: fn(usize) -> bool| {
        let mask: Vec<_> = (0..144).map(|at| if closed(at) { f32::NEG_INFINITY } else { 0.0 }).collect();
        tensor(name, dims, &mask[..dims.iter().product::<i64>() as usize])
    };
    let with = |mask: TensorProto| {
        let mut net = net.clone();
        net.constants.retain(|constant| constant.name != mask.name);
        net.constants.push(mask);
        net
    };
    let of_windows: &[i64] = &[1, 4, 1, 6, 6];
    let some = with(masked("mask", of_windows, |at| at % 5 == 1));
    some.fires(Rule::Attention, 1);
    with(masked("mask", of_windows, |at| at / 6 == 8)).stays(Rule::Attention, "masks all keys");
    with(masked("mask", &[1, 4, 1, 6, 1], |at| at == 3)).stays(Rule::Attention, "masks all keys");
    let both = masked("bias", &[1, 2, 6, 6], |at| at % 5 == 2);
    let mut several = some.clone();
    several.constants.retain(|constant| constant.name != "bias");
    several.constants.push(both);
    several.stays(Rule::Attention, "several masks");
    for infinite in [f32::INFINITY, f32::NAN] {
        let mut mask = [0.0; 144];
        mask[7] = infinite;
        with(tensor("mask", of_windows, &mask)).stays(Rule::Attention, "NaN or infinite");
    }
}

#[test]
fn attention_with_a_scale_that_vanishes() {
    let mut net = windows_attending([4, 6]);
    net.constants[0] = tensor("root", &[], &[1e-21]);
    net.stays(Rule::Attention, "beyond the range");
    net.constants[0] = tensor("root", &[], &[0.0]);
    net.fires(Rule::Attention, 1);
}

#[test]
fn attention_with_a_mask_of_differences() {
    // As many as would not be held on the host, were they a sum.
    let [windows, positions] = [128, 49];
    let mut net = windows_attending([windows, positions]);
    net.constants.retain(|constant| constant.name != "mask");
    let regions: Vec<_> = (0..windows * positions).map(|at| (at % 97 / 40) as f32).collect();
    net.constants.extend([
        tensor("along", &[1, windows, 1, 1, positions], &regions),
        tensor("down", &[1, windows, 1, positions, 1], &regions),
        tensor("zero", &[], &[0.0]),
        tensor("closed", &[], &[f32::NEG_INFINITY]),
    ]);
    let mask = [
        n("Sub", "along down -> apart_by"),
        n("Equal", "apart_by zero -> together"),
        n("Where", "together zero closed -> mask"),
    ];
    net.nodes.splice(..0, mask);
    net.fires(Rule::Attention, 1);
    assert_eq!(steps(&net, Rule::ALL), 1);
}

#[test]
fn attention_by_two_products() {
    let net = windows_attending([4, 6]);
    net.fires(Rule::Attention, 1);
    assert_eq!(steps(&net, Rule::ALL), 1);
    // Keys that are turned once, with their heads; no bias, no scale.
    let mut last = Net::new(&[("q", &[2, 5, 3, 8]), ("k", &[2, 7, 3, 8]), ("v", &[2, 7, 3, 4])], vec![], vec![]);
    last.nodes.extend([
        transpose("q -> qt", &[0, 2, 1, 3]),
        transpose("k -> kt", &[0, 2, 3, 1]),
        transpose("v -> vt", &[0, 2, 1, 3]),
        n("MatMul", "qt kt -> scores"),
        with(n("Softmax", "scores -> weights"), int("axis", -1)),
        n("MatMul", "weights vt -> y"),
    ]);
    last.fires(Rule::Attention, 1);
    let mut first = Net::new(&[("q", &[2, 3, 5, 8]), ("k", &[2, 3, 7, 8]), ("v", &[2, 3, 7, 8])], vec![], vec![]);
    first.nodes = last.nodes.clone();
    first.nodes.drain(..3);
    first.nodes.insert(0, transpose("k -> kt", &[0, 1, 3, 2]));
    let first = first.but(n("MatMul", "q kt -> scores")).but(n("MatMul", "weights v -> y"));
    first.fires(Rule::Attention, 1);

    // Scores that are a product with a weight and have its bias.
    let of_weight = vec![with(n("Gemm", "x w b -> product"), int("transB", 1))];
    let known = vec![weights("w", &[7, 8]), weights("b", &[7])];
    let mut book = Net::new(&[("x", &[5, 8]), ("v", &[1, 7, 4])], of_weight, known);
    reshape("product -> scores", "shape", &[1, 5, 7], &mut book);
    book.nodes.extend([with(n("Softmax", "scores -> weights"), int("axis", -1)), n("MatMul", "weights v -> y")]);
    book.fires(Rule::Attention, 1);
    book.fused_by(Rule::ALL);
    // The same scores in other rows.
    let mut moved = Net::new(
        &[("q", &[1, 6, 8]), ("k", &[1, 8, 4]), ("v", &[1, 6, 8])],
        vec![n("MatMul", "q k -> product")],
        vec![],
    );
    reshape("product -> scores", "shape", &[1, 4, 6], &mut moved);
    moved.nodes.extend([with(n("Softmax", "scores -> weights"), int("axis", -1)), n("MatMul", "weights v -> y")]);
    moved.stays(Rule::Attention, "");

    net.showing("weights").stays(Rule::Attention, "used elsewhere");
    net.with_reader("products").stays(Rule::Attention, "used elsewhere");
    net.but(with(n("Softmax", "scores -> weights"), int("axis", 2))).stays(Rule::Attention, "");
    net.but(n("MatMul", "weights weights -> attended")).with_rows(&[4, 6, 12]).stays(Rule::Attention, "used elsewhere");
    let mut given = net.clone();
    given.constants.retain(|constant| constant.name != "mask");
    given.inputs.push(("mask", vec![1, 4, 1, 6, 6]));
    given.stays(Rule::Attention, "computed");
    let mut scaled = net.clone();
    scaled.nodes.insert(scaled.nodes.len() - 4, n("Mul", "scores root -> later"));
    let softmax = with(n("Softmax", "later -> weights"), int("axis", -1));
    scaled.but(softmax).stays(Rule::Attention, "");
}

impl Net {
    /// This net with another shape in the end.
    fn with_rows(mut self, shape: &[i64]) -> Self {
        self.constants.iter_mut().find(|constant| constant.name == "rows").unwrap().int64_data = shape.to_vec();
        self
    }
}

/// The models that come with the tests: what rules make of them, alone and together, agrees with what they are.
#[test]
fn rules_change_rounding_alone() {
    let epsilon = float("epsilon", 1e-3);
    let net = Net::new(
        &[("x", &[2, 3, 8])],
        vec![
            with(n("LayerNormalization", "x scale shift -> l"), epsilon),
            n("Sigmoid", "l -> s"),
            n("Mul", "l s -> y"),
        ],
        vec![weights("scale", &[8]), weights("shift", &[8])],
    );
    net.fires(Rule::Activation, 1);
    for rule in Rule::ALL {
        for net in [layer_norm(), gelu(), group_norm(), windows(), attention(), windows_attending([4, 6])] {
            net.fused_by(&[*rule]);
        }
    }
    for net in [layer_norm(), gelu(), group_norm(), windows(), attention(), windows_attending([4, 6])] {
        net.fused_by(Rule::ALL);
    }
}
