// The pixels that samples are near, where these are few beside the pixels of an image: lists of what deform_col2im_touched has to do.
//
// cells    sample/parts/samples.wgsl
// heads    chain_samples.wgsl, of one image
// counts   (offset_group, list): how many pixels are listed, at first 0
// touched  (offset_group, list, listed): which, in any order
//
// Offset groups and cells: chain_samples.wgsl; those of lists are counted as those of heads. There are four lists, of the pixels with even or odd
// y and x: each sample is near one pixel of a list. A dispatch lists `pixels` pixels from pixel_first on, which have all their cells
// among those that it does. One invocation does one sample: if it is the head of its cell, it lists the neighbours around which that is the
// first cell that is not empty.

struct Params {
    rows: u32,
    width: u32,
    pixel_first: u32,
    pixels: u32,
    offset_group_first: u32,
    offset_groups: u32,
    cell_first: u32,
    cells: u32,
    listed: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> cells: array<u32>;
@group(0) @binding(2) var<storage, read> heads: array<u32>;
@group(0) @binding(3) var<storage, read_write> counts: array<atomic<u32>>;
@group(0) @binding(4) var<storage, read_write> touched: array<u32>;

// Whether a cell is empty. Those that are not there are not near any pixel that counts.
fn is_empty(chains: u32, cell: u32) -> bool {
    return heads[chains + min(cell, params.cells - 1u)] == NOWHERE;
}

// Lists a pixel, (y, x), if it is one that counts. What is above or left of the image wraps.
fn list_pixel(offset_group: u32, yx: vec2<u32>) {
    let pixel = yx.x * params.width + yx.y;
    if yx.y < params.width && pixel - params.pixel_first < params.pixels {
        let list = 4u * offset_group + 2u * (yx.x % 2u) + yx.y % 2u;
        touched[list * params.listed + atomicAdd(&counts[list], 1u)] = pixel;
    }
}

@compute @workgroup_size(64)
fn touched_pixels(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let mine = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.rows);
    if mine.x >= params.offset_groups {
        return;
    }
    let in_image = cells[(params.offset_group_first + mine.x) * params.rows + mine.y];
    let cell = in_image - params.cell_first;
    let chains = mine.x * params.cells;
    if cell >= params.cells || (heads[chains + cell] & ~LONG_BIT) != mine.y {
        return;
    }
    let yx = divide(in_image, params.width + 1u);
    let above = cell - params.width - 1u;
    let left_empty = is_empty(chains, cell - 1u);
    let above_empty = is_empty(chains, above);
    list_pixel(mine.x, yx);
    if left_empty {
        list_pixel(mine.x, yx - vec2<u32>(0u, 1u));
    }
    if above_empty && is_empty(chains, above + 1u) {
        list_pixel(mine.x, yx - vec2<u32>(1u, 0u));
    }
    if left_empty && above_empty && is_empty(chains, above - 1u) {
        list_pixel(mine.x, yx - vec2<u32>(1u));
    }
}
