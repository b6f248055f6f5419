// Sums of an output channel of a group of one input channel, of SIDE x SIDE taps: conv/conv2d_planes.wgsl. Rows of taps: five.wgsl, seven.wgsl.

// Four elements before eight pixels, and four behind: those in reach of the taps, others for nothing.
alias Side = vec4<f32>;

// Eight pixels, so many columns before or behind their own.
fn by_minus_3(row: Row) -> Eight {
    return Eight(vec4<f32>(row.before.yzw, row.left.x), vec4<f32>(row.left.yzw, row.right.x));
}

fn by_minus_2(row: Row) -> Eight {
    return Eight(vec4<f32>(row.before.zw, row.left.xy), vec4<f32>(row.left.zw, row.right.xy));
}

fn by_minus_1(row: Row) -> Eight {
    return Eight(vec4<f32>(row.before.w, row.left.xyz), vec4<f32>(row.left.w, row.right.xyz));
}

fn by_1(row: Row) -> Eight {
    return Eight(vec4<f32>(row.left.yzw, row.right.x), vec4<f32>(row.right.yzw, row.behind.x));
}

fn by_2(row: Row) -> Eight {
    return Eight(vec4<f32>(row.left.zw, row.right.xy), vec4<f32>(row.right.zw, row.behind.xy));
}

fn by_3(row: Row) -> Eight {
    return Eight(vec4<f32>(row.left.w, row.right.xyz), vec4<f32>(row.right.w, row.behind.xyz));
}

fn with_tap(sums: Eight, weight: f32, pixels: Eight) -> Eight {
    return Eight(sums.left + weight * pixels.left, sums.right + weight * pixels.right);
}

// A weight of a row of taps for each invocation: the first four, or the others.
fn row_weights(first: u32, lane: u32) -> vec2<f32> {
    return vec2<f32>(
        textureLoad(weight, texel(first + lane % 4u * NEXT_QUAD)).x,
        textureLoad(weight, texel(first + min(4u + lane % 4u, SIDE - 1u) * NEXT_QUAD)).x,
    );
}

// The sums of an output channel, a row of a group, from rows and columns of the plane on.
fn set_sums(group: u32, group_row: u32, plane: u32, y: u32, x: u32, lane: u32) -> Set {
    var weights_at = quad_address(group, group_row, 0u, params.group_rows, SIDE * SIDE);
    var row_0 = row_at(plane, y, x);
    var row_1 = row_at(plane, y + 1u, x);
    var row_2 = row_at(plane, y + 2u, x);
    var sums: Sums;
    var i = 0u;
    loop {
        let row_3 = row_at(plane, y + 3u + i, x);
        let weights = row_weights(weights_at, lane);
        sums = Sums(
            with_taps(sums.r0, weights, row_0),
            with_taps(sums.r1, weights, row_1),
            with_taps(sums.r2, weights, row_2),
            with_taps(sums.r3, weights, row_3),
        );
        row_0 = row_1;
        row_1 = row_2;
        row_2 = row_3;
        weights_at += SIDE * NEXT_QUAD;
        i++;
        if i >= SIDE {
            break;
        }
    }
    return sums;
}
