//! Convolutions of one tap before their images are enlarged.

use fastrand::Rng;

use super::super::{ints, node};
use super::*;

/// A resizing of "from" to 8x12 pixels, as exporters write them.
fn resize(index: usize, from: &str, to: &str, channels: i64, net: &mut Net) {
    let sizes = format!("sizes_{to}");
    net.constants.push(ints(&sizes, &[1, channels, 8, 12]));
    let node =
        with(node("Resize", &[from, "", "", &sizes], &[to]), word("mode", ["linear", "cubic", "nearest"][index % 3]));
    let coordinates = ["pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel"][index % 4];
    net.nodes.push(with(node, word("coordinate_transformation_mode", coordinates)));
}

/// A convolution of one tap to 5 channels, with a bias, of images of some channels and extents that are enlarged to 8x12 pixels if they are smaller.
fn side_by_side(parts: &[(i64, [i64; 2])]) -> Net {
    const NAMES: [[&str; 2]; 4] = [["x0", "r0"], ["x1", "r1"], ["x2", "r2"], ["x3", "r3"]];
    let mut net = Net { outputs: vec!["y"], ..Net::default() };
    let mut joined = Vec::new();
    for (index, (&(channels, [height, width]), [name, resized])) in parts.iter().zip(NAMES).enumerate() {
        net.inputs.push((name, vec![1, channels, height, width]));
        if [height, width] == [8, 12] {
            joined.push(name);
        } else {
            resize(index, name, resized, channels, &mut net);
            joined.push(resized);
        }
    }
    net.nodes.push(with(n("Concat", &format!("{} -> c", joined.join(" "))), int("axis", 1)));
    net.constants.push(weights("w", &[5, parts.iter().map(|(channels, _)| channels).sum(), 1, 1]));
    net.constants.push(weights("b", &[5]));
    net.nodes.push(n("Conv", "c w b -> y"));
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
    let mut alone = side_by_side(&[(6, [4, 6])]).but(n("Conv", "r0 w b -> y"));
    alone.nodes.retain(|node| node.op_type != "Concat");
    alone.fires(Rule::Resize, 1);
    assert_eq!(steps(&alone, &[Rule::Resize]), 2);
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
    for _ in 0..60 {
        let extents = [[4, 6], [8, 12], [1, 1], [3, 2], [8, 12], [1, 12]];
        let part = |_| (rng.i64(1..9), extents[rng.usize(..extents.len())]);
        let parts: Vec<_> = (0..4).map(part).collect();
        side_by_side(&parts).fused_by(&[Rule::Resize]);
        side_by_side(&parts).fused_by(Rule::ALL);
    }
}
