// Operands that broadcast to an output of `rows` rows of extent_5 elements, the rows along five axes, the last varying fastest: in operand a, b or c
// an element lies at the sum, over the axes, of its index times the stride, which is 0 where an axis is repeated.
//
// One invocation does a run of elements of a row: finding the row takes longer than the elements do.

struct Broadcast {
    rows: u32,
    extent_1: u32,
    extent_2: u32,
    extent_3: u32,
    extent_4: u32,
    extent_5: u32,
    a_stride_0: u32,
    a_stride_1: u32,
    a_stride_2: u32,
    a_stride_3: u32,
    a_stride_4: u32,
    a_stride_5: u32,
    b_stride_0: u32,
    b_stride_1: u32,
    b_stride_2: u32,
    b_stride_3: u32,
    b_stride_4: u32,
    b_stride_5: u32,
    c_stride_0: u32,
    c_stride_1: u32,
    c_stride_2: u32,
    c_stride_3: u32,
    c_stride_4: u32,
    c_stride_5: u32,
}

// The row of an invocation and its first element there, where each does `run`.
fn row_and_first(workgroup: vec3<u32>, grid: vec3<u32>, lane: u32, run: u32) -> vec2<u32> {
    let item = divide(linear_workgroup(workgroup, grid) * 64u + lane, (params.broadcast.extent_5 + run - 1u) / run);
    return vec2<u32>(item.x, run * item.y);
}

// Where a row starts in the operands.
fn row_starts(row: u32) -> vec3<u32> {
    let axes = params.broadcast;
    let by_4 = divide(row, axes.extent_4);
    let by_3 = divide(by_4.x, axes.extent_3);
    let by_2 = divide(by_3.x, axes.extent_2);
    let by_1 = divide(by_2.x, axes.extent_1);
    return by_1.x * vec3<u32>(axes.a_stride_0, axes.b_stride_0, axes.c_stride_0)
        + by_1.y * vec3<u32>(axes.a_stride_1, axes.b_stride_1, axes.c_stride_1)
        + by_2.y * vec3<u32>(axes.a_stride_2, axes.b_stride_2, axes.c_stride_2)
        + by_3.y * vec3<u32>(axes.a_stride_3, axes.b_stride_3, axes.c_stride_3)
        + by_4.y * vec3<u32>(axes.a_stride_4, axes.b_stride_4, axes.c_stride_4);
}

// How far apart the elements of a row lie.
fn column_strides() -> vec3<u32> {
    return vec3<u32>(params.broadcast.a_stride_5, params.broadcast.b_stride_5, params.broadcast.c_stride_5);
}
