// Gradients of what an offset convolution gives, of those of the offsets and masks made of it, in place: see elementwise/parts/offset_field.wgsl.
//
// field      the offsets and masks
// grad_field laid out like it
//
// The derivatives are those at the function's value: limit * (1 - tanh^2), and mask * (1 - mask / mask_scale). An offset that is not finite
// has none.
// One invocation does one element.

@group(0) @binding(2) var<storage, read> field: array<f32>;
@group(0) @binding(3) var<storage, read_write> grad_field: array<f32>;

@compute @workgroup_size(64)
fn offset_field_backward(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let element = element_of(linear_workgroup(workgroup, grid) * 64u + lane);
    if !element.exists {
        return;
    }
    let value = field[params.field_first + element.at];
    let at = params.grad_first + element.at;
    let grad = grad_field[at];
    let tanh = (value - element.flow) / params.limit;
    let limited = select(params.limit * (1.0 - tanh) * (1.0 + tanh), 1.0, bitcast<u32>(params.limit) == 0u);
    let slope = select(value * (1.0 - value / params.mask_scale), limited, element.is_offset);
    // Decided on the bits: see shared/bilinear.wgsl.
    let samples = !element.is_offset | ((bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u);
    grad_field[at] = select(0.0, slope * grad, samples);
}
