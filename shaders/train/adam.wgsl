// A step of Adam with decoupled weight decay:
// mean[i] = beta1 * mean[i] + (1 - beta1) * gradient[i]
// variance[i] = beta2 * variance[i] + (1 - beta2) * gradient[i]^2
// parameter[i] = (1 - rates[0] * weight_decay) * parameter[i] - rates[0] * rates[1] * mean[i] / (sqrt(rates[2] * variance[i]) + epsilon)
//
// parameter, mean, variance, gradient `elements` elements
//
// One invocation does one element.

struct Params {
    elements: u32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    weight_decay: f32,
    parameter_first: u32,
    mean_first: u32,
    variance_first: u32,
    gradient_first: u32,
    rates_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> variance: array<f32>;
@group(0) @binding(4) var<storage, read> gradient: array<f32>;
@group(0) @binding(5) var<storage, read> rates: array<f32>;

@compute @workgroup_size(64)
fn adam(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let element = linear_workgroup(workgroup, grid) * 64u + lane;
    if element >= params.elements {
        return;
    }
    let grad = gradient[params.gradient_first + element];
    let first = params.beta1 * mean[params.mean_first + element] + (1.0 - params.beta1) * grad;
    let second = params.beta2 * variance[params.variance_first + element] + (1.0 - params.beta2) * grad * grad;
    mean[params.mean_first + element] = first;
    variance[params.variance_first + element] = second;

    let rate = rates[params.rates_first];
    let root = sqrt(rates[params.rates_first + 2u] * second) + params.epsilon;
    let moved = rate * rates[params.rates_first + 1u] * first / root;
    let kept = 1.0 - rate * params.weight_decay;
    parameter[params.parameter_first + element] = kept * parameter[params.parameter_first + element] - moved;
}
