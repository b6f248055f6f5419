//! Reckoning of the operations and bytes of each kernel of a GPU's path, from the shapes of a layer: nothing runs.

use pliant::geometry::DeformConv2dGeometry;
use pliant_support::problem::Array;

use super::layers::Job;
use crate::Failure;

/// A kernel, or some that follow one another.
struct Stage {
    pass: &'static str,
    kernels: &'static str,
    flops: u64,
    bytes: u64,
}

/// Operations of sampling a channel: four neighbours, each a multiplication and an addition.
const SAMPLED: u64 = 8;

/// Operations a byte above which an H100 is bound by its multiplications: 67 TFLOP/s over 3.35 TB/s.
const RIDGE: f64 = 20.0;

/// Prints a table for layers that hold `f32`.
pub(crate) fn print<'a>(jobs: impl Iterator<Item = Result<Job<'a>, Failure>>, backward: bool) -> Result<(), Failure> {
    println!("| shape | pass | kernels | GFLOP | MB | FLOP/B | bound by |");
    println!("| --- | --- | --- | ---: | ---: | ---: | --- |");
    for job in jobs {
        let job = job?;
        for Stage { pass, kernels, flops, bytes } in stages(&job, backward && job.layer.backward)? {
            let [giga, mega] = [(flops, 1e-9), (bytes, 1e-6)].map(|(count, scale)| count as f64 * scale);
            let intensity = flops as f64 / bytes as f64;
            let bound = if intensity > RIDGE { "multiplications" } else { "memory" };
            println!("| {} | {pass} | {kernels} | {giga:.2} | {mega:.1} | {intensity:.1} | {bound} |", job.layer.name);
        }
    }
    Ok(())
}

/// The stages of a layer. Bytes are those of each operand and result once: what is read again lies in a cache.
fn stages(job: &Job, backward: bool) -> Result<Vec<Stage>, Failure> {
    let shapes = job.inputs.map(|array| array.shape);
    let contraction = DeformConv2dGeometry::new(&job.layer.op, &shapes)?.flops();
    let elements = |array: &Array| 4 * array.shape.elements();
    let (input, output, weight) =
        (elements(&job.inputs.input), elements(&job.grad_output), elements(&job.inputs.weight));
    // Points in all output pixels, and the channels sampled there, in bytes.
    let points = job.inputs.offset.shape.elements() / 2;
    let columns = 4 * points / u64::from(job.layer.op.offset_groups) * u64::from(job.layer.input[1]);
    let sampled = SAMPLED * columns / 4;
    let field = elements(&job.inputs.offset) + job.inputs.mask.as_ref().map_or(0, elements);
    let stage = |pass, kernels, flops, bytes| Stage { pass, kernels, flops, bytes };
    let mut stages = vec![
        stage("forward", "channels_last", 0, 2 * input),
        stage("forward", "fused_weight", 0, 2 * weight),
        stage("forward", "fused_*", contraction + sampled, input + field + weight + output),
    ];
    if backward {
        // A pass of a sort reads keys, and then keys and values, and writes these; before and behind, keys, rows and followers.
        let sorted = points * (3 * 20 + 32);
        stages.extend([
            stage("backward", "channels_last", 0, 2 * (input + output)),
            stage("backward", "pack_weight, unpack_weight", 0, 4 * weight),
            stage("backward", "matmul_tiled: gradients of columns", contraction, output + weight + columns),
            stage("backward", "deform_samples", 0, field + 20 * points),
            stage("backward", "sample_keys, sort_*, chain_sorted", 0, sorted),
            stage("backward", "deform_col2im", sampled, columns + 2 * input + 20 * points),
            stage("backward", "sample_gradients", 2 * sampled, 2 * columns + input + 36 * points),
            stage("backward", "sample_planes", 0, 48 * points + field),
            stage("backward", "matmul_tiled: gradient of the weight", contraction, output + columns + weight),
            stage("backward", "segment_sums: gradient of the bias", output / 4, output),
        ]);
    }
    Ok(stages)
}
