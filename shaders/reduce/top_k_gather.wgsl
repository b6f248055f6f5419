// The first k elements of each row of a sorted list, and their indices
//
// input            (planes, extent, columns), a plane `plane` behind the one before, an element of a row `step`
// list             of each row the indices of its elements in their order, plus row * base; one lies `each` words behind the one before, those of
//                  the next row `list_row` words behind
// values, indices  (planes, k, columns), a plane `out_plane` behind the one before, a rank `step`
//
// One invocation does one element.

struct Params {
    planes: u32,
    columns: u32,
    k: u32,
    plane: u32,
    out_plane: u32,
    step: u32,
    each: u32,
    list_row: u32,
    base: u32,
    input_first: u32,
    list_first: u32,
    values_first: u32,
    indices_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read> list: array<u32>;
@group(0) @binding(3) var<storage, read_write> values: array<u32>;
@group(0) @binding(4) var<storage, read_write> indices: array<u32>;

@compute @workgroup_size(64)
fn top_k_gather(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = linear_workgroup(workgroup, grid) * 64u + lane;
    if number >= params.planes * params.k * params.columns {
        return;
    }
    let by_column = divide(number, params.columns);
    let by_plane = divide(by_column.x, params.k);
    let row = by_plane.x * params.columns + by_column.y;
    let index = list[params.list_first + row * params.list_row + by_plane.y * params.each] - row * params.base;
    let to = by_plane.x * params.out_plane + by_plane.y * params.step + by_column.y;
    let source = by_plane.x * params.plane + index * params.step + by_column.y;
    values[params.values_first + to] = input[params.input_first + source];
    indices[params.indices_first + to] = index;
}
