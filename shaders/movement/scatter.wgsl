// Updates of rows of a tensor: output[row] becomes what it makes with each of the row's updates in turn
//
// keys     (entries) in ascending order: the row that an update is of; others than the `rows` from row_first on are left alone
// numbers  (entries) the number of the update
// updates  (updates, columns), and
// output   (rows, columns): a row lies `row` after the one before it
//
// Elements and how an update is put together with one: movement/parts/update_f32.wgsl, movement/parts/update_i32.wgsl.
//
// One invocation does one column of one entry: where it is the first of its row it does all of the row, and else nothing. Where an update replaces the
// element, it is the last that does it, and the others nothing.

struct Params {
    entries: u32,
    columns: u32,
    row_first: u32,
    rows: u32,
    row: u32,
    reduction: u32,
    keys_first: u32,
    numbers_first: u32,
    updates_first: u32,
    output_first: u32,
}

// Reductions; the other one is by the larger.
const REPLACE = 0u;
const ADD = 1u;
const MUL = 2u;
const MIN = 3u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<u32>;
@group(0) @binding(2) var<storage, read> numbers: array<u32>;
@group(0) @binding(3) var<storage, read> updates: array<Number>;
@group(0) @binding(4) var<storage, read_write> output: array<Number>;

@compute @workgroup_size(64)
fn scatter(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.columns);
    let entry = item.x;
    if entry >= params.entries {
        return;
    }
    let key = keys[params.keys_first + entry];
    if key - params.row_first >= params.rows {
        return;
    }
    // That before the first is beyond all.
    let beside = select(entry - 1u, entry + 1u, params.reduction == REPLACE);
    let inside = beside < params.entries;
    if inside & (keys[params.keys_first + select(entry, beside, inside)] == key) {
        return;
    }
    let at = params.output_first + (key - params.row_first) * params.row + item.y;
    var value = output[at];
    for (var next = entry; next < params.entries; next++) {
        if keys[params.keys_first + next] != key {
            break;
        }
        let update = params.updates_first + numbers[params.numbers_first + next] * params.row + item.y;
        value = updated(value, updates[update], params.reduction);
    }
    output[at] = value;
}
