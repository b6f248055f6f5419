// Windows over planes: a function of the elements of each
//
// input    (plane, z, y, x), bound from the first element on that the dispatch reads; it has elements from input_first on, which wraps
// output   (plane, z, y, x): all that the dispatch does, one behind another
//
// The function is the variant's: reduce/pool/pool_max.wgsl and its like, which declare a State that elements are added to. One invocation does
// four elements side by side of up to rows_together rows. How it goes through the taps of a row of the input is the variant's too: with_row of reduce/pool/rows. How it stores
// them: shared/quads.

// An axis of the planes. The dispatch does `outs` elements of the output from out_first on. Elements of windows that lie before `counted` count
// where padding does.
struct Axis {
    extent: u32,
    outs: u32,
    out_first: u32,
    kernel: u32,
    stride: u32,
    padding: u32,
    dilation: u32,
    counted: u32,
}

struct Params {
    z: Axis,
    y: Axis,
    x: Axis,
    planes: u32,
    rows_together: u32,
    count_padding: u32,
    plane_first: u32,
    plane_elements: u32,
    index_z: u32,
    index_y: u32,
    index_x: u32,
    input_first: u32,
    output_first: u32,
    indices_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> output: array<Stored>;

// The first element of the window of an output element; wraps before the first of the plane.
fn start(axis: Axis, out: u32) -> u32 {
    return (axis.out_first + out) * axis.stride - axis.padding;
}

// A row of the input, as four windows side by side see it.
struct Row {
    // Its first element in the input.
    first: u32,
    inside: bool,
    counted: bool,
    index: u32,
    // The first tap of the first window.
    x: u32,
}

// Where a tap of the four windows lies.
fn tap(row: Row, k: u32) -> vec4<u32> {
    return row.x + k * params.x.dilation + params.x.stride * vec4<u32>(0u, 1u, 2u, 3u);
}

// What the elements of a tap add.
fn with_tap(state: State, row: Row, k: u32, values: vec4<f32>) -> State {
    let x = tap(row, k);
    let inside = vec4<bool>(row.inside) & (x < vec4<u32>(params.x.extent));
    let counted = vec4<bool>(row.counted) & (vec4<i32>(x) < vec4<i32>(i32(params.x.counted)));
    return added(state, values, inside, inside | counted, row.index + x * params.index_x);
}

// What the windows that begin there hold.
fn window(plane: u32, z_start: u32, y_start: u32, x_start: u32) -> State {
    var state = empty_state();
    var i = 0u;
    loop {
        let z = z_start + i * params.z.dilation;
        var j = 0u;
        loop {
            let y = y_start + j * params.y.dilation;
            let row_inside = z < params.z.extent && y < params.y.extent;
            let row_counted = i32(z) < i32(params.z.counted) && i32(y) < i32(params.y.counted) && params.count_padding != 0u;
            let first = plane + (z * params.y.extent + y) * params.x.extent;
            state = with_row(state, Row(first, row_inside, row_counted, z * params.index_z + y * params.index_y, x_start));
            j++;
            if j >= params.y.kernel {
                break;
            }
        }
        i++;
        if i >= params.z.kernel {
            break;
        }
    }
    return state;
}

@compute @workgroup_size(64)
fn pool(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = divide(linear_workgroup(workgroup, grid) * 64u + lane, (params.x.outs + 3u) / 4u);
    let rows = divide(item.x, (params.y.outs + params.rows_together - 1u) / params.rows_together);
    let at = divide(rows.x, params.z.outs);
    if at.x >= params.planes {
        return;
    }
    let first = 4u * item.y;
    let count = min(4u, params.x.outs - first);
    let z_start = start(params.z, at.y);
    let x_start = start(params.x, first);
    let plane = params.input_first + at.x * params.plane_elements;
    var y_out = rows.y * params.rows_together;
    let y_end = min(y_out + params.rows_together, params.y.outs);
    loop {
        let state = window(plane, z_start, start(params.y, y_out), x_start);
        store_state(at.x, (rows.x * params.y.outs + y_out) * params.x.outs + first, count, state);
        y_out++;
        if y_out >= y_end {
            break;
        }
    }
}
