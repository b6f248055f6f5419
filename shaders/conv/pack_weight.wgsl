// A weight in the order in which columns have their taps and channels: packed[row, tap, quad] holds the weights of one
// quad of channels of the output channel's group, and 0 in the lanes beyond them.
//
// weight        element (group, output channel of the group, channel of the group, tap) is weight_first + group * group_stride
//               + output channel * row_stride + channel * channel_stride + tap * tap_stride, wrapping: shared/stored_32.wgsl,
//               shared/stored_16.wgsl
// made          (group, row of the group, quad) quads, a row's quads by tap and quad of the group; a group's output channels are the first of
//               its group_rows rows, the others 0: shared/rows/made.wgsl, counted from packed_first on, and shared/panels/made.wgsl
// table         per quad: its first channel, how many it has, its offset group, 0: shared/rows/table.wgsl, shared/panels/table.wgsl
//
// A dispatch does `rows` of them. One invocation packs one quad of a run of taps, run_taps of them at most; there are tap_runs for each quad.
// Those of rows that lie together follow one another.

struct Params {
    row_first: u32,
    rows: u32,
    group_out_channels: u32,
    group_rows: u32,
    group_channels: u32,
    group_stride: u32,
    row_stride: u32,
    channel_stride: u32,
    tap_stride: u32,
    taps: u32,
    run_taps: u32,
    tap_runs: u32,
    quads_per_group: u32,
    weight_first: u32,
    packed_first: u32,
    dtype: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<u32>;

fn weight_value(element: u32) -> f32 {
    return value_of(weight[word_of(element)], element);
}

@compute @workgroup_size(64)
fn pack_weight(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + local;
    let by_quad = divide(invocation / ROWS_TOGETHER, params.quads_per_group);
    let by_run = divide(by_quad.x, params.tap_runs);
    let of_dispatch = by_run.x * ROWS_TOGETHER + invocation % ROWS_TOGETHER;
    if of_dispatch >= params.rows {
        return;
    }
    let row = divide(params.row_first + of_dispatch, params.group_rows);
    let group = row.x;
    let of_quad = table_entry(group * params.quads_per_group + by_quad.y);
    let lane = vec4<u32>(0u, 1u, 2u, 3u);
    let exists = lane < vec4<u32>(select(0u, of_quad.y, row.y < params.group_out_channels));
    let channel = of_quad.x - group * params.group_channels;
    let row_quads = params.taps * params.quads_per_group;
    let of_row = params.weight_first + group * params.group_stride + row.y * params.row_stride;
    let elements = of_row + (channel + lane) * params.channel_stride;
    let address = quad_address(group, row.y, by_quad.y, params.group_rows, row_quads) - params.packed_first;
    let first = by_run.y * params.run_taps;
    let end = min(first + params.run_taps, params.taps);
    for (var tap = first; tap < end; tap++) {
        // What does not exist reads the first word.
        let element = select(vec4<u32>(0u), elements + tap * params.tap_stride, exists);
        let value = vec4<f32>(
            weight_value(element.x), weight_value(element.y), weight_value(element.z), weight_value(element.w),
        );
        store_made(address + tap * params.quads_per_group * NEXT_QUAD, select(vec4<f32>(0.0), value, exists));
    }
}
