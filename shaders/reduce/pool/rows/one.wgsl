// Rows of windows one element apart, of two taps or more, without dilation: a tap of four windows has three elements of the tap before,
// reduce/pool/rows/elements.wgsl.

fn with_row(before: State, row: Row) -> State {
    var taken = four_at(row, tap(row, 0u));
    var state = with_tap(before, row, 0u, taken);
    var k = 1u;
    loop {
        taken = vec4<f32>(taken.yzw, one_at(row, tap(row, k).w));
        state = with_tap(state, row, k, taken);
        k++;
        if k >= params.x.kernel {
            break;
        }
    }
    return state;
}
