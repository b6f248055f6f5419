// Rows of a tensor (planes, extent, columns) along its middle axis, or a range of it: the element `at` of a row lies at start + at * step.
//
// A workgroup does `width` rows side by side, a power of 2, each by `lanes`, 64 / width. The lanes of a row lie side by side where its elements
// do, where step is 1; elsewhere rows do, and so do the lanes of different rows.

struct Rows {
    rows: u32,
    columns: u32,
    extent: u32,
    step: u32,
    plane: u32,
    width: u32,
    lanes: u32,
    // Whether what is found of a row adds to what is held of it: 1 or 0.
    continues: u32,
}

// An invocation's part of a row.
struct Row {
    number: u32,
    inside: bool,
    start: u32,
    lane: u32,
    // The place of the row in the workgroup, and that of the lane in workgroup memory: lane * width + place.
    place: u32,
    slot: u32,
}

// Whether a workgroup has rows at all.
fn has_rows(workgroup: u32) -> bool {
    return workgroup * params.rows.width < params.rows.rows;
}

fn row_of(workgroup: u32, invocation: u32) -> Row {
    let along = params.rows.step == 1u;
    let apart = divide(invocation, select(params.rows.width, params.rows.lanes, along));
    let lane = select(apart.x, apart.y, along);
    let place = select(apart.y, apart.x, along);
    let number = workgroup * params.rows.width + place;
    let by_plane = divide(number, params.rows.columns);
    let start = by_plane.x * params.rows.plane + by_plane.y;
    return Row(number, number < params.rows.rows, start, lane, place, lane * params.rows.width + place);
}

// The end of a loop over the elements of a row: 0 where the row is not done. Not the uniform itself: see matmul/parts/matmul.wgsl.
fn end_of(row: Row, done: u32) -> u32 {
    return select(0u, params.rows.extent, row.inside & (done != 0u));
}

fn element_of(row: Row, at: u32) -> u32 {
    return row.start + at * params.rows.step;
}
