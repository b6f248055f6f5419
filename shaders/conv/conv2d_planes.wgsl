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
// Output planes and groups are numbered over all images, each of which has `groups`. A group's output channels are done in group_sets sets of OUTS, the last of
// which may have fewer; sets are numbered over all groups. A dispatch does `out_rows` rows of `sets` sets from set_first on, whose input planes are those from
// group_first on. One invocation does eight pixels side by side of four rows of a set; they are numbered by run of eight, four rows, set, and a workgroup has those
// of one set. Terms are added up by channel, row of the kernel and column. Bindings: conv/direct/planes.wgsl; OUTS: conv/planes/one.wgsl, three.wgsl.
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

// What eight pixels of four rows take of a plane.
struct Block {
    r0: Row,
    r1: Row,
    r2: Row,
    r3: Row,
    r4: Row,
    r5: Row,
}

fn block_at(plane: u32, y: u32, x: u32) -> Block {
    return Block(
        row_at(plane, y, x),
        row_at(plane, y + 1u, x),
        row_at(plane, y + 2u, x),
        row_at(plane, y + 3u, x),
        row_at(plane, y + 4u, x),
        row_at(plane, y + 5u, x),
    );
}

// For each row of the kernel one of its weights, of four channels: of an output channel.
struct Weights {
    r0: vec4<f32>,
    r1: vec4<f32>,
    r2: vec4<f32>,
}

// Those of a quad of channels, from the quad at `first` on.
fn weights_at(first: u32, quad: u32, lane: u32) -> Weights {
    let at = first + (min(lane % 4u, 2u) * params.window.quads_per_group + quad) * NEXT_QUAD;
    let row = 3u * params.window.quads_per_group * NEXT_QUAD;
    return Weights(
        textureLoad(weight, texel(at)),
        textureLoad(weight, texel(at + row)),
        textureLoad(weight, texel(at + 2u * row)),
    );
}

// The weights of a row of the kernel, of one of four channels.
fn weights_of(row: vec4<f32>, within: u32) -> vec3<f32> {
    let own = select(select(row.x, row.y, within == 1u), select(row.z, row.w, within == 3u), within >= 2u);
    return vec3<f32>(subgroupBroadcast(own, 0u), subgroupBroadcast(own, 1u), subgroupBroadcast(own, 2u));
}

// Sums of eight pixels of four rows.
struct Sums {
    r0: Eight,
    r1: Eight,
    r2: Eight,
    r3: Eight,
}

fn with_row(sums: Eight, weights: vec3<f32>, row: Row) -> Eight {
    let left = weights.x * vec4<f32>(row.before, row.left.xyz) + weights.y * row.left + weights.z * vec4<f32>(row.left.yzw, row.right.x);
    let right = weights.x * vec4<f32>(row.left.w, row.right.xyz) + weights.y * row.right + weights.z * vec4<f32>(row.right.yzw, row.behind);
    return Eight(sums.left + left, sums.right + right);
}

// Adds a plane, one of the four channels of the weights.
fn with_plane(sums: Sums, weights: Weights, within: u32, block: Block) -> Sums {
    let w0 = weights_of(weights.r0, within);
    let w1 = weights_of(weights.r1, within);
    let w2 = weights_of(weights.r2, within);
    return Sums(
        with_row(with_row(with_row(sums.r0, w0, block.r0), w1, block.r1), w2, block.r2),
        with_row(with_row(with_row(sums.r1, w0, block.r1), w1, block.r2), w2, block.r3),
        with_row(with_row(with_row(sums.r2, w0, block.r2), w1, block.r3), w2, block.r4),
        with_row(with_row(with_row(sums.r3, w0, block.r3), w1, block.r4), w2, block.r5),
    );
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

    let rows = set_rows(group, group_row);
    var plane = (of_all.x - params.group_first) * params.channels * params.plane_elements;
    let y = params.out_row_first + out_row;
    var sums: Set;
    var quad = 0u;
    loop {
        let weights = set_weights(rows, quad, lane);
        let count = min(params.channels - 4u * quad, 4u);
        var within = 0u;
        loop {
            sums = with_block(sums, weights, within, block_at(plane, y, x));
            plane += params.plane_elements;
            within++;
            if within >= count {
                break;
            }
        }
        quad++;
        if quad >= params.window.quads_per_group {
            break;
        }
    }
    if run < runs {
        store_set(sums, of_all.x, group, group_row, out_row, x);
    }
}
