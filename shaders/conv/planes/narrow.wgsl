// Sums of a set of output channels, of 3 x 3 taps: conv/conv2d_planes.wgsl.

// One element before eight pixels, and one behind.
alias Side = f32;

fn before(at: u32, exists: bool) -> Side {
    return element(at - 1u, exists);
}

fn behind(at: u32, exists: bool) -> Side {
    return element(at, exists);
}

// What eight pixels of four rows take of a plane.
struct Block {
    r0: Row,
    r1: Row,
    r2: Row,
    r3: Row,
    r4: Row,
    r5: Row,
}

fn block_at(plane: u32, y: u32, x: u32) -> Block {
    return Block(
        row_at(plane, y, x),
        row_at(plane, y + 1u, x),
        row_at(plane, y + 2u, x),
        row_at(plane, y + 3u, x),
        row_at(plane, y + 4u, x),
        row_at(plane, y + 5u, x),
    );
}

// Of an output channel, for each row of the kernel, the weight of one tap for four channels.
struct Weights {
    r0: vec4<f32>,
    r1: vec4<f32>,
    r2: vec4<f32>,
}

// Those of a quad of channels, from the quad at `first` on.
fn weights_at(first: u32, quad: u32, lane: u32) -> Weights {
    let at = first + (min(lane % 4u, 2u) * params.window.quads_per_group + quad) * NEXT_QUAD;
    let row = 3u * params.window.quads_per_group * NEXT_QUAD;
    return Weights(
        textureLoad(weight, texel(at)),
        textureLoad(weight, texel(at + row)),
        textureLoad(weight, texel(at + 2u * row)),
    );
}

// The weights of a row of the kernel, of one of four channels.
fn weights_of(row: vec4<f32>, within: u32) -> vec3<f32> {
    let own = select(select(row.x, row.y, within == 1u), select(row.z, row.w, within == 3u), within >= 2u);
    return vec3<f32>(subgroupBroadcast(own, 0u), subgroupBroadcast(own, 1u), subgroupBroadcast(own, 2u));
}

fn with_row(sums: Eight, weights: vec3<f32>, row: Row) -> Eight {
    let left = weights.x * vec4<f32>(row.before, row.left.xyz) + weights.y * row.left + weights.z * vec4<f32>(row.left.yzw, row.right.x);
    let right = weights.x * vec4<f32>(row.left.w, row.right.xyz) + weights.y * row.right + weights.z * vec4<f32>(row.right.yzw, row.behind);
    return Eight(sums.left + left, sums.right + right);
}

// Adds a plane, one of the four channels of the weights.
fn with_plane(sums: Sums, weights: Weights, within: u32, block: Block) -> Sums {
    let w0 = weights_of(weights.r0, within);
    let w1 = weights_of(weights.r1, within);
    let w2 = weights_of(weights.r2, within);
    return Sums(
        with_row(with_row(with_row(sums.r0, w0, block.r0), w1, block.r1), w2, block.r2),
        with_row(with_row(with_row(sums.r1, w0, block.r1), w1, block.r2), w2, block.r3),
        with_row(with_row(with_row(sums.r2, w0, block.r2), w1, block.r3), w2, block.r4),
        with_row(with_row(with_row(sums.r3, w0, block.r3), w1, block.r4), w2, block.r5),
    );
}

// The sums of a set of a group, which begins with a row of it, from rows and columns of the planes on.
fn set_sums(group: u32, group_row: u32, first: u32, y: u32, x: u32, lane: u32) -> Set {
    let rows = set_rows(group, group_row);
    var plane = first;
    var sums: Set;
    var quad = 0u;
    loop {
        let weights = set_weights(rows, quad, lane);
        let count = min(params.channels - 4u * quad, 4u);
        var within = 0u;
        loop {
            sums = with_block(sums, weights, within, block_at(plane, y, x));
            plane += params.plane_elements;
            within++;
            if within >= count {
                break;
            }
        }
        quad++;
        if quad >= params.window.quads_per_group {
            break;
        }
    }
    return sums;
}
