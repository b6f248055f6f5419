// The same as deform_col2im where the samples of a strip are few beside the pixels of an image: what it takes follows from the samples. Pixels
// that none is near are left alone, so that all others are added to.
//
// cells  shared/samples.wgsl
//
// Other bindings, chains and sums: shared/chains.wgsl. An image has image_rows rows. One invocation does one run for one neighbour of one sample,
// if the sample is the head of its cell, and the cell the first around that neighbour which is not empty.

@group(0) @binding(7) var<storage, read> cells: array<u32>;

@compute @workgroup_size(64)
fn deform_col2im_touched(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.image_rows);
    let by_neighbour = divide(mine.x, params.runs);
    let image = by_neighbour.x / 4u;
    if image >= params.images {
        return;
    }
    let run = table_entry(params.run_first + by_neighbour.y);
    let row = (params.image_first + image) * params.image_rows + mine.y;
    let cell = cells[run.y * params.strip_pixels * params.taps + row];
    let up_left = vec2<u32>(by_neighbour.x / 2u % 2u, by_neighbour.x % 2u);
    // Wraps above and left of the image.
    let yx = divide(select(cell, 0u, cell == NOWHERE), params.width + 1u) - up_left;
    let pixel = yx.x * params.width + yx.y;
    let counts = cell != NOWHERE && yx.y < params.width && pixel - params.pixel_first < params.pixels;
    if !counts {
        return;
    }
    let head = heads_around(image, run, yx);
    let which = vec4<u32>(0u, 1u, 2u, 3u);
    let own = vec4<u32>(2u * up_left.x + up_left.y);
    if any((which == own) & (head == vec4<u32>(row))) && all((which >= own) | (head == vec4<u32>(NOWHERE))) {
        add_chains(image, run, pixel, head);
    }
}
