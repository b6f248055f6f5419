// A step of gradient descent with momentum:
// velocity[i] = momentum * velocity[i] + gradient[i] + weight_decay * parameter[i]
// parameter[i] -= learning_rate[0] * velocity[i]
//
// parameter, velocity, gradient `elements` elements
//
// One invocation does one element.

struct Params {
    elements: u32,
    momentum: f32,
    weight_decay: f32,
    parameter_first: u32,
    velocity_first: u32,
    gradient_first: u32,
    learning_rate_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(2) var<storage, read_write> velocity: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read> learning_rate: array<f32>;

@compute @workgroup_size(64)
fn sgd(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let element = linear_workgroup(workgroup, grid) * 64u + lane;
    if element >= params.elements {
        return;
    }
    let held = parameter[params.parameter_first + element];
    let decayed = gradient[params.gradient_first + element] + params.weight_decay * held;
    let moved = params.momentum * velocity[params.velocity_first + element] + decayed;
    velocity[params.velocity_first + element] = moved;
    parameter[params.parameter_first + element] = held - learning_rate[params.learning_rate_first] * moved;
}
