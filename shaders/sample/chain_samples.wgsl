// The samples of each cell as a chain, by ascending row: what has to be added to a pixel, in an order that depends on nothing else.
//
// cells      sample/parts/samples.wgsl
// samples    likewise: the follower of each is stored, one of its four words
// heads      (image, offset_group, cell): the first row of a cell's chain; NOWHERE where it is empty
//
// A dispatch does `cells` cells of each image from cell_first on, and offset_groups offset groups from offset_group_first on, from
// which heads are counted. An image has image_rows rows, of which those from row_first to row_end are chained. One invocation does `owned`
// cells of one image and offset group: it walks over all of these samples, last to first, and takes those that are its own. Heads are made
// empty first, unless emptied says that they are.

struct Params {
    images: u32,
    image_rows: u32,
    rows: u32,
    offset_group_first: u32,
    offset_groups: u32,
    cell_first: u32,
    cells: u32,
    owned: u32,
    row_first: u32,
    row_end: u32,
    emptied: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> cells: array<u32>;
@group(0) @binding(2) var<storage, read_write> samples: array<u32>;
@group(0) @binding(3) var<storage, read_write> heads: array<u32>;

@compute @workgroup_size(8)
fn chain_samples(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let owners = (params.cells + params.owned - 1u) / params.owned;
    let mine = divide(linear_workgroup(workgroup, grid) * 8u + lane, owners);
    let image = divide(mine.x, params.offset_groups);
    if image.x >= params.images {
        return;
    }
    let first = mine.y * params.owned;
    let count = min(params.owned, params.cells - first);
    let chains = mine.x * params.cells + first;
    for (var i = 0u; i < select(count, 0u, params.emptied != 0u); i++) {
        heads[chains + i] = NOWHERE;
    }
    let cell_first = params.cell_first + first;
    let samples_first = (params.offset_group_first + image.y) * params.rows;
    let row_first = image.x * params.image_rows + params.row_first;
    for (var row = image.x * params.image_rows + params.row_end; row > row_first;) {
        row--;
        let cell = cells[samples_first + row] - cell_first;
        if cell < count {
            samples[4u * (samples_first + row) + 3u] = heads[chains + cell];
            heads[chains + cell] = row;
        }
    }
}
