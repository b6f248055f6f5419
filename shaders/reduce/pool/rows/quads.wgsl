// Rows of windows one element apart or two, without dilation, that are whole quads in the input and in the output: what four windows side by side
// take lies in three quads, each of which is loaded once.
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;

// A quad, or what is neutral where it lies outside. One that no window takes may lie behind what is bound.
fn quad(row: Row, x: u32) -> vec4<f32> {
    let inside = row.inside && x < params.x.extent;
    let values = input[select(0u, row.first + x, inside) / 4u];
    return select(neutral(), values, inside);
}

fn with_row(before: State, row: Row) -> State {
    let within = row.x % 4u;
    let first = row.x - within;
    let quads = array(quad(row, first), quad(row, first + 4u), quad(row, first + 8u));
    // Elements from the first window's tap on.
    var a = four_from(within, quads[0], quads[1]);
    var b = four_from(within, quads[1], quads[2]);
    var c = four_from(within, quads[2], quads[2]);
    var state = before;
    var k = 0u;
    loop {
        state = with_tap(state, row, k, select(a, vec4<f32>(a.xz, b.xz), params.x.stride == 2u));
        a = vec4<f32>(a.yzw, b.x);
        b = vec4<f32>(b.yzw, c.x);
        c = c.yzww;
        k++;
        if k >= params.x.kernel {
            break;
        }
    }
    return state;
}
