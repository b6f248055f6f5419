// Convolution without columns in memory, where a group has few rows: depthwise, above all.
//
// Operands: conv/fused/fused.wgsl, and the window's own file; weight as in fused_tile.wgsl. One workgroup does four rows of 64 pixels of one
// group, one invocation one pixel: it samples each term once and keeps what it samples in registers. All invocations read the same
// weights. There is nothing to share, so there is no workgroup memory but for the end of the loop.

@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;

const ROWS = 4u;
const PIXELS = 64u;

var<workgroup> term_end: u32;

@compute @workgroup_size(64)
fn fused_direct(
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
    var weight_at = (params.weight_first + tile.group * params.weight_group + params.row_first + tile.row) / 4u
        + 4u * (terms.x - params.term_first) * weight_quads;

    var sums = vec4<f32>(0.0);
    var point = Point();
    var point_next = 0u;
    for (var term = terms.x; term < end; term++) {
        let at = term_of(group, term);
        if at.x >= point_next {
            let by_tap = divide(at.x, group.points);
            point = point_of(tile.pixel + lane, by_tap.x, group.offset_group + by_tap.y);
            point_next = at.x + 1u;
        }
        let weights = mat4x4<f32>(
            weight[weight_at],
            weight[weight_at + weight_quads],
            weight[weight_at + 2u * weight_quads],
            weight[weight_at + 3u * weight_quads],
        );
        sums = add(sums, sample_of(point.corner, point.factor, at), weights);
        weight_at += 4u * weight_quads;
    }
    store(tile, tile.pixel + lane, tile.row, sums);
}
