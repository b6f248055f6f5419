// A plain convolution of 3 x 3 taps without dilation, of images of three channels at most, with one column of padding before them: of planes that were copied
// into a texture.
//
// planes  elements of the rows from row_first on, `rows` of them, of each input plane of the images; planes are plane_elements apart. What else a window takes lies
//         outside the image and counts 0 times the weight
// weight  (output channel, quad) quads, an output channel's by tap: pack_weight.wgsl
// bias    element (output channel) is bias_first + output channel, wrapping; not used where biased is 0
// output  element (image, output channel, row, column) of the dispatch is output_first + image * output_image + output channel * output_plane + row * out_width +
//         column, a multiple of four for each row; where accumulate is 1, what it holds is added to; what is stored is put through a function: shared/activation
//
// A dispatch does `outs` output channels from out_first on, of out_rows rows from out_row_first on, of `images` images, the first of which is image_first of the
// texture. One invocation does eight pixels side by side of all of these channels; they are numbered by run of eight, row, image, and a workgroup has those of
// one image. Terms are added up by row of the kernel, channel and column. Bindings: conv/direct/planes.wgsl; how far apart windows are: conv/stem/one.wgsl,
// two.wgsl.
//
// For subgroups of at least 4 on a CPU: lane % 4 says which weights of a row of the kernel an invocation loads for all.

struct Params {
    window: Window,
    activation: Activation,
    channels: u32,
    image_first: u32,
    images: u32,
    out_first: u32,
    outs: u32,
    out_row_first: u32,
    out_rows: u32,
    out_channels: u32,
    row_first: u32,
    rows: u32,
    plane_elements: u32,
    accumulate: u32,
    biased: u32,
    bias_first: u32,
    output_first: u32,
    output_image: u32,
    output_plane: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

// What eight output pixels take of a row of a plane, by tap.
struct Columns {
    c0: Eight,
    c1: Eight,
    c2: Eight,
}

// Those of the three channels.
struct Row {
    p0: Columns,
    p1: Columns,
    p2: Columns,
}

// The weights of a row of the kernel, of each channel.
struct Weights {
    p0: vec3<f32>,
    p1: vec3<f32>,
    p2: vec3<f32>,
}

// A row of the planes of an image from column x on; rows are counted from the first of the padding. What lies before row_first wraps.
fn row_at(first: u32, y: u32, x: u32) -> Row {
    let row = y - params.window.padding_top - params.row_first;
    let exists = row < params.rows;
    let at = first + row * params.window.width + x;
    return Row(
        columns_at(at, x, exists),
        columns_at(at + params.plane_elements, x, exists & (params.channels > 1u)),
        columns_at(at + 2u * params.plane_elements, x, exists & (params.channels > 2u)),
    );
}

fn weights_at(channel: u32, row: u32, lane: u32) -> Weights {
    let own = textureLoad(weight, texel(quad_address(0u, channel, 3u * row + min(lane % 4u, 2u), params.out_channels, 9u))).xyz;
    let w0 = subgroupBroadcast(own, 0u);
    let w1 = subgroupBroadcast(own, 1u);
    let w2 = subgroupBroadcast(own, 2u);
    return Weights(vec3<f32>(w0.x, w1.x, w2.x), vec3<f32>(w0.y, w1.y, w2.y), vec3<f32>(w0.z, w1.z, w2.z));
}

fn with_plane(sums: Eight, weights: vec3<f32>, columns: Columns) -> Eight {
    let left = weights.x * columns.c0.left + weights.y * columns.c1.left + weights.z * columns.c2.left;
    let right = weights.x * columns.c0.right + weights.y * columns.c1.right + weights.z * columns.c2.right;
    return Eight(sums.left + left, sums.right + right);
}

fn with_row(sums: Eight, weights: Weights, row: Row) -> Eight {
    return with_plane(with_plane(with_plane(sums, weights.p0, row.p0), weights.p1, row.p1), weights.p2, row.p2);
}

@compute @workgroup_size(8)
fn conv2d_stem(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let row_runs = (params.window.out_width + 7u) / 8u;
    let runs = row_runs * params.out_rows;
    let mine = divide(linear_workgroup(workgroup, grid), (runs + 7u) / 8u);
    // Uniform over the workgroup.
    if mine.x >= params.images {
        return;
    }
    // What is beyond the last run does that and is not stored.
    let run = 8u * mine.y + local;
    let place = divide(min(run, runs - 1u), row_runs);
    let out_x = 8u * place.y;
    let first = (params.image_first + mine.x) * params.channels * params.plane_elements;
    let y = STRIDE * (params.out_row_first + place.x);
    let row_0 = row_at(first, y, STRIDE * out_x);
    let row_1 = row_at(first, y + 1u, STRIDE * out_x);
    let row_2 = row_at(first, y + 2u, STRIDE * out_x);

    let count = min(params.window.out_width - out_x, 8u);
    var offset = params.output_first + mine.x * params.output_image + place.x * params.window.out_width + out_x;
    var channel = params.out_first;
    loop {
        let weights_0 = weights_at(channel, 0u, lane);
        let weights_1 = weights_at(channel, 1u, lane);
        let weights_2 = weights_at(channel, 2u, lane);
        let sums = with_row(with_row(with_row(Eight(), weights_0, row_0), weights_1, row_1), weights_2, row_2);
        var base = 0.0;
        if params.biased != 0u {
            base = bias[params.bias_first + channel];
        }
        if run < runs {
            store_eight(offset, count, base + sums.left, base + sums.right);
        }
        offset += params.output_plane;
        channel++;
        if channel >= params.out_first + params.outs {
            break;
        }
    }
}
