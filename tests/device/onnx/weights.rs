//! Weights of a model are packed once for all nodes that read them, and their plain copies do not stay.

use pliant::onnx::Rule;
use pliant::{DType, Gpu, Recorder};

use super::fusion::{Net, weights};
use super::{int, listed, n, with};

/// A chain of four nodes by so many weights, from x of so many extents.
fn chain(node: &str, x: &[i64], weight: &[i64], many: usize) -> Net {
    let names = ["x", "a", "b", "c", "y"];
    let nodes = (0..4).map(|at| {
        let node = n(node, &format!("{} w{} -> {}", names[at], at % many, names[at + 1]));
        let pads = || listed("pads", &[1, 1, 1, 1]);
        if weight.len() == 4 { with(with(node, pads()), int("group", 1)) } else { node }
    });
    let constants = (0..many).map(|at| weights(&format!("w{at}"), weight));
    Net::new(&[("x", x)], nodes.collect(), constants.collect())
}

/// The bytes on a device of its own when a model is planned, if the backend tells, and the output.
fn planned(net: &Net) -> (Option<u64>, Vec<f32>) {
    let gpu = pollster::block_on(Gpu::new()).unwrap();
    let (plan, inputs) = net.planned(&gpu, DType::F32, Rule::ALL);
    gpu.wait().unwrap();
    let allocated = gpu.device().generate_allocator_report().map(|report| report.total_allocated_bytes);
    let inputs: Vec<_> = inputs.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let mut recorder = Recorder::new(&gpu);
    let outputs = plan.forward(&mut recorder, &inputs).unwrap();
    recorder.submit().unwrap();
    (allocated, outputs[0].1.download_blocking().unwrap())
}

#[test]
fn shared_weights_are_packed_once_and_plain_ones_go() {
    for (node, x, weight) in
        [("MatMul", &[1, 40, 512][..], &[512, 512][..]), ("Conv", &[1, 64, 16, 16], &[64, 64, 3, 3])]
    {
        let [(one, shared), (four, own)] = [1, 4].map(|many| planned(&chain(node, x, weight, many)));
        assert_eq!(shared, own, "{node}");
        let plain = 4 * weight.iter().product::<i64>() as u64;
        if let (Some(one), Some(four)) = (one, four) {
            // Convolutions keep more of a weight than it has.
            let most = if node == "MatMul" { 7 * plain / 2 } else { u64::MAX };
            assert!(
                (5 * plain / 2..most).contains(&(four - one)),
                "{node}: {one} and {four} bytes, weights of {plain}"
            );
        }
    }
}
