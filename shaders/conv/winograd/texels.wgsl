// The planes that winograd_input.wgsl reads, in a texture, where their rows have whole quads and a tile's first pixel is the last of one: padding_left
// is 1.
//
// input  four pixels (image, channel, row, quad of the row) are texel input_first + image * input_image + channel * input_plane + row * (width / 4) + quad,
//        wrapping: shared/panels/layout.wgsl
@group(0) @binding(1) var input: texture_storage_2d<rgba32float, read>;

// Four pixels, 0 where they do not exist; those read the first.
fn four(at: u32, exist: bool) -> vec4<f32> {
    return select(vec4<f32>(0.0), textureLoad(input, texel(select(0u, at, exist))), exist);
}

// Six pixels of a channel: the last of a quad, a quad, and the first of the next.
struct Neighbours {
    before: f32,
    here: vec4<f32>,
    behind: f32,
}

fn neighbours(at: u32, exist: vec3<bool>) -> Neighbours {
    return Neighbours(four(at - 1u, exist.x).w, four(at, exist.y), four(at + 1u, exist.z).x);
}

// Six pixels side by side, of four channels; 0 outside the image, where y or x may have wrapped, and beyond the channels.
fn pixels(planes: Planes, y: u32, x: u32) -> Six {
    let quads = params.grid.width / 4u;
    let quad = (x + 1u) / 4u;
    let inside = vec3<bool>(quad > 0u && quad <= quads, quad < quads, quad + 1u < quads) & vec3<bool>(y < params.grid.height);
    let at = planes.first + y * quads + quad;
    let c0 = neighbours(at.x, inside & vec3<bool>(planes.exist.x));
    let c1 = neighbours(at.y, inside & vec3<bool>(planes.exist.y));
    let c2 = neighbours(at.z, inside & vec3<bool>(planes.exist.z));
    let c3 = neighbours(at.w, inside & vec3<bool>(planes.exist.w));
    return Six(
        vec4<f32>(c0.before, c1.before, c2.before, c3.before),
        vec4<f32>(c0.here.x, c1.here.x, c2.here.x, c3.here.x),
        vec4<f32>(c0.here.y, c1.here.y, c2.here.y, c3.here.y),
        vec4<f32>(c0.here.z, c1.here.z, c2.here.z, c3.here.z),
        vec4<f32>(c0.here.w, c1.here.w, c2.here.w, c3.here.w),
        vec4<f32>(c0.behind, c1.behind, c2.behind, c3.behind),
    );
}
