// A plain convolution of 3 x 3 taps without stride and dilation, with one column of padding on either side, for groups of few output channels: of planes that
// were copied into a texture.
//
// planes  elements of the rows from row_first on, `rows` of them, of each input plane of some groups; planes are plane_elements apart. What else a window
//         takes lies outside the image and counts 0 times the weight
// weight  (group, row of the group, quad) quads, a row's by tap and quad of the group: pack_weight.wgsl
// bias    element (output channel) is bias_first + output channel, wrapping; not used where biased is 0
// output  bound from row out_row_first of plane out_first on, a multiple of four elements in output_first; where accumulate is 1, what it holds is added to; what
//         is stored is put through a function: shared/activation
//
// Output planes and groups are numbered over all images, each of which has `groups`. A dispatch does `out_rows` rows of `outs` planes, whose input planes are those
// from group_first on. One invocation does eight pixels side by side of four rows; they are numbered by run of eight, four rows, plane, and a workgroup has those of
// one plane. Terms are added up by channel, row of the kernel and column. Bindings: conv/direct/planes.wgsl.
//
// For subgroups of at least 4 on a CPU: lane % 4 says which weight of a row of the kernel an invocation loads for all.

struct Params {
    window: Window,
    activation: Activation,
    group_first: u32,
    groups: u32,
    group_rows: u32,
    channels: u32,
    out_first: u32,
    outs: u32,
    out_row_first: u32,
    out_rows: u32,
    row_first: u32,
    rows: u32,
    plane_elements: u32,
    accumulate: u32,
    biased: u32,
    bias_first: u32,
    output_first: u32,
    output_plane: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

// What eight pixels take of a row: one before them, themselves, and one behind.
struct Row {
    before: f32,
    left: vec4<f32>,
    right: vec4<f32>,
    behind: f32,
}

// A row of a plane, at columns from x on; rows are counted from the first of the padding. What lies before row_first wraps.
fn row_at(plane: u32, y: u32, x: u32) -> Row {
    let row = y - params.window.padding_top - params.row_first;
    let exists = row < params.rows;
    let width = params.window.width;
    let at = plane + row * width + x;
    return Row(
        element(at - 1u, exists & (x > 0u)),
        quad(at, exists),
        quad(at + 4u, exists & (x + 4u < width)),
        element(at + 8u, exists & (x + 8u < width)),
    );
}

// The weights of a row of the kernel, of one channel.
fn weights_at(first: u32, channel: u32, row: u32, lane: u32) -> vec3<f32> {
    let tap = 3u * row + min(lane % 4u, 2u);
    let four = textureLoad(weight, texel(first + (tap * params.window.quads_per_group + channel / 4u) * NEXT_QUAD));
    let within = channel % 4u;
    let own = select(select(four.x, four.y, within == 1u), select(four.z, four.w, within == 3u), within >= 2u);
    return vec3<f32>(subgroupBroadcast(own, 0u), subgroupBroadcast(own, 1u), subgroupBroadcast(own, 2u));
}

fn with_row(sums: Eight, weights: vec3<f32>, row: Row) -> Eight {
    let left = weights.x * vec4<f32>(row.before, row.left.xyz) + weights.y * row.left + weights.z * vec4<f32>(row.left.yzw, row.right.x);
    let right = weights.x * vec4<f32>(row.left.w, row.right.xyz) + weights.y * row.right + weights.z * vec4<f32>(row.right.yzw, row.behind);
    return Eight(sums.left + left, sums.right + right);
}

@compute @workgroup_size(8)
fn conv2d_planes(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let row_runs = (params.window.width + 7u) / 8u;
    let runs = row_runs * ((params.out_rows + 3u) / 4u);
    let mine = divide(linear_workgroup(workgroup, grid), (runs + 7u) / 8u);
    // Uniform over the workgroup.
    if mine.x >= params.outs {
        return;
    }
    // What is beyond the last run does that and is not stored.
    let run = 8u * mine.y + local;
    let place = divide(min(run, runs - 1u), row_runs);
    let out_row = 4u * place.x;
    let x = 8u * place.y;
    let of_all = divide(params.out_first + mine.x, params.group_rows);
    let group = divide(of_all.x, params.groups).y;

    let weights = quad_address(group, of_all.y, 0u, params.group_rows, 9u * params.window.quads_per_group);
    var plane = (of_all.x - params.group_first) * params.channels * params.plane_elements;
    let y = params.out_row_first + out_row;
    var sums_0 = Eight();
    var sums_1 = Eight();
    var sums_2 = Eight();
    var sums_3 = Eight();
    var channel = 0u;
    loop {
        let weights_0 = weights_at(weights, channel, 0u, lane);
        let weights_1 = weights_at(weights, channel, 1u, lane);
        let weights_2 = weights_at(weights, channel, 2u, lane);
        let row_0 = row_at(plane, y, x);
        let row_1 = row_at(plane, y + 1u, x);
        let row_2 = row_at(plane, y + 2u, x);
        sums_0 = with_row(with_row(with_row(sums_0, weights_0, row_0), weights_1, row_1), weights_2, row_2);
        let row_3 = row_at(plane, y + 3u, x);
        sums_1 = with_row(with_row(with_row(sums_1, weights_0, row_1), weights_1, row_2), weights_2, row_3);
        let row_4 = row_at(plane, y + 4u, x);
        sums_2 = with_row(with_row(with_row(sums_2, weights_0, row_2), weights_1, row_3), weights_2, row_4);
        let row_5 = row_at(plane, y + 5u, x);
        sums_3 = with_row(with_row(with_row(sums_3, weights_0, row_3), weights_1, row_4), weights_2, row_5);
        plane += params.plane_elements;
        channel++;
        if channel >= params.channels {
            break;
        }
    }
    if run >= runs {
        return;
    }
    var base = 0.0;
    if params.biased != 0u {
        base = bias[params.bias_first + group * params.group_rows + of_all.y];
    }
    let count = min(params.window.width - x, 8u);
    var offset = params.output_first + mine.x * params.output_plane + out_row * params.window.width + x;
    var i = out_row;
    loop {
        store_eight(offset, count, base + sums_0.left, base + sums_0.right);
        sums_0 = sums_1;
        sums_1 = sums_2;
        sums_2 = sums_3;
        offset += params.window.width;
        i++;
        if i >= min(out_row + 4u, params.out_rows) {
            break;
        }
    }
}
