// The planes that a convolution by conv/winograd/points.wgsl reads, as they lie.
//
// input  element (image, channel, pixel) is input_first + image * input_image + channel * input_plane + pixel, wrapping: shared/stored_32.wgsl,
//        shared/stored_16.wgsl
@group(0) @binding(1) var<storage, read> input: array<u32>;

fn input_value(element: u32) -> f32 {
    return value_of(input[word_of(element)], element);
}

// Four channels of a pixel; 0 outside the image, where y or x may have wrapped, and beyond the channels. What does not exist reads the first word.
fn pixel(planes: Planes, y: u32, x: u32) -> vec4<f32> {
    let exist = planes.exist & vec4<bool>(y < params.grid.height && x < params.grid.width);
    let at = select(vec4<u32>(0u), planes.first + y * params.grid.width + x, exist);
    let value = vec4<f32>(input_value(at.x), input_value(at.y), input_value(at.z), input_value(at.w));
    return select(vec4<f32>(0.0), value, exist);
}

// Six pixels side by side, of four channels.
fn pixels(planes: Planes, y: u32, x: u32) -> Six {
    return Six(
        pixel(planes, y, x), pixel(planes, y, x + 1u), pixel(planes, y, x + 2u), pixel(planes, y, x + 3u), pixel(planes, y, x + 4u), pixel(planes, y, x + 5u),
    );
}
