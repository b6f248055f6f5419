// A weight with its rows innermost: packed[group, term, lane, row], rows in quads; 0 beyond the rows, the terms and the channels.
//
// weight        (out_channel, channel of the group, tap), from out_channel_first on: shared/stored_32.wgsl, shared/stored_16.wgsl
// channel_quads per quad: its first channel, how many it has, its offset group, 0
// packed        elements packed_first + ((group - group_first) * terms + term - term_first) * 4 * packed_rows + lane * packed_rows + row
//
// Terms and rows: conv/fused/fused.wgsl. A dispatch does `groups` groups from group_first on, term_count terms of each from term_first on, and
// row_quads quads of rows from row_first on. One invocation packs four rows of one lane.

struct Params {
    group_first: u32,
    groups: u32,
    term_first: u32,
    term_count: u32,
    terms: u32,
    row_first: u32,
    row_quads: u32,
    packed_rows: u32,
    group_rows: u32,
    group_channels: u32,
    taps: u32,
    quads_per_group: u32,
    out_channel_first: u32,
    weight_first: u32,
    packed_first: u32,
    dtype: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<u32>;
@group(0) @binding(2) var<storage, read> channel_quads: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> packed: array<vec4<f32>>;

@compute @workgroup_size(64)
fn fused_weight(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let by_quad = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.row_quads);
    let by_term = divide(by_quad.x / 4u, params.term_count);
    if by_term.x >= params.groups {
        return;
    }
    let channel_lane = by_quad.x % 4u;
    let row = params.row_first + 4u * by_quad.y;
    let term = divide(params.term_first + by_term.y, params.quads_per_group);
    let group = params.group_first + by_term.x;
    let table = channel_quads[group * params.quads_per_group + term.y];
    let exists = term.x < params.taps && channel_lane < table.y;
    let rows = select(0u, min(max(row, params.group_rows) - row, 4u), exists);
    // Wraps where nothing is read.
    let channel = table.x + channel_lane - group * params.group_channels;
    let out_channel = group * params.group_rows + row - params.out_channel_first;
    let start = params.weight_first + (out_channel * params.group_channels + channel) * params.taps + term.x;
    var value = vec4<f32>(0.0);
    for (var i = 0u; i < rows; i++) {
        let element = start + i * params.group_channels * params.taps;
        let one = value_of(weight[word_of(element)], element);
        value = select(value, vec4<f32>(one), vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(i));
    }
    let at = ((by_term.x * params.terms + by_term.y) * 4u + channel_lane) * params.packed_rows + row;
    packed[(params.packed_first + at) / 4u] = value;
}
