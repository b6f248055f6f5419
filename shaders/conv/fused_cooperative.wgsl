// Convolution without columns in memory, by tiles of cooperative matrices: samples and weights rounded to f16, sums in f32.
//
// Operands: conv/fused/fused.wgsl, and the window's own file. weight holds (group, term, lane, row) in f16, with weight_first, weight_group and
// weight_row as in fused_tile.wgsl; it has rows for whole tiles and whole steps of terms, 0 beyond those that there are.
//
// One workgroup of four subgroups does a tile of 4 x 4 matrices, rows by pixels, one subgroup 2 x 2 of it, DEPTH terms at a time. Samples go through
// workgroup memory: points as in conv/fused/points.wgsl, and (pixel, term, lane), pixels STRIDE elements apart, so that a matrix of samples starts
// at a multiple of 16 bytes and eight pixels meet no bank twice. Weights are read where they lie: two subgroups read the same, side by side.
//
// What a matrix holds where is the device's to know, so the sums go through workgroup memory too, one matrix of each subgroup at a time.

@group(0) @binding(2) var<storage, read> weight: array<f16>;

const ROWS = 4u * SIDE;
const PIXELS = 4u * SIDE;
const DEPTH = 4u;
const STRIDE = 4u * DEPTH + 8u;
const MATRIX = SIDE * SIDE;

// (pixel, term, lane); and (subgroup, row, pixel)
var<workgroup> sample_tile: array<f16, PIXELS * STRIDE>;
var<workgroup> sums: array<f32, 4u * MATRIX>;
var<workgroup> term_end: u32;

@compute @workgroup_size(LANES)
fn fused_cooperative(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    let tile = tile_of(linear_workgroup(workgroup, grid), ROWS, PIXELS);
    // Naga does not know it to be uniform over the workgroup, and so lets nobody return.
    let exists = tile.split < params.splits;
    let group = group_of(tile);
    let terms = terms_of(tile.split);
    if lane == 0u {
        term_end = select(0u, terms.y, exists);
    }
    // Through memory, for lavapipe: see conv/fused/fused.wgsl.
    let end = workgroupUniformLoad(&term_end);

    // Of the tile, in matrices: two rows from here on, and two columns.
    let matrix_row = subgroup / 2u * 2u;
    let matrix_column = subgroup % 2u * 2u;
    let weight_start = params.weight_first + tile.group * params.weight_group + params.row_first + tile.row + matrix_row * SIDE;
    let sample_start = matrix_column * SIDE * STRIDE;
    var sums0 = Sums();
    var sums1 = Sums();
    var sums2 = Sums();
    var sums3 = Sums();

    // LANES is a multiple of DEPTH: an invocation samples the same of DEPTH terms for all its pixels.
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
            let value = select(vec4<f32>(0.0), sample(corners[ring + pixel], factors[ring + pixel], quad), counts);
            let to = pixel * STRIDE + 4u * (lane % DEPTH);
            sample_tile[to] = f16(value.x);
            sample_tile[to + 1u] = f16(value.y);
            sample_tile[to + 2u] = f16(value.z);
            sample_tile[to + 3u] = f16(value.w);
        }
        last = term_behind(last, step);
        mine = term_behind(mine, step);
        workgroupBarrier();
        for (var depth = 0u; depth < 4u * DEPTH; depth += SIDE) {
            let weight_at = weight_start + (4u * (term - params.term_first) + depth) * params.weight_row;
            let upper = coopLoad<Weights>(&weight[weight_at], params.weight_row);
            let lower = coopLoad<Weights>(&weight[weight_at + SIDE], params.weight_row);
            let left = coopLoad<Samples>(&sample_tile[sample_start + depth], STRIDE);
            let right = coopLoad<Samples>(&sample_tile[sample_start + SIDE * STRIDE + depth], STRIDE);
            sums0 = coopMultiplyAdd(upper, left, sums0);
            sums1 = coopMultiplyAdd(upper, right, sums1);
            sums2 = coopMultiplyAdd(lower, left, sums2);
            sums3 = coopMultiplyAdd(lower, right, sums3);
        }
        workgroupBarrier();
    }

    for (var matrix = 0u; matrix < 4u; matrix++) {
        coopStoreT(sums0, &sums[subgroup * MATRIX], SIDE);
        workgroupBarrier();
        for (var i = lane; i < MATRIX; i += LANES) {
            let pixel = i % SIDE;
            let quad = i / SIDE % (SIDE / 4u);
            let owner = i / (MATRIX / 4u);
            let first = owner * MATRIX + 4u * quad * SIDE + pixel;
            let row = (owner / 2u * 2u + matrix / 2u) * SIDE + 4u * quad;
            let column = (owner % 2u * 2u + matrix % 2u) * SIDE + pixel;
            let value = vec4<f32>(sums[first], sums[first + SIDE], sums[first + 2u * SIDE], sums[first + 3u * SIDE]);
            if exists {
                store(tile, tile.pixel + column, tile.row + row, value);
            }
        }
        workgroupBarrier();
        sums0 = sums1;
        sums1 = sums2;
        sums2 = sums3;
    }
}
