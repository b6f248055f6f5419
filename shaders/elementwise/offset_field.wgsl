// Offsets and masks of what an offset convolution gives, in place: see elementwise/parts/offset_field.wgsl.
//
// One invocation does one element.

@group(0) @binding(2) var<storage, read_write> field: array<f32>;

@compute @workgroup_size(64)
fn offset_field(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let element = element_of(linear_workgroup(workgroup, grid) * 64u + lane);
    if !element.exists {
        return;
    }
    let at = params.field_first + element.at;
    let x = field[at];
    let scale = select(params.mask_scale, params.limit, element.is_offset);
    let curved = scale * exponential(x, element.is_offset);
    let unlimited = element.is_offset & (bitcast<u32>(params.limit) == 0u);
    field[at] = select(curved, x, unlimited) + element.flow;
}
