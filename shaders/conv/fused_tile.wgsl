// Convolution without columns in memory, by tiles: what a workgroup samples goes through workgroup memory into ROWS rows.
//
// Operands: conv/fused/fused.wgsl, and the window's own file. weight holds quads of rows, (group, term, lane, quad of rows), in elements
// weight_first, weight_group from group to group, weight_row from lane to lane; its binding starts at term_first of the first group.
//
// One workgroup does a tile of ROWS rows and PIXELS pixels, one invocation 8 x 8 of it, DEPTH terms at a time. A point is worked out once
// for each pixel and kept as long as its terms last: DEPTH points are, in a ring.
//
// Each term takes, of each invocation, 8 x 8 x 4 multiplications with an addition, 16 for each quad that it loads from workgroup memory. Of
// the workgroup it takes, for each pixel, four loads of quads that mostly lie in a cache, 16 multiplications and a store, against the
// ROWS * 4 multiplications of the tile: with 64 rows the sampling is about a fifth of the work, with 128 a tenth. An invocation keeps 64 sums
// and 32 weights in registers. Rows of the sample tile are as much longer than the tile is wide that neither storing term by term nor
// loading pixel by pixel meets a bank twice.

@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;

const QUADS = ROWS / 4u;
const ACROSS = PIXELS / 8u;
const DOWN = ROWS / 8u;
const STRIDE = PIXELS + 8u / DEPTH;

var<workgroup> term_end: u32;
// (point % DEPTH, pixel)
var<workgroup> corners: array<u32, DEPTH * PIXELS>;
var<workgroup> factors: array<Factor, DEPTH * PIXELS>;
// (term, pixel) and (term, lane, quad of rows)
var<workgroup> sample_tile: array<vec4<f32>, DEPTH * STRIDE>;
var<workgroup> weight_tile: array<vec4<f32>, DEPTH * ROWS>;

// The weights of four rows.
fn weights_at(i: u32) -> mat4x4<f32> {
    return mat4x4<f32>(weight_tile[i], weight_tile[i + QUADS], weight_tile[i + 2u * QUADS], weight_tile[i + 3u * QUADS]);
}

@compute @workgroup_size(LANES)
fn fused_tile(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = tile_of(linear_workgroup(workgroup, grid), ROWS, PIXELS);
    // Uniform over the workgroup.
    if tile.split >= params.splits {
        return;
    }
    let group = group_of(tile);
    let terms = terms_of(tile.split);
    if lane == 0u {
        term_end = terms.y;
    }
    // Through memory, for lavapipe: see conv/fused/fused.wgsl.
    let end = workgroupUniformLoad(&term_end);
    let weight_start = (params.weight_first + tile.group * params.weight_group + params.row_first + tile.row) / 4u;
    let weight_quads = params.weight_row / 4u;
    let row_quads = (params.rows - tile.row + 3u) / 4u;

    // Of the tile: two times four rows, half a tile apart, and eight pixels.
    let lane_pixel = lane % ACROSS;
    let lane_quad = lane / ACROSS;
    var upper0 = vec4<f32>(0.0);
    var upper1 = vec4<f32>(0.0);
    var upper2 = vec4<f32>(0.0);
    var upper3 = vec4<f32>(0.0);
    var upper4 = vec4<f32>(0.0);
    var upper5 = vec4<f32>(0.0);
    var upper6 = vec4<f32>(0.0);
    var upper7 = vec4<f32>(0.0);
    var lower0 = vec4<f32>(0.0);
    var lower1 = vec4<f32>(0.0);
    var lower2 = vec4<f32>(0.0);
    var lower3 = vec4<f32>(0.0);
    var lower4 = vec4<f32>(0.0);
    var lower5 = vec4<f32>(0.0);
    var lower6 = vec4<f32>(0.0);
    var lower7 = vec4<f32>(0.0);

    // The first point that is not kept yet.
    var point_first = term_of(group, terms.x).x;
    for (var term = terms.x; term < end; term += DEPTH) {
        let point_end = term_of(group, min(term + DEPTH, end) - 1u).x + 1u;
        if point_first < point_end {
            for (var i = lane; i < DEPTH * PIXELS; i += LANES) {
                let point = point_first + (i / PIXELS - point_first) % DEPTH;
                if point < point_end {
                    let by_tap = divide(point, group.points);
                    let made = point_of(tile.pixel + i % PIXELS, by_tap.x, group.offset_group + by_tap.y);
                    corners[i] = made.corner;
                    factors[i] = made.factor;
                }
            }
            point_first = point_end;
            workgroupBarrier();
        }
        for (var i = lane; i < DEPTH * PIXELS; i += LANES) {
            let mine = term + i % DEPTH;
            let at = term_of(group, min(mine, end - 1u));
            let kept = at.x % DEPTH * PIXELS + i / DEPTH;
            let value = sample_of(corners[kept], factors[kept], at);
            sample_tile[i % DEPTH * STRIDE + i / DEPTH] = select(vec4<f32>(0.0), value, mine < end);
        }
        for (var i = lane; i < DEPTH * ROWS; i += LANES) {
            let depth = 4u * (term - params.term_first) + i / QUADS;
            let quad = i % QUADS;
            let exists = term + i / ROWS < end && quad < row_quads;
            let at = select(0u, weight_start + depth * weight_quads + quad, exists);
            weight_tile[i] = select(vec4<f32>(0.0), weight[at], exists);
        }
        workgroupBarrier();
        for (var i = 0u; i < DEPTH; i++) {
            let upper = weights_at(i * ROWS + lane_quad);
            let lower = weights_at(i * ROWS + lane_quad + DOWN);
            let at = i * STRIDE + lane_pixel;
            let sample0 = sample_tile[at];
            upper0 = add(upper0, sample0, upper);
            lower0 = add(lower0, sample0, lower);
            let sample1 = sample_tile[at + ACROSS];
            upper1 = add(upper1, sample1, upper);
            lower1 = add(lower1, sample1, lower);
            let sample2 = sample_tile[at + 2u * ACROSS];
            upper2 = add(upper2, sample2, upper);
            lower2 = add(lower2, sample2, lower);
            let sample3 = sample_tile[at + 3u * ACROSS];
            upper3 = add(upper3, sample3, upper);
            lower3 = add(lower3, sample3, lower);
            let sample4 = sample_tile[at + 4u * ACROSS];
            upper4 = add(upper4, sample4, upper);
            lower4 = add(lower4, sample4, lower);
            let sample5 = sample_tile[at + 5u * ACROSS];
            upper5 = add(upper5, sample5, upper);
            lower5 = add(lower5, sample5, lower);
            let sample6 = sample_tile[at + 6u * ACROSS];
            upper6 = add(upper6, sample6, upper);
            lower6 = add(lower6, sample6, lower);
            let sample7 = sample_tile[at + 7u * ACROSS];
            upper7 = add(upper7, sample7, upper);
            lower7 = add(lower7, sample7, lower);
        }
        workgroupBarrier();
    }

    // Few sites of stores, in a loop: lavapipe compiles each for long.
    let row = tile.row + 4u * lane_quad;
    for (var i = 0u; i < 8u; i++) {
        let pixel = tile.pixel + lane_pixel + i * ACROSS;
        store(tile, pixel, row, upper0);
        store(tile, pixel, row + ROWS / 2u, lower0);
        upper0 = upper1;
        upper1 = upper2;
        upper2 = upper3;
        upper3 = upper4;
        upper4 = upper5;
        upper5 = upper6;
        upper6 = upper7;
        lower0 = lower1;
        lower1 = lower2;
        lower2 = lower3;
        lower3 = lower4;
        lower4 = lower5;
        lower5 = lower6;
        lower6 = lower7;
    }
}
