use crate::gpu;
use crate::support::case;
use crate::support::compare::Expected;
use crate::support::problem::*;
use crate::support::random::{normal, uniform};
use fastrand::Rng;
use pliant::geometry::*;
use pliant::*;

fn run(problem: &Problem, g: &Array) -> Vec<(&'static str, Vec<f32>)> {
    let gpu = gpu();
    let go = g.upload(gpu).unwrap();
    match problem {
        Problem::DeformConv2d(op, inputs) => {
            let t = inputs.try_map(|a| a.upload(gpu)).unwrap();
            let t = t.map(|t| t);
            let grads = op.backward(&t, &go, &DeformConv2dGradients::ALL).unwrap();
            grads.named().map(|(n, t)| (n, pollster::block_on(t.download::<f32>().unwrap()).unwrap())).collect()
        }
        Problem::Conv2d(op, inputs) => {
            let t = inputs.try_map(|a| a.upload(gpu)).unwrap();
            let t = t.map(|t| t);
            let grads = op.backward(&t, &go, &Conv2dGradients::ALL).unwrap();
            grads.named().map(|(n, t)| (n, pollster::block_on(t.download::<f32>().unwrap()).unwrap())).collect()
        }
        _ => panic!(),
    }
}
#[test]
fn tmp_grad() {
    let mut rng = Rng::with_seed(5);
    for (op, input, out, k, mask) in [
        (DeformConv2d { padding: [1; 4], ..Default::default() }, [1, 8, 6, 7], 8, [3, 3], true),
        (DeformConv2d { offset_groups: 2, ..uneven() }, [3, 6, 9, 11], 4, [3, 2], true),
        (uneven(), [3, 12, 9, 11], 4, [3, 2], false),
    ] {
        for border in [Border::Zeros, Border::ClampHi, Border::Strict] {
            for offset_layout in [OffsetLayout::Separate, OffsetLayout::Planes, OffsetLayout::Joint] {
                let op = DeformConv2d { border, offset_layout, ..op };
                let weight = normal(&mut rng, [out, input[1] / op.groups, k[0], k[1]], 1.0);
                let oh =
                    (input[2] + op.padding[0] + op.padding[2] - (k[0] - 1) * op.dilation[0] - 1) / op.stride[0] + 1;
                let ow =
                    (input[3] + op.padding[1] + op.padding[3] - (k[1] - 1) * op.dilation[1] - 1) / op.stride[1] + 1;
                let pts = op.offset_groups * k[0] * k[1];
                let inputs = DeformConv2dInputs {
                    input: normal(&mut rng, input, 1.0),
                    offset: normal(&mut rng, [input[0], offset_layout.channels_per_point() * pts, oh, ow], 2.0),
                    weight,
                    mask: (mask && !offset_layout.holds_mask()).then(|| uniform(&mut rng, [input[0], pts, oh, ow])),
                    bias: None,
                };
                let p = Problem::DeformConv2d(op, inputs.clone());
                let g = normal(&mut rng, [input[0], out, oh, ow], 1.0);
                let reference = p.gradients(&g).unwrap();
                let got = run(&p, &g);
                assert_eq!(reference.len(), got.len());
                for ((n, r), (m, v)) in reference.into_iter().zip(got) {
                    assert_eq!(n, m);
                    if let Err(miss) = Expected::of_reference(r).compare(&v) {
                        eprintln!("{n}{miss} {}", p.describe());
                    }
                }
                if offset_layout == OffsetLayout::Separate {
                    let p = Problem::Conv2d(
                        Conv2d { stride: op.stride, padding: op.padding, dilation: op.dilation, groups: op.groups },
                        Conv2dInputs { input: inputs.input, weight: inputs.weight, bias: None },
                    );
                    let reference = p.gradients(&g).unwrap();
                    let got = run(&p, &g);
                    for ((n, r), (m, v)) in reference.into_iter().zip(got) {
                        assert_eq!(n, m);
                        if let Err(miss) = Expected::of_reference(r).compare(&v) {
                            eprintln!("{n}{miss} {}", p.describe());
                        }
                    }
                }
            }
        }
    }
}
