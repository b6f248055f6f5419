// A plain convolution of 3 x 3, 5 x 5 or 7 x 7 taps without stride and dilation, with columns of padding on either side that keep the width, for groups of few output
// channels: of planes that were copied into a texture.
//
// planes  elements of the rows from row_first on, `rows` of them, of each input plane of some groups; planes are plane_elements apart. What else a window
//         takes lies outside the image and counts 0 times the weight
// weight  (group, row of the group, quad) quads, a row's by tap and quad of the group: pack_weight.wgsl
// bias    element (output channel) is bias_first + output channel, wrapping; not used where biased is 0
// output  bound from row out_row_first of plane out_first on, a multiple of four elements in output_first; where accumulate is 1, what it holds is added to; what
//         is stored is put through a function: shared/activation
//
// Output planes and groups are numbered over all images, each of which has `groups`. A group's output channels are done in group_sets sets of OUTS, the last of
// which may have fewer; sets are numbered over all groups. A dispatch does `out_rows` rows of `sets` sets from set_first on, whose input planes are those from
// group_first on. One invocation does eight pixels side by side of four rows of a set; they are numbered by run of eight, four rows, set, and a workgroup has those
// of one set. Terms are added up by channel, row of the kernel and column. Bindings: conv/direct/planes.wgsl, and the
// output's conv/depthwise/stores_quads.wgsl; OUTS and what sums are made of: conv/planes, of 3 x 3 taps narrow.wgsl with one.wgsl or three.wgsl, of others wide.wgsl,
// for groups of one input channel, with five.wgsl or seven.wgsl.
//
// For subgroups of at least 4 on a CPU: lane % 4 says which weights of a row of the kernel an invocation loads for all.

struct Params {
    window: Window,
    activation: Activation,
    group_first: u32,
    groups: u32,
    group_rows: u32,
    group_sets: u32,
    channels: u32,
    set_first: u32,
    sets: u32,
    out_first: u32,
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

// Sums of eight pixels of four rows.
struct Sums {
    r0: Eight,
    r1: Eight,
    r2: Eight,
    r3: Eight,
}

// Stores the sums of an output channel, from a row and a column on.
fn store_sums(all: Sums, channel: u32, bias_at: u32, out_row: u32, x: u32) {
    var sums = all;
    var base = 0.0;
    if params.biased != 0u {
        base = bias[params.bias_first + bias_at];
    }
    let count = min(params.window.width - x, 8u);
    var offset = params.output_first + (channel - params.out_first) * params.output_plane + out_row * params.window.width + x;
    var i = out_row;
    loop {
        store_eight(offset, count, base + sums.r0.left, base + sums.r0.right);
        sums = Sums(sums.r1, sums.r2, sums.r3, sums.r3);
        offset += params.window.width;
        i++;
        if i >= min(out_row + 4u, params.out_rows) {
            break;
        }
    }
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
    if mine.x >= params.sets {
        return;
    }
    // What is beyond the last run does that and is not stored.
    let run = 8u * mine.y + local;
    let place = divide(min(run, runs - 1u), row_runs);
    let out_row = 4u * place.x;
    let x = 8u * place.y;
    let of_all = divide(params.set_first + mine.x, params.group_sets);
    let group = divide(of_all.x, params.groups).y;
    let group_row = OUTS * of_all.y;

    let plane = (of_all.x - params.group_first) * params.channels * params.plane_elements;
    let sums = set_sums(group, group_row, plane, params.out_row_first + out_row, x, lane);
    if run < runs {
        store_set(sums, of_all.x, group, group_row, out_row, x);
    }
}
