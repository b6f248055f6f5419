// The gradient of the cross-entropy by the logits:
// grad_logits[row, class] = scale * grad_output[row * grad_step] * (softmax(logits[row, ..])[class] - (1 where class is the label, else 0))
//
// logits      (rows, classes)
// labels      (rows), whole numbers from 0 to classes - 1; NaN is the gradient of a row with any other
// grad_output one for each row, or, where grad_step is 0, one for all
// grad_logits (rows, classes)
// where accumulate is 1, the gradient is added to what grad_logits holds
//
// One workgroup does one row: train/parts/softmax.wgsl.

struct Params {
    rows: u32,
    classes: u32,
    scale: f32,
    grad_step: u32,
    accumulate: u32,
    logits_first: u32,
    labels_first: u32,
    grad_output_first: u32,
    grad_logits_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> labels: array<f32>;
@group(0) @binding(3) var<storage, read> grad_output: array<f32>;
@group(0) @binding(4) var<storage, read_write> grad_logits: array<f32>;

@compute @workgroup_size(64)
fn cross_entropy_backward(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row = linear_workgroup(workgroup, grid);
    // Uniform over the workgroup.
    if row >= params.rows {
        return;
    }
    let start = row * params.classes;
    let softmax = largest_and_sum(params.logits_first + start, lane);
    let label = class_of(labels[params.labels_first + row]);
    let grad = params.scale * grad_output[params.grad_output_first + row * params.grad_step];
    let end = select(0u, params.classes, lane < params.classes);
    for (var at = lane; at < end; at += 64u) {
        let probability = decay(logits[params.logits_first + start + at] - softmax.x) / softmax.y;
        let gradient = or_nan(grad * (probability - select(0.0, 1.0, at == label)), spoilt(softmax.y, label));
        let to = params.grad_logits_first + start + at;
        grad_logits[to] = select(gradient, grad_logits[to] + gradient, params.accumulate != 0u);
    }
}
