// Windows over planes: the largest element of each, or the mean
//
// input    (plane, z, y, x), bound from the first element on that the dispatch reads; it has elements from input_first on, which wraps
// output   (plane, z, y, x): all that the dispatch does, one behind another
// indices  the same, where indexed is 1: the index of each largest element in the whole input, which counts plane_elements for a plane, and
//          index_z, index_y, index_x along its axes; all ones, where the window has no element
//
// The largest of what is equal is the first, and a NaN is larger than all. A mean is that of the elements, and of the padding as zeros where
// count_padding is 1. One invocation does four elements side by side.

const AVERAGE = 1u;

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
    kind: u32,
    planes: u32,
    count_padding: u32,
    indexed: u32,
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
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<storage, read_write> indices: array<u32>;

fn is_nan(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

// The first element of the window of an output element; wraps before the first of the plane.
fn start(axis: Axis, out: u32) -> u32 {
    return (axis.out_first + out) * axis.stride - axis.padding;
}

// Does the output element at an address, of a window that starts at z, y, x.
fn pool_window(plane: u32, z_start: u32, y_start: u32, x_start: u32, at: u32) {
    let first = params.input_first + plane * params.plane_elements;
    var best = 0.0;
    var best_index = 0xffffffffu;
    var found = false;
    var sum = 0.0;
    var count = 0u;
    for (var i = 0u; i < params.z.kernel; i++) {
        let z = z_start + i * params.z.dilation;
        for (var j = 0u; j < params.y.kernel; j++) {
            let y = y_start + j * params.y.dilation;
            let row = first + (z * params.y.extent + y) * params.x.extent;
            let row_inside = z < params.z.extent && y < params.y.extent;
            let row_counted = i32(z) < i32(params.z.counted) && i32(y) < i32(params.y.counted);
            for (var k = 0u; k < params.x.kernel; k++) {
                let x = x_start + k * params.x.dilation;
                let inside = row_inside && x < params.x.extent;
                let value = input[select(0u, row + x, inside)];
                let larger = !found || (!is_nan(best) && (is_nan(value) || value > best));
                if inside && larger {
                    best = value;
                    best_index = z * params.index_z + y * params.index_y + x * params.index_x;
                }
                found = found || inside;
                sum += select(0.0, value, inside);
                let padded = row_counted && i32(x) < i32(params.x.counted) && params.count_padding != 0u;
                count += u32(inside || padded);
            }
        }
    }
    let mean = select(sum / f32(max(count, 1u)), 0.0, count == 0u);
    let largest = select(bitcast<f32>(0xff800000u), best, found);
    output[params.output_first + at] = select(largest, mean, params.kind == AVERAGE);
    if params.indexed != 0u {
        let index = (params.plane_first + plane) * params.plane_elements + best_index;
        indices[params.indices_first + at] = select(0xffffffffu, index, found);
    }
}

@compute @workgroup_size(64)
fn pool(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let item = divide(linear_workgroup(workgroup, grid) * 64u + lane, (params.x.outs + 3u) / 4u);
    let row = divide(item.x, params.y.outs);
    let at = divide(row.x, params.z.outs);
    if at.x >= params.planes {
        return;
    }
    let z = start(params.z, at.y);
    let y = start(params.y, row.y);
    for (var x = 4u * item.y; x < min(4u * item.y + 4u, params.x.outs); x++) {
        pool_window(at.x, z, y, start(params.x, x), item.x * params.x.outs + x);
    }
}
