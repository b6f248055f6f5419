// A copy whose neighbours in the output are not neighbours in the source: output[the place of i] = source[the place of i]
//
// source, output  an element lies at the sums, over six axes, of its index times the strides, in two's complement in the source
//
// Neighbours along `along` lie side by side in the source, and neighbours along `across` in the output. A workgroup moves 32 by 32 words of these
// two axes, and of the others it has one index. An invocation moves 4 by 4 words: copy_part, in movement/parts/tile_1.wgsl and tile_4.wgsl.

@compute @workgroup_size(64)
fn copy_tiles(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let by_across = divide(linear_workgroup(workgroup, grid), params.across.tiles);
    let by_along = divide(by_across.x, params.along.tiles);
    let by_3 = divide(by_along.x, params.outer_3.extent);
    let by_2 = divide(by_3.x, params.outer_2.extent);
    let by_1 = divide(by_2.x, params.outer_1.extent);
    if by_1.x >= params.outer_0.extent {
        return;
    }
    let first = vec2<u32>(params.source_first, params.output_first)
        + places(params.outer_0, by_1.x)
        + places(params.outer_1, by_1.y)
        + places(params.outer_2, by_2.y)
        + places(params.outer_3, by_3.y);
    copy_part(first, vec2<u32>(by_along.y, by_across.y), vec2<u32>(lane % 8u, lane / 8u));
}
