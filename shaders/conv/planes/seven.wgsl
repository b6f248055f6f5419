// Rows of seven taps: conv/planes/wide.wgsl.

const SIDE = 7u;

// Four elements before eight pixels, the first of which is not used.
fn before(at: u32, exists: bool) -> Side {
    return quad(at - 4u, exists);
}

// Four elements behind them, the last of which is not used.
fn behind(at: u32, exists: bool) -> Side {
    return quad(at, exists);
}

fn with_taps(sums: Eight, weights: vec2<f32>, row: Row) -> Eight {
    let three = with_tap(
        with_tap(
            with_tap(sums, subgroupBroadcast(weights.x, 0u), by_minus_3(row)),
            subgroupBroadcast(weights.x, 1u),
            by_minus_2(row),
        ),
        subgroupBroadcast(weights.x, 2u),
        by_minus_1(row),
    );
    let five = with_tap(
        with_tap(three, subgroupBroadcast(weights.x, 3u), Eight(row.left, row.right)),
        subgroupBroadcast(weights.y, 0u),
        by_1(row),
    );
    return with_tap(
        with_tap(five, subgroupBroadcast(weights.y, 1u), by_2(row)),
        subgroupBroadcast(weights.y, 2u),
        by_3(row),
    );
}
