// Convolution without columns in memory, where a group has few rows: depthwise, above all.
//
// Operands: conv/fused/fused.wgsl, and the window's own file; weight as in fused_tile.wgsl. One workgroup does four rows of 64 pixels of one
// group, one invocation one pixel: it samples each term once and keeps what it samples in registers. All invocations read the same
// weights. There is nothing to share, so there is no workgroup memory but for the end of the loop.

@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;

const ROWS = 4u;
const PIXELS = 64u;
const NONE = 0xffffffffu;

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
    let place = place_of(tile.pixel + lane);
    let first = term_at(terms.x);
    var tap = tap_at(first.tap);
    var quad = group.quad_first + first.quad;
    let quad_end = group.quad_first + params.window.quads_per_group;
    var point = Point();
    // That of the point; none where the tap is another.
    var offset_group = NONE;
    for (var term = terms.x; term < end; term++) {
        let table = channel_quads[quad];
        if table.z != offset_group {
            offset_group = table.z;
            point = point_of(place, tap, offset_group);
        }
        let weights = mat4x4<f32>(
            weight[weight_at],
            weight[weight_at + weight_quads],
            weight[weight_at + 2u * weight_quads],
            weight[weight_at + 3u * weight_quads],
        );
        let value = sample(point.corner, point.factor, quad);
        sums = add(sums, select(vec4<f32>(0.0), value, lanes_of(table.y)), weights);
        weight_at += 4u * weight_quads;
        quad++;
        if quad == quad_end {
            quad = group.quad_first;
            tap = tap_behind(tap);
            offset_group = NONE;
        }
    }
    store(tile, tile.pixel + lane, tile.row, sums);
}
