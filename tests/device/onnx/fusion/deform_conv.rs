//! Deformable convolutions that an exporter without the operator writes as gathers.

use super::*;

/// A deformable convolution of images (8, 6, 7) to 5 channels, in the nodes of `deform_conv2d_onnx_exporter`.
#[derive(Clone, Copy)]
struct Decomposed {
    batch: i64,
    groups: i64,
    offset_groups: i64,
    kernel: [i64; 2],
    stride: [i64; 2],
    padding: [i64; 2],
    dilation: [i64; 2],
    masked: bool,
    /// With GatherElements, else with GatherND.
    by_element: bool,
}

const PLAIN: Decomposed = Decomposed {
    batch: 1,
    groups: 1,
    offset_groups: 1,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
    dilation: [1, 1],
    masked: true,
    by_element: false,
};

fn scalar(name: &str, number: i64) -> TensorProto {
    TensorProto { dims: vec![], ..crate::onnx::ints(name, &[number]) }
}

impl Decomposed {
    fn net(self) -> Net {
        let Self { batch, groups, offset_groups, kernel, stride, padding, dilation, masked, by_element } = self;
        let (channels, out_channels, image) = (8, 6, [6, 7]);
        let of_group = channels / offset_groups;
        let taps = kernel[0] * kernel[1];
        let reach = |axis: usize| dilation[axis] * (kernel[axis] - 1) + 1;
        let [rows, columns] = [0, 1].map(|axis| (image[axis] + 2 * padding[axis] - reach(axis)) / stride[axis] + 1);
        let points = taps * rows * columns;
        // A ring of zeros, even without padding.
        let more = padding.map(|padding| i64::from(padding == 0));
        let ring = [padding[0] + more[0], padding[1] + more[1]];
        let [height, width] = [image[0] + 2 * ring[0], image[1] + 2 * ring[1]];
        let mut grid = Vec::new();
        for tap in 0..taps {
            let tap = [tap / kernel[1] * dilation[0], tap % kernel[1] * dilation[1]];
            for axis in 0..2 {
                for pixel in 0..rows * columns {
                    let pixel = [pixel / columns * stride[0], pixel % columns * stride[1]];
                    grid.push((more[axis] + tap[axis] + pixel[axis]) as f32);
                }
            }
        }

        let plane = [batch, offset_groups * taps, rows, columns];
        let mut net = Net::default();
        net.inputs.push(("x", vec![batch, channels, image[0], image[1]]));
        net.inputs.push(("offset", vec![batch, 2 * offset_groups * taps, rows, columns]));
        net.outputs.push("y");
        net.constants.extend([
            tensor("far", &[], &[4.0]),
            tensor("grid", &[1, 1, taps, 2, rows, columns], &grid),
            scalar("first", 0),
            scalar("last_y", height - 1),
            scalar("last_x", width - 1),
            scalar("next", 1),
            scalar("width", width),
            tensor("one", &[], &[1.0]),
            crate::onnx::ints("pads", &[0, 0, ring[0], ring[1], 0, 0, ring[0], ring[1]]),
            weights("weight", &[out_channels, channels / groups, kernel[0], kernel[1]]),
            weights("bias", &[1, out_channels, 1, 1]),
        ]);
        net.nodes.push(n("Mul", "offset far -> offsets"));
        reshape("offsets -> by_tap", "by_tap_shape", &[batch, offset_groups, taps, 2, rows, columns], &mut net);
        net.nodes.extend([
            n("Add", "grid by_tap -> p"),
            n("Floor", "p -> floor"),
            with(n("Cast", "floor -> whole"), int("to", data_type::INT64.into())),
        ]);
        for (axis, name) in [(0, "y"), (1, "x")] {
            sliced(&format!("whole -> {name}0"), 3, axis, axis + 1, &mut net);
            net.nodes.push(n("Add", &format!("{name}0 next -> {name}1")));
            for side in 0..2 {
                net.nodes.push(n("Clip", &format!("{name}{side} first last_{name} -> at_{name}{side}")));
            }
        }
        net.nodes.push(n("Sub", "p floor -> beyond"));
        for (axis, name) in [(0, "y"), (1, "x")] {
            sliced(&format!("beyond -> of_{name}1"), 3, axis, axis + 1, &mut net);
            net.nodes.push(n("Sub", &format!("one of_{name}1 -> of_{name}0")));
        }
        net.nodes.push(with(n("Pad", "x pads -> padded"), word("mode", "constant")));
        reshape("padded -> image", "image_shape", &[batch, offset_groups, of_group, height, width], &mut net);
        let samples = [batch, offset_groups, of_group, taps, rows, columns];
        for (corner, [y, x]) in [[0, 0], [1, 1], [1, 0], [0, 1]].into_iter().enumerate() {
            let name = |what: &str| format!("{what}{corner}");
            let list = if by_element { [1, points] } else { [points, 1] };
            for (axis, side) in [("y", y), ("x", x)] {
                let shape = [batch, offset_groups, list[0], list[1]];
                let names = format!("at_{axis}{side} -> {axis}_of{corner}");
                reshape(&names, &format!("{axis}_shape{corner}"), &shape, &mut net);
            }
            if by_element {
                let whole = [batch, offset_groups, of_group, points];
                net.constants.push(crate::onnx::ints(&name("whole_shape"), &whole));
                net.nodes.extend([
                    n("Mul", &format!("y_of{corner} width -> row{corner}")),
                    n("Add", &format!("row{corner} x_of{corner} -> place{corner}")),
                    n("Expand", &format!("place{corner} whole_shape{corner} -> places{corner}")),
                ]);
                let flat = [batch, offset_groups, of_group, height * width];
                reshape(&format!("image -> flat{corner}"), &name("flat_shape"), &flat, &mut net);
                let gather = n("GatherElements", &format!("flat{corner} places{corner} -> turned{corner}"));
                net.nodes.push(with(gather, int("axis", 3)));
            } else {
                let pairs = n("Concat", &format!("y_of{corner} x_of{corner} -> pairs{corner}"));
                let gather = n("GatherND", &format!("last{corner} pairs{corner} -> gathered{corner}"));
                net.nodes.extend([
                    with(pairs, int("axis", 3)),
                    transpose(&format!("image -> last{corner}"), &[0, 1, 3, 4, 2]),
                    with(gather, int("batch_dims", 2)),
                    transpose(&format!("gathered{corner} -> turned{corner}"), &[0, 1, 3, 2]),
                ]);
            }
            reshape(&format!("turned{corner} -> pixels{corner}"), &name("pixels_shape"), &samples, &mut net);
            net.nodes.push(n("Mul", &format!("of_x{x} of_y{y} -> part{corner}")));
            let shares = [batch, offset_groups, 1, taps, rows, columns];
            reshape(&format!("part{corner} -> shares{corner}"), &name("shares_shape"), &shares, &mut net);
            net.nodes.push(n("Mul", &format!("shares{corner} pixels{corner} -> product{corner}")));
        }
        net.nodes.push(n("Sum", "product0 product1 product2 product3 -> sum"));
        let mut sampled = "sum";
        if masked {
            net.inputs.push(("mask", plane.to_vec()));
            reshape("mask -> masks", "mask_shape", &[batch, offset_groups, 1, taps, rows, columns], &mut net);
            net.nodes.push(n("Mul", "sum masks -> masked"));
            sampled = "masked";
        }
        let windows = [batch, channels, kernel[0], kernel[1], rows, columns];
        reshape(&format!("{sampled} -> windows"), "windows_shape", &windows, &mut net);
        net.nodes.push(transpose("windows -> side_by_side", &[0, 1, 4, 2, 5, 3]));
        let wide = [batch, channels, rows * kernel[0], columns * kernel[1]];
        reshape("side_by_side -> wide", "wide_shape", &wide, &mut net);
        let conv = with(n("Conv", "wide weight -> convolved"), int("group", groups));
        let conv = with(conv, listed("kernel_shape", &kernel));
        net.nodes.extend([with(conv, listed("strides", &kernel)), n("Add", "convolved bias -> y")]);
        net
    }
}

#[test]
fn deformable_convolutions_by_gathers() {
    for by_element in [false, true] {
        let plain = Decomposed { by_element, ..PLAIN };
        for decomposed in [
            plain,
            Decomposed { masked: false, ..plain },
            Decomposed { kernel: [1, 1], padding: [0, 0], ..plain },
            Decomposed { kernel: [7, 7], padding: [3, 3], batch: 2, ..plain },
            Decomposed { kernel: [3, 2], padding: [2, 0], stride: [2, 1], dilation: [1, 2], ..plain },
            Decomposed { stride: [2, 3], groups: 2, ..plain },
            Decomposed { offset_groups: 4, groups: 2, batch: 2, masked: false, ..plain },
            Decomposed { offset_groups: 8, padding: [0, 0], ..plain },
        ] {
            let net = decomposed.net();
            net.fires(Rule::DeformConv, 1);
            // Offsets that are scaled, and the convolution with its bias.
            assert_eq!(steps(&net, Rule::ALL), 2);
            net.fused_by(Rule::ALL);
        }
    }
    // Corners and shares are cheap; others may have them too.
    PLAIN.net().with_reader("of_y0").fires(Rule::DeformConv, 1);
    PLAIN.net().with_reader("last2").fires(Rule::DeformConv, 1);
}

#[test]
fn what_is_no_deformable_convolution_stays() {
    let net = PLAIN.net();
    net.showing("sum").stays(Rule::DeformConv, "used elsewhere");
    net.with_reader("gathered1").stays(Rule::DeformConv, "used elsewhere");
    net.with_reader("wide").stays(Rule::DeformConv, "used elsewhere");

    let constant = |name: &str, change: &dyn Fn(&mut TensorProto)| {
        let mut net = PLAIN.net();
        change(net.constants.iter_mut().find(|constant| constant.name == name).unwrap());
        net
    };
    constant("grid", &|grid| grid.float_data[100] += 1.0).stays(Rule::DeformConv, "regular grid");
    constant("grid", &|grid| grid.float_data.iter_mut().for_each(|x| *x += 0.5)).stays(Rule::DeformConv, "windows");
    constant("last_y", &|last| last.int64_data[0] -= 1).stays(Rule::DeformConv, "corners and shares");
    constant("next", &|next| next.int64_data[0] = 2).stays(Rule::DeformConv, "corners and shares");
    constant("one", &|one| one.float_data[0] = 0.5).stays(Rule::DeformConv, "corners and shares");

    // Columns before rows.
    let pairs = with(n("Concat", "x_of2 y_of2 -> pairs2"), int("axis", 3));
    net.but(pairs).stays(Rule::DeformConv, "corners and shares");
    net.but(n("Mul", "shares2 pixels3 -> product3")).stays(Rule::DeformConv, "corners and shares");
    net.but(n("Mul", "of_x0 of_x1 -> part2")).stays(Rule::DeformConv, "corners and shares");
    net.but(n("Neg", "p -> floor")).stays(Rule::DeformConv, "corners and shares");
    net.but(with(n("Pad", "x pads -> padded"), word("mode", "edge"))).stays(Rule::DeformConv, "zeros");
    let ones = with(n("Pad", "x pads one -> padded"), word("mode", "constant"));
    net.but(ones).stays(Rule::DeformConv, "zeros");
    net.but(n("Reshape", "channel mask_shape -> masks"))
        .with_constant(weights("channel", &[8]))
        .with_mask_shape(&[1, 1, 8, 1, 1, 1])
        .stays(Rule::DeformConv, "mask");

    // Taps of a column before those of a row, windows that overlap, three corners.
    net.but(transpose("windows -> side_by_side", &[0, 1, 4, 3, 5, 2])).stays(Rule::DeformConv, "");
    let overlapping = with(n("Conv", "wide weight -> convolved"), listed("strides", &[1, 1]));
    net.but(overlapping).stays(Rule::DeformConv, "");
    net.but(n("Sum", "product0 product1 product2 -> sum")).stays(Rule::DeformConv, "");
    net.but(n("Sub", "product0 product1 -> sum")).stays(Rule::DeformConv, "");
}

impl Net {
    /// This net with other extents of the mask.
    fn with_mask_shape(mut self, shape: &[i64]) -> Self {
        self.constants.iter_mut().find(|constant| constant.name == "mask_shape").unwrap().int64_data = shape.to_vec();
        self
    }
}
