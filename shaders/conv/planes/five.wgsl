// Rows of five taps: conv/planes/wide.wgsl.

const SIDE = 5u;

// Four elements before eight pixels, of which the first two are 0.
fn before(at: u32, exists: bool) -> Side {
    return vec4<f32>(0.0, 0.0, element(at - 2u, exists), element(at - 1u, exists));
}

// Four elements behind them, of which the last two are 0.
fn behind(at: u32, exists: bool) -> Side {
    return vec4<f32>(element(at, exists), element(at + 1u, exists), 0.0, 0.0);
}

fn with_taps(sums: Eight, weights: vec2<f32>, row: Row) -> Eight {
    let three = with_tap(
        with_tap(
            with_tap(sums, subgroupBroadcast(weights.x, 0u), by_minus_2(row)),
            subgroupBroadcast(weights.x, 1u),
            by_minus_1(row),
        ),
        subgroupBroadcast(weights.x, 2u),
        Eight(row.left, row.right),
    );
    return with_tap(
        with_tap(three, subgroupBroadcast(weights.x, 3u), by_1(row)),
        subgroupBroadcast(weights.y, 0u),
        by_2(row),
    );
}
