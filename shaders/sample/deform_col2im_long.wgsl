// The same as deform_col2im for the pixels that have a cell with more than `most` samples among the four around them.
//
// rows        chain_sorted.wgsl
// keys        likewise
// long_cells  likewise, `listed` of them at most
//
// Columns and gradients: shared/col2im.wgsl; samples: sample/parts/samples.wgsl; offset groups and cells: chain_samples.wgsl. One workgroup does
// each `workers`-th neighbour of a long cell, which has four, for the channels of one run; of a pixel that has several long cells, that of the
// first. Each invocation adds up every 64th sample of a cell, and their sums are added up in order.

struct Params {
    window: Window,
    piece: InputPiece,
    offset_group_first: u32,
    offset_groups: u32,
    cell_first: u32,
    cells: u32,
    most: u32,
    listed: u32,
    workers: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read> rows: array<u32>;
@group(0) @binding(6) var<storage, read> keys: array<u32>;
@group(0) @binding(7) var<storage, read> long_cells: array<u32>;

// (quad, invocation)
var<workgroup> partial: array<vec4<f32>, 256>;
// The first sample of each of the four cells, and the one behind its last.
var<workgroup> bounds: array<u32, 8>;

// How many samples have lower keys.
fn samples_before(key: u32) -> u32 {
    var first = 0u;
    var end = params.offset_groups * params.window.pixels * params.window.taps;
    while first < end {
        let middle = first + (end - first) / 2u;
        if keys[middle] < key {
            first = middle + 1u;
        } else {
            end = middle;
        }
    }
    return first;
}

@compute @workgroup_size(64)
fn deform_col2im_long(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid), params.workers);
    if mine.x >= params.piece.runs {
        return;
    }
    let run = table_entry(params.piece.run_first + mine.x);
    let channels = min(run.w % 32u, params.piece.lane_end);
    let quads = (channels + 3u) / 4u;
    for (var entry = mine.y; entry < 4u * long_cells[0]; entry += params.workers) {
        let neighbour = entry % 4u;
        let chain = divide(long_cells[1u + entry / 4u], params.cells);
        let by_image = divide(chain.x, params.offset_groups);
        let image = by_image.x - params.piece.image_first;
        let in_image = params.cell_first + chain.y;
        // What is above or left of the image wraps.
        let yx = divide(in_image, params.window.width + 1u) - vec2<u32>(neighbour / 2u, neighbour % 2u);
        let pixel = yx.x * params.window.width + yx.y;
        let counts = by_image.y == run.y - params.offset_group_first && image < params.piece.images
            && yx.y < params.window.width && pixel - params.piece.pixel_first < params.piece.pixels;
        if lane < 8u {
            let cell = chain.x * params.cells - params.cell_first + yx.x * (params.window.width + 1u) + yx.y
                + (lane / 4u) * (params.window.width + 1u) + (lane / 2u) % 2u;
            bounds[lane] = 0u;
            if counts {
                bounds[lane] = samples_before(cell + lane % 2u);
            }
        }
        workgroupBarrier();
        let first = vec4<u32>(bounds[0], bounds[2], bounds[4], bounds[6]);
        let end = vec4<u32>(bounds[1], bounds[3], bounds[5], bounds[7]);
        let is_long = end - first > vec4<u32>(params.most);
        let first_long = select(select(select(3u, 2u, is_long.z), 1u, is_long.y), 0u, is_long.x);
        let does = counts && first_long == neighbour;
        var sums = Sums(vec4<f32>(0.0), vec4<f32>(0.0), vec4<f32>(0.0), vec4<f32>(0.0));
        for (var cell = 0u; cell < 4u; cell++) {
            for (var at = first[cell] + lane; at < select(0u, end[cell], does); at += 64u) {
                let row = rows[at];
                let at_sample = bitcast<vec4<f32>>(load_sample(run.y * params.window.pixels * params.window.taps + row));
                sums = add_sample(sums, run, quads, row, at_sample, cell < 2u, cell % 2u == 0u);
            }
        }
        partial[lane] = sums.q0;
        partial[64u + lane] = sums.q1;
        partial[128u + lane] = sums.q2;
        partial[192u + lane] = sums.q3;
        workgroupBarrier();
        if does && lane >= params.piece.lane_first && lane < channels {
            let at = gradient_start(image, run, pixel) + lane * params.piece.plane;
            var sum = select(0.0, grad_input[at], params.piece.accumulate != 0u);
            for (var i = 0u; i < 64u; i++) {
                sum += partial[(lane / 4u) * 64u + i][lane % 4u];
            }
            grad_input[at] = sum;
        }
        workgroupBarrier();
    }
}
