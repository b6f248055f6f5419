// The gradient of a deformable convolution's input: each pixel adds up, of every sample that it is a neighbour of, the gradients of
// its columns times its weight and mask.
//
// Bindings, chains and sums: sample/parts/chains.wgsl. One invocation does one pixel for the channels of one run.

@compute @workgroup_size(64)
fn deform_col2im(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.piece.pixels);
    let at = divide(mine.x, params.piece.runs);
    if at.x >= params.piece.images {
        return;
    }
    let run = table_entry(params.piece.run_first + at.y);
    let pixel = params.piece.pixel_first + mine.y;
    let head = heads_around(at.x, run, divide(pixel, params.window.width));
    if params.piece.accumulate != 0u && all(head == vec4<u32>(NOWHERE)) {
        return;
    }
    add_chains(at.x, run, pixel, head);
}
