//! Parts of concatenations in their place.

use fastrand::Rng;

use super::super::ints;
use super::*;

fn concat(names: &str, axis: i64) -> NodeProto {
    with(n("Concat", names), int("axis", axis))
}

/// Two branches of one input, side by side.
fn branches(nodes: Vec<NodeProto>) -> Net {
    let ends = [concat("a b -> c", 1), n("Neg", "c -> y")];
    Net::new(&[("x", &[1, 4, 8, 8])], nodes.into_iter().chain(ends).collect(), vec![weights("w", &[6, 4, 3, 3])])
}

#[test]
fn parts_of_concatenations_are_written_in_their_place() {
    let conv = || with(n("Conv", "x w -> a"), listed("pads", &[1; 4]));
    let net = branches(vec![conv(), n("Abs", "x -> b")]);
    net.fires(Rule::Concat, 1);
    assert_eq!(steps(&net, &[Rule::Concat]), 3);
    // What is known before, what the model gives out and what others are a part of is copied.
    let with_input = branches(vec![conv()]).but(concat("a x -> c", 1));
    with_input.fires(Rule::Concat, 1);
    assert_eq!(steps(&with_input, &[Rule::Concat]), 3);
    net.showing("a").fires(Rule::Concat, 1);
    assert_eq!(steps(&net.showing("a"), &[Rule::Concat]), 4);
    // A part that others read too, and that is read to make another.
    net.with_reader("a").fires(Rule::Concat, 1);
    let dense = branches(vec![conv(), n("Abs", "a -> b")]);
    dense.fires(Rule::Concat, 1);
    assert_eq!(steps(&dense, &[Rule::Concat]), 4);
    // The concatenation is an output, and a part of another.
    let nested = Net::new(
        &[("x", &[1, 4, 8, 8])],
        vec![
            n("Neg", "x -> a"),
            n("Abs", "x -> b"),
            concat("a b -> c", 1),
            n("Exp", "x -> d"),
            concat("d c x -> y", 1),
        ],
        vec![],
    );
    nested.fires(Rule::Concat, 2);
    assert_eq!(steps(&nested, &[Rule::Concat]), 4);
}

#[test]
fn parts_that_cannot_be_written_in_their_place_are_copied() {
    let two = || vec![n("Neg", "x -> a"), n("Abs", "x -> b")];
    branches(vec![]).but(concat("x x -> c", 1)).stays(Rule::Concat, "no step makes its parts");
    branches(two()).but(concat("a a -> c", 1)).stays(Rule::Concat, "joined more than once");
    branches(two()).showing("a").showing("b").stays(Rule::Concat, "outputs of the model");
    // Along an inner axis, or of more than one image.
    branches(two()).but(concat("a b -> c", 3)).stays(Rule::Concat, "");
    let mut images = branches(two());
    images.inputs[0].1[0] = 2;
    images.stays(Rule::Concat, "");
    // Parts that begin within a binding's alignment: the first is in its place.
    let mut few = branches(two());
    few.inputs[0].1 = vec![1, 1, 3, 3];
    few.fires(Rule::Concat, 1);
    assert_eq!(steps(&few, &[Rule::Concat]), 4);
}

/// A skip connection would hold the memory of the whole concatenation for all that lies between.
#[test]
fn parts_in_their_place_take_no_more_memory() {
    let padded = |names| with(n("Conv", names), listed("pads", &[1; 4]));
    let nodes = vec![
        n("Neg", "x -> a"),
        padded("a w -> wide"),
        n("Abs", "wide -> wider"),
        padded("wider v -> b"),
        concat("a b -> c", 1),
        n("Neg", "c -> y"),
    ];
    let constants = vec![weights("w", &[16, 4, 3, 3]), weights("v", &[4, 16, 3, 3])];
    let net = Net::new(&[("x", &[1, 4, 8, 8])], nodes, constants);
    net.fires(Rule::Concat, 1);
    assert_eq!(steps(&net, &[Rule::Concat]), 6);
}

/// Drawn networks of copies, some of them concatenations of parts of others: the same bits, in no more memory.
#[test]
fn drawn_concatenations_are_those_of_copies() {
    let mut rng = Rng::with_seed(3);
    let (mut fired, mut refused) = (0, 0);
    for dtype in [DType::F32, DType::F16] {
        for _ in 0..150 {
            let net = drawn(&mut rng);
            let [(copied, _), (in_place, fusions)] =
                [&[][..], &[Rule::Concat]].map(|rules| net.run_on(gpu(), dtype, rules));
            let bits = |outputs: Vec<Vec<f32>>| outputs.into_iter().flatten().map(f32::to_bits).collect::<Vec<_>>();
            assert_eq!(bits(copied), bits(in_place), "{net:?}");
            let [without, with] = [&[][..], &[Rule::Concat]].map(|rules| net.planned(gpu(), dtype, rules).0.memory());
            assert!(with <= without, "{with} bytes, {without} before: {net:?}");
            let placed = fusions.iter().filter(|fusion| fusion.refusal.is_none()).count();
            (fired, refused) = (fired + placed, refused + fusions.len() - placed);
        }
    }
    assert!(fired > 40 && refused > 40, "{fired} fired, {refused} refused");
}

/// A network of images of one to three axes behind the channels, whose planes have an odd number of elements or fill bindings' alignment.
fn drawn(rng: &mut Rng) -> Net {
    const PLANES: [&[i64]; 5] = [&[8, 8], &[16, 16], &[128], &[3, 3], &[4, 4, 8]];
    let plane = PLANES[rng.usize(..PLANES.len())];
    let mut shapes = vec![(String::from("x"), 4)];
    let (mut nodes, mut constants) = (Vec::new(), Vec::new());
    for index in 0..rng.usize(2..12) {
        let name = format!("v{index}");
        let any = |rng: &mut Rng| shapes[rng.usize(..shapes.len())].clone();
        let (of, channels) = any(rng);
        let channels = match rng.u32(..5) {
            0 | 1 => {
                let parts: Vec<_> = (0..rng.usize(1..5)).map(|_| any(rng)).collect();
                let names: Vec<_> = parts.iter().map(|(name, _)| name.as_str()).collect();
                nodes.push(concat(&format!("{} -> {name}", names.join(" ")), 1));
                parts.iter().map(|(_, channels)| channels).sum()
            }
            2 if channels > 1 => {
                let (rest, sizes) = (format!("rest{index}"), format!("sizes{index}"));
                let first = (channels + 1) / 2;
                constants.push(ints(&sizes, &[first, channels - first]));
                nodes.push(with(n("Split", &format!("{of} {sizes} -> {name} {rest}")), int("axis", 1)));
                shapes.push((rest, channels - first));
                first
            }
            _ => {
                nodes.push(n(["Neg", "Abs"][rng.usize(..2)], &format!("{of} -> {name}")));
                channels
            }
        };
        shapes.push((name, channels));
    }
    let input = [&[[1, 1, 1, 2][rng.usize(..4)], 4], plane].concat();
    let mut net = Net::new(&[("x", &input)], nodes, constants);
    net.outputs = (0..rng.usize(1..4)).map(|_| shapes[rng.usize(1..shapes.len())].0.clone().leak() as &str).collect();
    net.outputs.sort_unstable();
    net.outputs.dedup();
    net
}
