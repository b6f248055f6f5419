// The same as deform_col2im where the samples of a strip are few beside the pixels of an image: what it takes follows from the samples. Pixels
// that none is near are left alone, so that all others are added to.
//
// counts   touched_pixels.wgsl
// touched  likewise
//
// Other bindings, chains and sums: sample/parts/chains.wgsl. There is one image. One invocation does each `workers`-th pixel of one list, of those
// among the pixels of the dispatch, for the channels of one run. `workers` is a multiple of 64: a workgroup does one list, so that it meets each
// sample once.

@group(0) @binding(6) var<storage, read> counts: array<u32>;
@group(0) @binding(7) var<storage, read> touched: array<u32>;

@compute @workgroup_size(64)
fn deform_col2im_touched(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.workers);
    if mine.x / 4u >= params.piece.runs {
        return;
    }
    let run = table_entry(params.piece.run_first + mine.x / 4u);
    let list = 4u * (run.y - params.offset_group_first) + mine.x % 4u;
    for (var entry = mine.y; entry < counts[list]; entry += params.workers) {
        let pixel = touched[list * params.listed + entry];
        if pixel - params.piece.pixel_first < params.piece.pixels {
            add_chains(0u, run, pixel, heads_around(0u, run, divide(pixel, params.window.width)));
        }
    }
}
