// The cross-entropy of the softmax of each row of logits with its label: losses[row] = log(sum of exp(logits[row, ..])) - logits[row, label]
//
// logits (rows, classes)
// labels (rows), whole numbers from 0 to classes - 1; NaN is the loss of any other
// losses (rows)
//
// One workgroup does one row: train/parts/softmax.wgsl.

struct Params {
    rows: u32,
    classes: u32,
    logits_first: u32,
    labels_first: u32,
    losses_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> labels: array<f32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;

@compute @workgroup_size(64)
fn cross_entropy(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = linear_workgroup(workgroup, grid);
    // Uniform over the workgroup.
    if row >= params.rows {
        return;
    }
    let start = params.logits_first + row * params.classes;
    let softmax = largest_and_sum(start, lane);
    if lane == 0u {
        let label = class_of(labels[params.labels_first + row]);
        let logit = logits[start + min(label, params.classes - 1u)];
        losses[params.losses_first + row] = or_nan((softmax.x - logit) + log(softmax.y), spoilt(softmax.y, label));
    }
}
