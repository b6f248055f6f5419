// A weight in the order in which columns have their taps and channels: packed[row, tap, quad] holds the weights of one
// quad of channels of the output channel's group, and 0 in the lanes beyond them.
//
// weight        (out_channel, channel of the group, tap), from the first out_channel of row row_first on: shared/stored_32.wgsl,
//               shared/stored_16.wgsl
// made          (group, row of the group, quad) quads, a row's quads by tap and quad of the group; a group's output channels are the first of
//               its group_rows rows, the others 0: shared/made_rows.wgsl, counted from packed_first on, and shared/made_panels.wgsl
// table         per quad: its first channel, how many it has, its offset group, 0: shared/table_rows.wgsl, shared/table_panels.wgsl
//
// A dispatch does `rows` of them. One invocation packs one quad of one tap.

struct Params {
    row_first: u32,
    rows: u32,
    out_channel_first: u32,
    group_out_channels: u32,
    group_rows: u32,
    group_channels: u32,
    taps: u32,
    quads_per_group: u32,
    weight_first: u32,
    packed_first: u32,
    dtype: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<u32>;

@compute @workgroup_size(64)
fn pack_weight(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + lane;
    let by_quad = divide(invocation, params.quads_per_group);
    let by_tap = divide(by_quad.x, params.taps);
    if by_tap.x >= params.rows {
        return;
    }
    let row = divide(params.row_first + by_tap.x, params.group_rows);
    let group = row.x;
    let of_quad = table_entry(group * params.quads_per_group + by_quad.y);
    let channels = select(0u, of_quad.y, row.y < params.group_out_channels);
    let out_channel = group * params.group_out_channels + row.y - params.out_channel_first;
    let channel = out_channel * params.group_channels + of_quad.x - group * params.group_channels;
    var value = vec4<f32>(0.0);
    for (var i = 0u; i < 4u; i++) {
        if i < channels {
            let element = params.weight_first + (channel + i) * params.taps + by_tap.y;
            value[i] = value_of(weight[word_of(element)], element);
        }
    }
    let quad = by_tap.y * params.quads_per_group + by_quad.y;
    let place = quad_place(group, row.y, quad, params.group_rows, params.taps * params.quads_per_group);
    store_made(place - params.packed_first, value);
}
