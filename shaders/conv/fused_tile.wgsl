// Convolution without columns in memory, by tiles: what a workgroup samples goes through workgroup memory into ROWS rows.
//
// Operands: conv/fused/fused.wgsl, and the window's own file. weight holds quads of rows, (group, term, lane, quad of rows), in elements
// weight_first, weight_group from group to group, weight_row from lane to lane; its binding starts at term_first of the first group.
//
// One workgroup does a tile of ROWS rows and PIXELS pixels, DEPTH terms at a time; what an invocation does of it is the file's that declares its sums:
// conv/fused/sums_8x8.wgsl or sums_4x8.wgsl. The points are kept by conv/fused/points.wgsl.
//
// Of the workgroup each term takes, for each pixel, four loads of quads that mostly lie in a cache, 16 multiplications and a store, against the
// ROWS * 4 multiplications of the tile. The tiles' outer indices are constants once the functions are inlined, and the inner ones are the same in
// each step: so the checks of indices are done once in a step, and what is loaded lies at constant distances. Rows of the sample tile are as much
// longer than the tile is wide that neither storing term by term nor loading pixel by pixel meets a bank twice.

@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;

const QUADS = ROWS / 4u;
const ACROSS = PIXELS / 8u;
const DOWN = QUADS / HALVES;
const LANES = DOWN * ACROSS;

// Each row a term: eight times ACROSS pixels, and what keeps rows apart.
struct SampleRow {
    pixels: array<array<vec4<f32>, ACROSS>, 8>,
    apart: array<vec4<f32>, 8u / DEPTH>,
}

// Quads come first, words last: behind a word, quads would not lie at multiples of their size, and be loaded word by word.
//
// (term, pixel) and ((term, lane, half of the tile), quad of rows)
var<workgroup> sample_tile: array<SampleRow, DEPTH>;
var<workgroup> weight_tile: array<array<vec4<f32>, DOWN>, 4u * HALVES * DEPTH>;
var<workgroup> term_end: u32;

// The weights of four rows: each column a lane.
fn weights_at(term: u32, half: u32, quad: u32) -> mat4x4<f32> {
    let at = 4u * HALVES * term + half;
    return mat4x4<f32>(
        weight_tile[at][quad],
        weight_tile[at + HALVES][quad],
        weight_tile[at + 2u * HALVES][quad],
        weight_tile[at + 3u * HALVES][quad],
    );
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
    let weight_quads = params.weight_row / 4u;
    let weight_first = (params.weight_first + tile.group * params.weight_group + params.row_first + tile.row) / 4u;
    var sums = Sums();

    // LANES is a multiple of DEPTH and of QUADS, and divides what the loops do, so that these are uniform: an invocation samples the same of DEPTH
    // terms for all its pixels, and loads weights of the same rows.
    let step = term_at(DEPTH);
    var mine = term_at(terms.x + lane % DEPTH);
    var last = term_at(terms.x + DEPTH - 1u);
    var next_point = point_at(group, term_at(terms.x));
    for (var term = terms.x; term < end; term += DEPTH) {
        let point_end = point_number(group, last, channel_quads[group.quad_first + last.quad].z) + 1u;
        if next_point.number < point_end {
            keep_points(tile, group, &next_point, point_end, lane);
            workgroupBarrier();
        }
        let quad = group.quad_first + mine.quad;
        let table = channel_quads[quad];
        let counts = lanes_of(select(0u, table.y, term + lane % DEPTH < terms.y));
        let ring = point_number(group, mine, table.z) % DEPTH * PIXELS;
        for (var done = 0u; done < DEPTH * PIXELS; done += LANES) {
            let pixel = (done + lane) / DEPTH;
            let value = sample(corners[ring + pixel], factors[ring + pixel], quad);
            sample_tile[lane % DEPTH].pixels[pixel / ACROSS][pixel % ACROSS] = select(vec4<f32>(0.0), value, counts);
        }
        last = term_behind(last, step);
        mine = term_behind(mine, step);
        // Rows beyond the last are loaded like others, wherever that is, and not stored.
        let weight_start = weight_first + 4u * (term - params.term_first) * weight_quads + lane % QUADS;
        for (var done = 0u; done < DEPTH * ROWS; done += LANES) {
            let i = done + lane;
            let value = weight[weight_start + i / QUADS * weight_quads];
            weight_tile[i / DOWN][i % DOWN] = select(vec4<f32>(0.0), value, term + i / ROWS < terms.y);
        }
        workgroupBarrier();
        let lane_pixel = lane % ACROSS;
        let lane_quad = lane / ACROSS;
        multiply(&sums, 0u, lane_pixel, lane_quad);
        multiply(&sums, 1u, lane_pixel, lane_quad);
        if DEPTH > 2u {
            multiply(&sums, 2u, lane_pixel, lane_quad);
            multiply(&sums, 3u, lane_pixel, lane_quad);
        }
        workgroupBarrier();
    }

    store_sums(tile, &sums, lane % ACROSS, lane / ACROSS);
}
