// From quads to planes, to which they are added where params.accumulate is 1: plane_quads.wgsl.
@group(0) @binding(1) var<storage, read_write> planes: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> quads: array<vec4<f32>>;

fn store_four(plane: u32, pixels: vec4<f32>) {
    planes[plane] = pixels + select(vec4<f32>(0.0), planes[plane], params.accumulate != 0u);
}

fn move_sixteen(plane: u32, quad: u32) {
    let of_channels = transpose(mat4x4<f32>(
        quads[quad],
        quads[quad + params.quads],
        quads[quad + 2u * params.quads],
        quads[quad + 3u * params.quads],
    ));
    store_four(plane, of_channels[0]);
    store_four(plane + params.fours, of_channels[1]);
    store_four(plane + 2u * params.fours, of_channels[2]);
    store_four(plane + 3u * params.fours, of_channels[3]);
}
