// The same as deform_col2im where the samples of a strip are few beside the pixels of an image: what it takes follows from the samples. Pixels
// that none is near are left alone, so that all others are added to.
//
// touched  touched_pixels.wgsl
//
// Other bindings, chains and sums: shared/chains.wgsl. There is one image. One invocation does one pixel of a list, if it is among those of the
// dispatch, for the channels of one run.

@group(0) @binding(7) var<storage, read> touched: array<u32>;

@compute @workgroup_size(64)
fn deform_col2im_touched(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.listed);
    if mine.x >= params.runs {
        return;
    }
    let run = table_entry(params.run_first + mine.x);
    let list = (run.y - params.offset_group_first) * (1u + params.listed);
    if mine.y >= touched[list] {
        return;
    }
    let pixel = touched[list + 1u + mine.y];
    if pixel - params.pixel_first < params.pixels {
        add_chains(0u, run, pixel, heads_around(0u, run, divide(pixel, params.width)));
    }
}
