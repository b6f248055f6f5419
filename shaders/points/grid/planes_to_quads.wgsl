// From planes to quads: plane_quads.wgsl.
@group(0) @binding(1) var<storage, read> planes: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> quads: array<vec4<f32>>;

fn move_sixteen(plane: u32, quad: u32) {
    let of_pixels = transpose(mat4x4<f32>(
        planes[plane],
        planes[plane + params.fours],
        planes[plane + 2u * params.fours],
        planes[plane + 3u * params.fours],
    ));
    quads[quad] = of_pixels[0];
    quads[quad + params.quads] = of_pixels[1];
    quads[quad + 2u * params.quads] = of_pixels[2];
    quads[quad + 3u * params.quads] = of_pixels[3];
}
