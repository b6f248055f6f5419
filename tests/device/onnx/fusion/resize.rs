//! Convolutions of one tap before their images are enlarged.

use fastrand::Rng;

use super::super::{ints, node};
use super::*;

/// A resizing to 8x12 pixels, as exporters write them.
fn resize(index: usize, names: &str, net: &mut Net) {
    let (from, to) = names.split_once(" -> ").unwrap();
    let node = node("Resize", &[from, "", "", "sizes"], &[to]);
    let node = with(with(node, word("mode", ["linear", "cubic", "nearest"][index % 3])), listed("axes", &[-2, 3]));
    let coordinates = ["pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel"][index % 4];
    net.nodes.push(with(node, word("coordinate_transformation_mode", coordinates)));
}

/// A convolution of one tap to 5 channels, with a bias, of images of some channels and extents that are resized to 8x12 pixels.
fn side_by_side(parts: &[(i64, [i64; 2])]) -> Net {
    const NAMES: [[&str; 2]; 4] = [["x0", "r0"], ["x1", "r1"], ["x2", "r2"], ["x3", "r3"]];
    let mut net = Net { outputs: vec!["y"], constants: vec![ints("sizes", &[8, 12])], ..Net::default() };
    let mut joined = Vec::new();
    for (index, (&(channels, [height, width]), [name, resized])) in parts.iter().zip(NAMES).enumerate() {
        net.inputs.push((name, vec![2, channels, height, width]));
        if [height, width] == [8, 12] {
            joined.push(name);
        } else {
            resize(index + channels as usize, &format!("{name} -> {resized}"), &mut net);
            joined.push(resized);
        }
    }
    net.nodes.push(with(n("Concat", &format!("{} -> c", joined.join(" "))), int("axis", 1)));
    net.constants.push(weights("w", &[5, parts.iter().map(|(channels, _)| channels).sum(), 1, 1]));
    net.constants.push(weights("b", &[5]));
    net.nodes.push(n("Conv", "c w b -> y"));
    net
}

/// A convolution of 6 channels of 4x6 pixels behind an enlargement alone.
fn alone() -> Net {
    let mut net = side_by_side(&[(6, [4, 6])]).but(n("Conv", "r0 w b -> y"));
    net.nodes.retain(|node| node.op_type != "Concat");
    net
}

#[test]
fn convolutions_go_before_enlargements() {
    let net = side_by_side(&[(6, [4, 6]), (3, [8, 12]), (7, [2, 3])]);
    net.fires(Rule::Resize, 1);
    // Three convolutions, two resizings, two sums.
    assert_eq!(steps(&net, &[Rule::Resize]), 7);
    // Behind nothing but enlargements, of which one takes the bias; and behind one, without a concatenation.
    side_by_side(&[(6, [4, 6]), (5, [1, 1])]).fires(Rule::Resize, 1);
    alone().fires(Rule::Resize, 1);
    assert_eq!(steps(&alone(), &[Rule::Resize]), 2);
    // One pixel is not enlarged, but repeated by the sum; what is left of the concatenation stays one.
    let pooled = side_by_side(&[(3, [8, 12]), (6, [1, 1]), (4, [8, 12])]);
    pooled.fires(Rule::Resize, 1);
    assert_eq!(steps(&pooled, &[Rule::Resize]), 4);
    // With batch normalisation and a ReLU, which the sum ends with.
    let mut block = side_by_side(&[(6, [4, 6]), (3, [8, 12])]);
    block.nodes.retain(|node| node.op_type != "Conv");
    block.nodes.extend([n("Conv", "c w b -> v"), n("Mul", "v scale -> m"), n("Relu", "m -> y")]);
    block.constants.push(weights("scale", &[5, 1, 1]));
    block.fused_by(Rule::ALL);
    assert_eq!(steps(&block, Rule::ALL), 4);
    // Functions that neither sums nor enlargements end with are steps of their own.
    for (function, net) in [("Relu", alone()), ("Sigmoid", net)] {
        let product = net.nodes.last().unwrap().input.join(" ");
        let mut net = net.but(n(function, "v -> y"));
        net.nodes.insert(net.nodes.len() - 1, n("Conv", &format!("{product} -> v")));
        let fired =
            net.fused_by(Rule::ALL).iter().any(|fusion| fusion.rule == Rule::Resize && fusion.refusal.is_none());
        assert!(fired, "{function}");
    }
}

/// Sums of some of the channels would be rounded, or infinite, where the sum of all is not.
#[test]
fn sums_of_16_bits_stay_one() {
    let gpu = gpu();
    let refusals = |net: &Net| -> Vec<_> {
        let (outputs, fusions) = net.run_on(gpu, DType::F16, &[Rule::Resize]);
        let plain = net.run_on(gpu, DType::F16, &[]).0;
        for (a, b) in plain.iter().flatten().zip(outputs.iter().flatten()) {
            assert!((a - b).abs() <= 2e-2 * a.abs().max(1.0), "{a} became {b}");
        }
        fusions.into_iter().map(|fusion| fusion.refusal).collect()
    };
    assert!(refusals(&side_by_side(&[(6, [4, 6]), (3, [8, 12])]))[0].as_ref().unwrap().contains("16 bits"));
    assert_eq!(refusals(&alone()), [None]);
}

#[test]
fn convolutions_stay_behind_what_costs_less() {
    let parts = [(6, [4, 6]), (3, [8, 12])];
    let net = side_by_side(&parts);
    net.with_reader("r0").stays(Rule::Resize, "used elsewhere");
    net.showing("c").stays(Rule::Resize, "used elsewhere");
    // Fewer channels than come out, and fewer than twice the pixels.
    side_by_side(&[(4, [4, 6]), (6, [8, 12])]).stays(Rule::Resize, "");
    side_by_side(&[(6, [5, 12]), (6, [8, 12])]).stays(Rule::Resize, "");
    side_by_side(&[(6, [16, 24]), (6, [8, 12])]).stays(Rule::Resize, "");
    // A factor that leaves the channels' extent, but not what lies along them.
    let mut factors = alone();
    factors.constants.push(tensor("factors", &[4], &[1.0, 1.1, 2.0, 2.0]));
    factors.nodes[0] = with(node("Resize", &["x0", "", "factors"], &["r0"]), word("mode", "linear"));
    factors.stays(Rule::Resize, "");
    factors.constants.last_mut().unwrap().clone_from(&tensor("factors", &[4], &[1.0, 1.0, 2.0, 2.0]));
    factors.fires(Rule::Resize, 1);
    // More taps than one, or borders.
    let mut taps = net.clone();
    taps.constants.iter_mut().find(|constant| constant.name == "w").unwrap().clone_from(&weights("w", &[5, 9, 3, 3]));
    taps.stays(Rule::Resize, "");
    net.but(with(n("Conv", "c w b -> y"), listed("pads", &[1; 4]))).stays(Rule::Resize, "");
    net.but(with(n("Conv", "c w b -> y"), listed("strides", &[2, 2]))).stays(Rule::Resize, "");
    let mut computed = net.clone();
    computed.constants.retain(|constant| constant.name != "w");
    computed.inputs.push(("w", vec![5, 9, 1, 1]));
    computed.stays(Rule::Resize, "computed");
}

#[test]
fn drawn_enlargements_agree() {
    let mut rng = Rng::with_seed(5);
    let mut fired = 0;
    for _ in 0..60 {
        let extents = [[4, 6], [8, 12], [1, 1], [3, 2], [8, 12], [1, 12], [16, 4]];
        let part = |_| (rng.i64(1..9), extents[rng.usize(..extents.len())]);
        let parts: Vec<_> = (0..4).map(part).collect();
        let fusions = side_by_side(&parts).fused_by(&[Rule::Resize]);
        fired += fusions.iter().filter(|fusion| fusion.refusal.is_none()).count();
        side_by_side(&parts).fused_by(Rule::ALL);
    }
    assert!(fired > 30, "{fired}");
}
