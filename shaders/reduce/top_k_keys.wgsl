// Keys by which the elements of rows are sorted: first by their order, shared/order.wgsl, then by their rows
//
// input   rows of a tensor (planes, extent, columns) along its middle axis, an element `step` behind the one before it, a plane `plane`
// keys    a word for each element: the complement of its key; or where by_row is 1, the row of the element that the value is of
// values  a word for each element: row * extent + index, which is read where by_row is 1, and else written
//
// One invocation does one word.

struct Params {
    rows: u32,
    columns: u32,
    extent: u32,
    plane: u32,
    step: u32,
    order: u32,
    by_row: u32,
    input_first: u32,
    keys_first: u32,
    values_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> keys: array<u32>;
@group(0) @binding(3) var<storage, read_write> values: array<u32>;

@compute @workgroup_size(64)
fn top_k_keys(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = linear_workgroup(workgroup, grid) * 64u + lane;
    if number >= params.rows * params.extent {
        return;
    }
    let by_row = params.by_row != 0u;
    let value = select(number, values[params.values_first + number], by_row);
    let at = divide(value, params.extent);
    let by_plane = divide(at.x, params.columns);
    let element = by_plane.x * params.plane + by_plane.y + at.y * params.step;
    keys[params.keys_first + number] = select(~key_of(input[params.input_first + element], params.order), at.x, by_row);
    values[params.values_first + number] = value;
}
