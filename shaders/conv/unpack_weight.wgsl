// The gradient of a weight in the order of the weight itself: the inverse of pack_weight.wgsl.
//
// packed        (row, tap, quad of the group) quads, from row row_first on; a group's output channels are the first of its group_rows rows
// weight        (out_channel, channel of the group, tap), from the first out_channel of row row_first on; added to where accumulate is 1
// table         per quad: its first channel, how many it has, its offset group, 0: shared/rows/table.wgsl, shared/panels/table.wgsl
//
// A dispatch does `rows` of them. One invocation unpacks one quad of one tap.

struct Params {
    row_first: u32,
    rows: u32,
    out_channel_first: u32,
    group_out_channels: u32,
    group_rows: u32,
    group_channels: u32,
    taps: u32,
    quads_per_group: u32,
    accumulate: u32,
    packed_first: u32,
    weight_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> packed: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> weight: array<f32>;

@compute @workgroup_size(64)
fn unpack_weight(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + lane;
    let by_quad = divide(invocation, params.quads_per_group);
    let by_tap = divide(by_quad.x, params.taps);
    let row = divide(params.row_first + by_tap.x, params.group_rows);
    if by_tap.x >= params.rows || row.y >= params.group_out_channels {
        return;
    }
    let group = row.x;
    let of_quad = table_entry(group * params.quads_per_group + by_quad.y);
    let out_channel = group * params.group_out_channels + row.y - params.out_channel_first;
    let channel = out_channel * params.group_channels + of_quad.x - group * params.group_channels;
    let value = packed[params.packed_first / 4u + invocation];
    var i = 0u;
    loop {
        if i < of_quad.y {
            let at = params.weight_first + (channel + i) * params.taps + by_tap.y;
            var held = 0.0;
            if params.accumulate != 0u {
                held = weight[at];
            }
            weight[at] = held + value[i];
        }
        i++;
        if i >= 4u {
            break;
        }
    }
}
