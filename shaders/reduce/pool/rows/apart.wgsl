// Rows of windows that share few elements, or none: each tap of each is loaded, reduce/pool/rows/elements.wgsl.

fn with_row(before: State, row: Row) -> State {
    var state = before;
    var k = 0u;
    loop {
        state = with_tap(state, row, k, four_at(row, tap(row, k)));
        k++;
        if k >= params.x.kernel {
            break;
        }
    }
    return state;
}
