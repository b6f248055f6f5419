// Rows of windows two elements apart, of three taps or more, without dilation: a tap of four windows has three elements of the tap before the last,
// reduce/pool/rows/elements.wgsl.

fn with_row(before: State, row: Row) -> State {
    var even = four_at(row, tap(row, 0u));
    var odd = four_at(row, tap(row, 1u));
    var state = with_tap(with_tap(before, row, 0u, even), row, 1u, odd);
    var k = 2u;
    loop {
        let taken = vec4<f32>(even.yzw, one_at(row, tap(row, k).w));
        state = with_tap(state, row, k, taken);
        even = odd;
        odd = taken;
        k++;
        if k >= params.x.kernel {
            break;
        }
    }
    return state;
}
