//! Convolutions of one tap behind others.

use super::*;

/// A convolution of 3x3 taps of 4 channels to 6, and one of one tap behind it to 2.
fn net() -> Net {
    Net::new(
        &[("x", &[2, 4, 7, 9])],
        vec![with(n("Conv", "x w b -> c"), listed("pads", &[1, 0, 1, 2])), n("Conv", "c v d -> y")],
        vec![weights("w", &[6, 4, 3, 3]), weights("b", &[6]), weights("v", &[2, 6, 1, 1]), weights("d", &[2])],
    )
}

#[test]
fn convolutions_of_one_tap_go_into_those_before() {
    let one = |net: Net| {
        net.fires(Rule::Pointwise, 1);
        assert_eq!(steps(&net, &[Rule::Pointwise]), 1);
    };
    one(net());
    one(net().but(n("Conv", "x w -> c")));
    one(net().but(n("Conv", "c v -> y")));
    one(net().but(with(n("Conv", "x w -> c"), listed("strides", &[2, 3]))).but(n("Conv", "c v -> y")));
    let mut deformed = net().but(n("DeformConv", "x w offset b -> c"));
    deformed.constants.push(weights("offset", &[2, 18, 5, 7]));
    let mut masked = deformed.but(n("DeformConv", "x w offset b mask -> c"));
    one(deformed);
    masked.constants.push(weights("mask", &[2, 9, 5, 7]));
    one(masked);
    // With what the other rules put into either.
    let mut block = net();
    block.nodes.truncate(1);
    block.nodes.extend([n("Mul", "c scale -> m"), n("Conv", "m v d -> p"), n("Relu", "p -> y")]);
    block.constants.push(weights("scale", &[6, 1, 1]));
    block.fused_by(Rule::ALL);
    assert_eq!(steps(&block, Rule::ALL), 1);
    // One behind the other.
    let mut three = net().but(n("Conv", "e t -> y"));
    three.nodes.insert(1, n("Conv", "c v d -> e"));
    three.constants.push(weights("t", &[1, 2, 1, 1]));
    three.fires(Rule::Pointwise, 2);
}

#[test]
fn convolutions_of_more_multiplications_stay() {
    // To more channels than there are between; of groups; with a function between.
    let mut wide = net();
    wide.constants.iter_mut().find(|constant| constant.name == "v").unwrap().clone_from(&weights("v", &[8, 6, 1, 1]));
    wide.but(n("Conv", "c v -> y")).stays(Rule::Pointwise, "");
    let mut groups = net().but(with(n("Conv", "x w b -> c"), int("group", 2)));
    groups.constants[0] = weights("w", &[6, 2, 3, 3]);
    groups.stays(Rule::Pointwise, "");
    let mut between = net().but(n("Conv", "r v d -> y"));
    between.nodes.insert(1, n("Relu", "c -> r"));
    between.stays(Rule::Pointwise, "");
    net().but(with(n("Conv", "c v d -> y"), listed("pads", &[1; 4]))).stays(Rule::Pointwise, "");
    net().showing("c").stays(Rule::Pointwise, "used elsewhere");
    net().with_reader("c").stays(Rule::Pointwise, "used elsewhere");
    for name in ["w", "b", "v", "d"] {
        let mut computed = net();
        let place = computed.constants.iter().position(|constant| constant.name == name).unwrap();
        computed.inputs.push((name, computed.constants.remove(place).dims));
        computed.stays(Rule::Pointwise, "computed");
    }
    let mut large = net();
    large.constants[0].float_data.fill(1e30);
    large.constants[2].float_data.fill(1e30);
    let (plan, _) = large.planned(gpu(), DType::F32, &[Rule::Pointwise]);
    assert!(plan.fusions()[0].refusal.as_ref().is_some_and(|why| why.contains("beyond")));
    // Weights whose products f16 does not have.
    let mut faint = net();
    faint.constants[0].float_data.fill(1e-4);
    faint.constants[2].float_data.fill(1e-4);
    let refusal = |net: &Net| net.run_on(gpu(), DType::F16, &[Rule::Pointwise]).1[0].refusal.clone();
    assert!(refusal(&faint).is_some_and(|why| why.contains("beyond")));
    assert_eq!(refusal(&net()), None);
    // A view between.
    let mut viewed = net().but(n("Conv", "s v d -> y"));
    reshape("c -> s", "shape", &[1, 6, 12, 7], &mut viewed);
    let reshaped = viewed.nodes.pop().unwrap();
    viewed.nodes.insert(1, reshaped);
    viewed.inputs[0].1 = vec![1, 4, 14, 6];
    viewed.stays(Rule::Pointwise, "");
}
