//! Activations that exporters write as several nodes.

use super::*;

/// A GELU as torch's older exporter has it.
pub(super) fn gelu() -> Net {
    let nodes = vec![
        n("Div", "x root -> a"),
        n("Erf", "a -> b"),
        n("Add", "b one -> c"),
        n("Mul", "x c -> d"),
        n("Mul", "d half -> y"),
    ];
    let constants =
        vec![tensor("root", &[], &[std::f32::consts::SQRT_2]), tensor("one", &[], &[1.0]), tensor("half", &[], &[0.5])];
    Net::new(&[("x", &[4, 5])], nodes, constants)
}

#[test]
fn activations_of_exporters() {
    gelu().fires(Rule::Activation, 1);
    gelu().but(n("Mul", "half c -> d")).but(n("Mul", "x d -> y")).fires(Rule::Activation, 1);
    let silu = Net::new(&[("x", &[4, 5])], vec![n("Sigmoid", "x -> s"), n("Mul", "x s -> y")], vec![]);
    silu.fires(Rule::Activation, 1);
    silu.but(n("Mul", "s x -> y")).fires(Rule::Activation, 1);

    gelu().showing("b").stays(Rule::Activation, "used elsewhere");
    gelu().with_reader("c").stays(Rule::Activation, "used elsewhere");
    gelu().with_reader("d").stays(Rule::Activation, "");
    gelu().but(n("Mul", "d one -> y")).stays(Rule::Activation, "");
    gelu().but(n("Div", "x half -> a")).stays(Rule::Activation, "");
    silu.with_reader("s").stays(Rule::Activation, "used elsewhere");
    silu.but(n("Sigmoid", "y0 -> s")).with_first(n("Neg", "x -> y0")).stays(Rule::Activation, "");
}

/// A function of x whose numbers are tensors of that name.
fn function(nodes: &[&str], numbers: &[f32]) -> Net {
    let split = |node: &&str| n(node.split_once(' ').unwrap().0, node.split_once(' ').unwrap().1);
    let names = ["c0", "c1", "c2", "c3", "c4"];
    let constants = numbers.iter().zip(names).map(|(number, name)| tensor(name, &[], &[*number])).collect();
    Net::new(&[("x", &[4, 5])], nodes.iter().map(split).collect(), constants)
}

#[test]
fn gelus_by_the_hyperbolic_tangent() {
    let root = (2.0 / std::f32::consts::PI).sqrt();
    let end = ["Tanh g -> t", "Add t c3 -> u"];
    let written = |cubed: &[&str], ends: &[&str], numbers: [f32; 5]| {
        let sum = ["Mul c1 p -> q", "Add x q -> s", "Mul c0 s -> g"];
        function(&[cubed, &sum, &end, ends].concat(), &numbers)
    };
    let numbers = [root, 0.044715, 3.0, 1.0, 0.5];
    let [by_power, by_products]: [&[&str]; 2] = [&["Pow x c2 -> p"], &["Mul x x -> o", "Mul x o -> p"]];
    let [before, behind]: [&[&str]; 2] = [&["Mul c4 x -> h", "Mul h u -> y"], &["Mul x u -> v", "Mul v c4 -> y"]];
    for cubed in [by_power, by_products] {
        for ends in [before, behind] {
            written(cubed, ends, numbers).fires(Rule::Activation, 1);
        }
    }
    // As transformers has it for speed.
    let fast = ["Mul x c0 -> a", "Mul x c1 -> b", "Mul b x -> c", "Add c c3 -> d", "Mul a d -> g"];
    function(&[&fast, &end[..], before].concat(), &numbers).fires(Rule::Activation, 1);
    // With a quotient.
    let halves: &[&str] = &["Mul u x -> v", "Div v c4 -> y"];
    written(by_power, halves, [root, 0.044715, 3.0, 1.0, 2.0]).fires(Rule::Activation, 1);

    for other in [
        [root, 0.044715, 3.0, 1.0, 0.25],
        [root, 0.045, 3.0, 1.0, 0.5],
        [0.8, 0.044715, 3.0, 1.0, 0.5],
        [root, 0.044715, 2.0, 1.0, 0.5],
        [root, 0.044715, 4.0, 1.0, 0.5],
        [root, 0.044715, 3.0, 1.5, 0.5],
    ] {
        written(by_power, behind, other).stays(Rule::Activation, "");
    }
    for part in ["p", "q", "s", "g", "t", "u"] {
        written(by_power, behind, numbers).with_reader(part).stays(Rule::Activation, "used elsewhere");
    }
    // Sums of themselves, each of which is read twice, are looked at for so long only.
    let mut deep = written(by_power, behind, numbers);
    let doubled = (0..40).map(|at| n("Add", &format!("d{at} d{at} -> d{}", at + 1))).collect::<Vec<_>>();
    deep = deep.but(n("Tanh", "d40 -> t"));
    let place = deep.nodes.iter().position(|node| node.op_type == "Tanh").unwrap();
    deep.nodes.splice(place..place, [vec![n("Neg", "g -> d0")], doubled].concat());
    deep.stays(Rule::Activation, "");
}

#[test]
fn hard_swishes_and_mishes() {
    let by_bounds = |ends: &[&str]| {
        let start = ["Add x c0 -> a", "Clip a c1 c2 -> b"];
        function(&[&start, ends].concat(), &[3.0, 0.0, 6.0, 6.0, 1.0 / 6.0])
    };
    by_bounds(&["Mul x b -> c", "Div c c3 -> y"]).fires(Rule::Activation, 1);
    by_bounds(&["Div b c3 -> c", "Mul c x -> y"]).fires(Rule::Activation, 1);
    by_bounds(&["Mul b c4 -> c", "Mul x c -> y"]).fires(Rule::Activation, 1);
    by_bounds(&["Mul x b -> y"]).stays(Rule::Activation, "");
    by_bounds(&["Mul x b -> c", "Div c c0 -> y"]).stays(Rule::Activation, "");
    by_bounds(&["Mul x b -> c", "Div c3 c -> y"]).stays(Rule::Activation, "");
    by_bounds(&["Mul x b -> c", "Div c c3 -> y"]).with_reader("a").stays(Rule::Activation, "used elsewhere");
    let mut shares = function(&["HardSigmoid x -> b", "Mul b x -> y"], &[]);
    shares.stays(Rule::Activation, "");
    shares.nodes[0] = with(shares.nodes[0].clone(), float("alpha", 1.0 / 6.0));
    shares.fires(Rule::Activation, 1);

    let mish = function(&["Softplus x -> a", "Tanh a -> b", "Mul x b -> y"], &[2.0]);
    mish.fires(Rule::Activation, 1);
    mish.with_reader("a").stays(Rule::Activation, "used elsewhere");
    mish.but(n("Sigmoid", "a -> b")).stays(Rule::Activation, "");
    mish.but(n("Softplus", "z -> a")).with_first(n("Mul", "x c0 -> z")).stays(Rule::Activation, "");
}

/// Numbers of a file of 16 bits are rounded to these.
#[test]
fn activations_with_numbers_of_16_bits() {
    let mut net = gelu();
    let fused = |net: &Net, float: DType| {
        let (_, fusions) = net.run_on(gpu(), float, &[Rule::Activation]);
        fusions.iter().filter(|fusion| fusion.refusal.is_none()).count()
    };
    net.constants[0] = tensor("root", &[], &[half::f16::from_f32(std::f32::consts::SQRT_2).to_f32()]);
    assert_eq!([DType::F32, DType::F16].map(|float| fused(&net, float)), [0, 1]);
}
