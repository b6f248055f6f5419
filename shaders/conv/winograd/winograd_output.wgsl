// Output tiles of a convolution by conv/winograd/points.wgsl: A m of 6 x 6 sums, plus a bias for each output channel, put through a function.
//
// input   conv/winograd/planes.wgsl
// packed  packed weight, (group, output channel of the group, quad), an output channel's quads by tap and quad of the group: conv/pack_weight.wgsl,
//         shared/rows/packed.wgsl, shared/panels/packed.wgsl
// bias    element (output channel) is bias_first + output channel, wrapping; not used where biased is 0
// sums    (number in the tile, group, tile, quad of the group's output channels) quads, sums_batch of them for each group; tiles are counted from
//         the strip's first on: conv/winograd/sums_buffer.wgsl, sums_texture.wgsl
// output  element (image, output channel, pixel) is output_first + image * output_image + output channel * output_plane + pixel, wrapping:
//         shared/quads/store_elements.wgsl, shared/quads/store_quads.wgsl; for the function see shared/activation
//
// Quads are those of output channels, of which a group has row_quads. One invocation does a quad of a tile of 4 x 4 pixels.
//
// A tile with a pixel that is not finite is done over, pixel by pixel: infinity or NaN in its input reaches pixels whose windows do not hold it, and the
// transforms may overflow where a pixel's own sum does not.

struct Params {
    grid: TileGrid,
    activation: Activation,
    group_rows: u32,
    row_quads: u32,
    sums_batch: u32,
    biased: u32,
    bias_first: u32,
    output_first: u32,
    output_image: u32,
    output_plane: u32,
    dtype: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<Stored>;

// Four pixels side by side, or below one another, of four output channels.
struct Four {
    p0: vec4<f32>,
    p1: vec4<f32>,
    p2: vec4<f32>,
    p3: vec4<f32>,
}

// Along one axis.
fn transformed(m: Six) -> Four {
    let even_p = m.v1 + m.v2;
    let odd_p = P * (m.v1 - m.v2);
    let even_q = m.v3 + m.v4;
    let odd_q = Q * (m.v3 - m.v4);
    return Four(m.v0 + even_p + even_q, odd_p + odd_q, PP * even_p + QQ * even_q, PP * odd_p + QQ * odd_q + m.v5);
}

// A column of a tile of sums.
fn column(at: u32, next: u32) -> Four {
    return transformed(Six(
        load_sums(at), load_sums(at + next), load_sums(at + 2u * next), load_sums(at + 3u * next), load_sums(at + 4u * next), load_sums(at + 5u * next),
    ));
}

// The largest magnitudes of four pixels, as bits.
fn largest(row: Four) -> vec4<u32> {
    let magnitude = vec4<u32>(0x7fffffffu);
    let left = max(bitcast<vec4<u32>>(row.p0) & magnitude, bitcast<vec4<u32>>(row.p1) & magnitude);
    return max(left, max(bitcast<vec4<u32>>(row.p2) & magnitude, bitcast<vec4<u32>>(row.p3) & magnitude));
}

// The first, or the second where that is asked for.
fn either(second: bool, a: Four, b: Four) -> Four {
    return Four(select(a.p0, b.p0, second), select(a.p1, b.p1, second), select(a.p2, b.p2, second), select(a.p3, b.p3, second));
}

// Stores a row of a tile of the channels that exist, if it lies in the image.
fn store_row(start: u32, place: Place, out_row: u32, channels: u32, base: vec4<f32>, row: Four) {
    let by_channel = transpose(mat4x4<f32>(row.p0 + base, row.p1 + base, row.p2 + base, row.p3 + base));
    let inside = place.y + out_row < params.grid.out_height;
    let at = start + out_row * params.grid.out_width;
    let left = params.grid.out_width - place.x;
    var lane = 0u;
    loop {
        if inside && lane < channels {
            let second = lane % 2u == 1u;
            let values = select(
                select(by_channel[0], by_channel[1], second), select(by_channel[2], by_channel[3], second), lane >= 2u,
            );
            store_four(at + lane * params.output_plane, left, activated_four(values, params.activation));
        }
        lane++;
        if lane >= 4u {
            break;
        }
    }
}

@compute @workgroup_size(64)
fn winograd_output(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + local;
    let by_quad = divide(invocation / TILES_TOGETHER, params.grid.quads);
    let of_dispatch = by_quad.x * TILES_TOGETHER + invocation % TILES_TOGETHER;
    if of_dispatch >= params.grid.tiles {
        return;
    }
    let tile = params.grid.tile_first + of_dispatch;
    let by_group = divide(params.grid.quad_first + by_quad.y, params.row_quads);
    let group = by_group.x;
    let group_row = 4u * by_group.y;
    let rows_left = params.group_rows - group_row;

    let next = params.grid.groups * params.sums_batch;
    let at = group * params.sums_batch + (tile - params.grid.strip_first) * params.row_quads + by_group.y;
    let c0 = column(at, next);
    let c1 = column(at + 6u * next, next);
    let c2 = column(at + 12u * next, next);
    let c3 = column(at + 18u * next, next);
    let c4 = column(at + 24u * next, next);
    let c5 = column(at + 30u * next, next);
    let r0 = transformed(Six(c0.p0, c1.p0, c2.p0, c3.p0, c4.p0, c5.p0));
    let r1 = transformed(Six(c0.p1, c1.p1, c2.p1, c3.p1, c4.p1, c5.p1));
    let r2 = transformed(Six(c0.p2, c1.p2, c2.p2, c3.p2, c4.p2, c5.p2));
    let r3 = transformed(Six(c0.p3, c1.p3, c2.p3, c3.p3, c4.p3, c5.p3));

    let exist = vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(rows_left);
    let magnitudes = max(max(largest(r0), largest(r1)), max(largest(r2), largest(r3)));
    let finite = !any(exist & (magnitudes >= vec4<u32>(0x7f800000u)));
    let place = place_of(tile);
    let four_rows = group_row + min(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(rows_left - 1u));
    let row_quads = 9u * params.grid.group_quads;
    let w0 = quad_address(group, four_rows.x, 0u, params.group_rows, row_quads);
    let w1 = quad_address(group, four_rows.y, 0u, params.group_rows, row_quads);
    let w2 = quad_address(group, four_rows.z, 0u, params.group_rows, row_quads);
    let w3 = quad_address(group, four_rows.w, 0u, params.group_rows, row_quads);
    let channel = group * params.group_rows + four_rows;
    let biased = params.biased != 0u;
    let biases = select(vec4<u32>(0u), params.bias_first + channel, biased);
    let base = select(vec4<f32>(0.0), vec4<f32>(bias[biases.x], bias[biases.y], bias[biases.z], bias[biases.w]), biased);
    let start = params.output_first + place.image * params.output_image + channel.x * params.output_plane + place.y * params.grid.out_width + place.x;
    var out_row = 0u;
    loop {
        let odd = out_row % 2u == 1u;
        let row = either(out_row >= 2u, either(odd, r0, r1), either(odd, r2, r3));
        store_row(start, place, out_row, rows_left, base, row);
        out_row++;
        if out_row >= 4u {
            break;
        }
    }

    // No row where all is finite. The ends of the loops inside are no uniforms, which lavapipe would compile the shader anew for.
    out_row = select(0u, 4u, finite);
    let depth = select(params.grid.group_quads, 0u, finite);
    let taps = select(9u, 0u, finite);
    loop {
        if out_row >= 4u {
            break;
        }
        var row: Four;
        var tap = 0u;
        var k = 0u;
        loop {
            let tap_y = place.y + out_row + tap / 3u - params.grid.padding_top;
            let tap_x = place.x + tap % 3u - params.grid.padding_left;
            var quad = 0u;
            loop {
                let planes = planes_of(place.image, group, quad);
                let weights = mat4x4<f32>(load_packed(w0 + k), load_packed(w1 + k), load_packed(w2 + k), load_packed(w3 + k));
                row.p0 += pixel(planes, tap_y, tap_x) * weights;
                row.p1 += pixel(planes, tap_y, tap_x + 1u) * weights;
                row.p2 += pixel(planes, tap_y, tap_x + 2u) * weights;
                row.p3 += pixel(planes, tap_y, tap_x + 3u) * weights;
                k += NEXT_QUAD;
                quad++;
                if quad >= depth {
                    break;
                }
            }
            tap++;
            if tap >= taps {
                break;
            }
        }
        store_row(start, place, out_row, rows_left, base, row);
        out_row++;
    }
}
