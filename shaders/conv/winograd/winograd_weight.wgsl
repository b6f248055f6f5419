// A weight of 3 x 3 taps for a convolution by conv/winograd/points.wgsl: G g of each quad of channels of each output channel.
//
// weight  (output channel, channel of the group, tap), from output channel out_channel_first on, which is element weight_first:
//         shared/stored_32.wgsl, shared/stored_16.wgsl
// made    (number in the tile, group, output channel of the group, quad of the group) quads, 0 in the lanes beyond the channels:
//         shared/rows/made.wgsl, shared/panels/made.wgsl
//
// A dispatch does `rows` output channels from out_channel_first on. One invocation does a quad of one; those of rows that lie together follow one another.

struct Params {
    out_channel_first: u32,
    rows: u32,
    groups: u32,
    group_rows: u32,
    group_channels: u32,
    group_quads: u32,
    weight_first: u32,
    dtype: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<u32>;

fn weight_value(element: u32) -> f32 {
    return value_of(weight[word_of(element)], element);
}

// One tap of four channels; what does not exist reads the first word.
fn tap(elements: vec4<u32>, exists: vec4<bool>, i: u32) -> vec4<f32> {
    let element = select(vec4<u32>(0u), elements + i, exists);
    let value = vec4<f32>(weight_value(element.x), weight_value(element.y), weight_value(element.z), weight_value(element.w));
    return select(vec4<f32>(0.0), value, exists);
}

// Along one axis.
fn transformed(g0: vec4<f32>, g1: vec4<f32>, g2: vec4<f32>) -> Six {
    let even_p = (g0 + PP * g2) / (2.0 * PP * (PP - QQ));
    let odd_p = P * g1 / (2.0 * PP * (PP - QQ));
    let even_q = (g0 + QQ * g2) / (2.0 * QQ * (QQ - PP));
    let odd_q = Q * g1 / (2.0 * QQ * (QQ - PP));
    return Six(g0 / (PP * QQ), even_p + odd_p, even_p - odd_p, even_q + odd_q, even_q - odd_q, g2);
}

// A row of taps.
fn taps(elements: vec4<u32>, exists: vec4<bool>) -> Six {
    return transformed(tap(elements, exists, 0u), tap(elements, exists, 1u), tap(elements, exists, 2u));
}

@compute @workgroup_size(64)
fn winograd_weight(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + local;
    let by_quad = divide(invocation / ROWS_TOGETHER, params.group_quads);
    let of_dispatch = by_quad.x * ROWS_TOGETHER + invocation % ROWS_TOGETHER;
    if of_dispatch >= params.rows {
        return;
    }
    let row = divide(params.out_channel_first + of_dispatch, params.group_rows);
    let channel = 4u * by_quad.y + vec4<u32>(0u, 1u, 2u, 3u);
    let exists = channel < vec4<u32>(params.group_channels);
    let elements = params.weight_first + (of_dispatch * params.group_channels + channel) * 9u;

    let r0 = taps(elements, exists);
    let r1 = taps(elements + 3u, exists);
    let r2 = taps(elements + 6u, exists);
    let columns = Tile(
        transformed(r0.v0, r1.v0, r2.v0),
        transformed(r0.v1, r1.v1, r2.v1),
        transformed(r0.v2, r1.v2, r2.v2),
        transformed(r0.v3, r1.v3, r2.v3),
        transformed(r0.v4, r1.v4, r2.v4),
        transformed(r0.v5, r1.v5, r2.v5),
    );
    let first = quad_address(row.x, row.y, by_quad.y, params.group_rows, params.group_quads);
    store_tile(first, quad_address(params.groups, 0u, 0u, params.group_rows, params.group_quads), columns);
}
