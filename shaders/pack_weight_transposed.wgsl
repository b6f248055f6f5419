// A weight as the gradient of columns takes it: packed[group, tap, quad, lane, out_quad] holds, for four output channels of the group,
// the weights of the channel in a lane of a quad; 0 where there is no such channel, and beyond the output channels.
//
// weight        (out_channel, channel of the group, tap), from out_channel out_first of the group on
// channel_quads per quad: its first channel, how many it has, its offset group, 0
// packed        (row, out_quads) quads, row = (group, tap, quad, lane), from row row_first on
//
// A dispatch does `rows` rows and some_quads quads of output channels from out_quad_first on. One invocation does one quad.

struct Params {
    row_first: u32,
    rows: u32,
    out_quad_first: u32,
    some_quads: u32,
    out_quads: u32,
    group_out_channels: u32,
    group_channels: u32,
    taps: u32,
    quads_per_group: u32,
    out_channel_first: u32,
    weight_first: u32,
    packed_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> channel_quads: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> packed: array<vec4<f32>>;

@compute @workgroup_size(64)
fn pack_weight_transposed(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.some_quads);
    if mine.x >= params.rows {
        return;
    }
    let by_lane = divide(params.row_first + mine.x, 4u);
    let by_quad = divide(by_lane.x, params.quads_per_group);
    let by_tap = divide(by_quad.x, params.taps);
    let group = by_tap.x;
    let table = channel_quads[group * params.quads_per_group + by_quad.y];
    let out_quad = params.out_quad_first + mine.y;
    let out_channel = 4u * out_quad;
    let outs = select(0u, min(4u, params.group_out_channels - out_channel), by_lane.y < table.y);

    let channel = table.x + by_lane.y - group * params.group_channels;
    let start = group * params.group_out_channels + out_channel - params.out_channel_first;
    var value = vec4<f32>(0.0);
    for (var i = 0u; i < outs; i++) {
        let at = ((start + i) * params.group_channels + channel) * params.taps + by_tap.y;
        value = select(value, vec4<f32>(weight[params.weight_first + at]), vec4<u32>(i) == vec4<u32>(0u, 1u, 2u, 3u));
    }
    packed[params.packed_first / 4u + mine.x * params.out_quads + out_quad] = value;
}
