// Images whose channels are planes, as images in quads of channels, or back.
//
// planes  (images, channels, pixels), four pixels at a time, `fours` of a channel
// quads   (images, pixels, quads)
//
// Which of them is read, and how sixteen elements go: points/grid/planes_to_quads.wgsl, points/grid/quads_to_planes.wgsl. One invocation does a run
// of quads of four pixels, run_quads of them at most; an image has `runs` of them.

struct Params {
    images: u32,
    quads: u32,
    run_quads: u32,
    runs: u32,
    fours: u32,
    accumulate: u32,
    planes_first: u32,
    quads_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn plane_quads(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let by_four = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.fours);
    let at = divide(by_four.x, params.runs);
    if at.x >= params.images {
        return;
    }
    let first = at.y * params.run_quads;
    let end = min(first + params.run_quads, params.quads);
    var plane = params.planes_first + 4u * (at.x * params.quads + first) * params.fours + by_four.y;
    let pixel = params.quads_first + 4u * (at.x * params.fours + by_four.y) * params.quads;
    var quad = first;
    loop {
        move_sixteen(plane, pixel + quad);
        plane += 4u * params.fours;
        quad++;
        if quad >= end {
            break;
        }
    }
}
