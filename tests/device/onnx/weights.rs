//! Weights of a model are packed once for all nodes that read them alike, and their plain copies do not stay.

use pliant::onnx::{ModelOptions, ModelPlan, Rule};
use pliant::{DType, Gpu, Recorder, TensorSpec};

use super::fusion::{Net, weights};
use super::{int, listed, n, with};

fn new_gpu() -> Gpu {
    pollster::block_on(Gpu::new()).unwrap()
}

/// The bytes of a device when all work has run, if its backend tells.
fn allocated(gpu: &Gpu) -> Option<u64> {
    gpu.wait().unwrap();
    gpu.device().generate_allocator_report().map(|report| report.total_allocated_bytes)
}

/// A chain of nodes by so many weights, one after another, from x of so many extents.
fn chain(node: &str, x: &[i64], weight: &[i64], [nodes, many]: [usize; 2]) -> Net {
    let name = |at: usize| match at {
        0 => "x".to_string(),
        at if at == nodes => "y".to_string(),
        at => format!("t{at}"),
    };
    let node = |at: usize| {
        let node = n(node, &format!("{} w{} -> {}", name(at), at % many, name(at + 1)));
        if weight.len() == 4 { with(node, listed("pads", &[1, 1, 1, 1])) } else { node }
    };
    let constants = (0..many).map(|at| weights(&format!("w{at}"), weight)).collect();
    Net::new(&[("x", x)], (0..nodes).map(node).collect(), constants)
}

/// The outputs on a device, and its bytes when the model is planned.
fn planned(net: &Net, gpu: &Gpu) -> (Option<u64>, Vec<Vec<f32>>) {
    let (plan, inputs) = net.planned(gpu, DType::F32, Rule::ALL);
    let bytes = allocated(gpu);
    let inputs: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let mut recorder = Recorder::new(gpu);
    let outputs = plan.forward(&mut recorder, &inputs).unwrap();
    recorder.submit().unwrap();
    (bytes, outputs.iter().map(|(_, output)| output.download_blocking().unwrap()).collect())
}

#[test]
fn shared_weights_are_packed_once() {
    for (node, x, weight) in
        [("MatMul", &[1, 40, 512][..], &[512, 512][..]), ("Conv", &[1, 64, 16, 16], &[64, 64, 3, 3])]
    {
        let [(one, shared), (four, own)] = [1, 4].map(|many| planned(&chain(node, x, weight, [4, many]), &new_gpu()));
        assert_eq!(shared, own, "{node}");
        let plain = 4 * weight.iter().product::<i64>() as u64;
        if let (Some(one), Some(four)) = (one, four) {
            assert!(four - one >= 5 * plain / 2, "{node}: {one} and {four} bytes, weights of {plain}");
        }
    }
}

/// Nodes that read a weight in different ways have each their own of it.
#[test]
fn a_weight_is_packed_for_each_way_it_is_read() {
    let net = |names: [&str; 9]| {
        let [a, b, c, d, e, f, g, h, i] = names;
        let convolution =
            |names: String, groups| with(with(n("Conv", &names), listed("pads", &[1, 1, 1, 1])), int("group", groups));
        let nodes = vec![
            n("MatMul", &format!("few {a} -> y")),
            n("MatMul", &format!("many {b} -> y1")),
            with(n("Gemm", &format!("many {c} -> y2")), int("transB", 1)),
            n("Add", &format!("many {d} -> y3")),
            n("MatMul", &format!("many {e} -> y4")),
            convolution(format!("large {f} -> y5"), 1),
            convolution(format!("small {g} -> y6"), 1),
            convolution(format!("grouped {h} -> y7"), 2),
            convolution(format!("large {i} -> y8"), 1),
        ];
        let extents = |name: &str| if name.starts_with('w') { &[64, 64][..] } else { &[64, 64, 3, 3] };
        let mut distinct: Vec<_> = names.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let inputs: &[(&'static str, &[i64])] = &[
            ("few", &[2, 64]),
            ("many", &[64, 64]),
            ("large", &[1, 64, 20, 20]),
            ("small", &[1, 64, 5, 5]),
            ("grouped", &[1, 128, 20, 20]),
        ];
        let mut net = Net::new(inputs, nodes, distinct.iter().map(|name| weights(name, extents(name))).collect());
        ["y1", "y2", "y3", "y4", "y5", "y6", "y7", "y8"].into_iter().for_each(|output| net = net.showing(output));
        planned(&net, &new_gpu()).1
    };
    let shared = net(["w", "w", "w", "w", "w", "k", "k", "k", "k"]);
    let own = net(["w0", "w1", "w2", "w3", "w4", "k0", "k1", "k2", "k3"]);
    assert!(shared == own && shared.iter().flatten().all(|element| element.is_finite()));
}

/// Plain weights are submitted in parts while a model is planned, so that those of a part that has run can go.
#[test]
fn plain_weights_wait_in_parts() {
    let (gpu, many, plain) = (new_gpu(), 12, 4 << 20);
    let net = chain("MatMul", &[1, 40, 1024], &[1024, 1024], [many, many]);
    let (model, before) = (net.model(), allocated(&gpu));
    let mut most = before;
    let mut show = |_, _| most = most.max(allocated(&gpu));
    let options = ModelOptions { progress: Some(&mut show), ..ModelOptions::default() };
    let spec = TensorSpec { shape: [1, 40, 1024].into(), dtype: DType::F32 };
    let plan = ModelPlan::with_options(&gpu, &model, &[("x", spec)], options).unwrap();
    let after = allocated(&gpu);
    drop(plan);
    if let (Some(before), Some(most), Some(after)) = (before, most, after) {
        // All are kept packed, about 16 MB lie beside these, and a little more is needed.
        assert!(after - before < (many as u64 + 1) * plain, "{before} bytes before, {after} after");
        assert!(most - before < (many as u64 + 6) * plain, "{before} bytes before, {most} at the most");
    }
}
