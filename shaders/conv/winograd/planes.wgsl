// The planes that a convolution by conv/winograd/points.wgsl reads, as they lie.
//
// input  element (image, channel, pixel) is input_first + image * input_image + channel * input_plane + pixel, wrapping: shared/stored_32.wgsl,
//        shared/stored_16.wgsl
//
// The fields are those of the kernel's Params.
@group(0) @binding(1) var<storage, read> input: array<u32>;

// Where four channels of an image begin, and which of them there are.
struct Planes {
    first: vec4<u32>,
    exist: vec4<bool>,
}

// A quad of a group, of an image.
fn planes_of(image: u32, group: u32, quad: u32) -> Planes {
    let channel = 4u * quad + vec4<u32>(0u, 1u, 2u, 3u);
    let start = params.input_first + image * params.input_image + group * params.group_channels * params.input_plane;
    return Planes(start + channel * params.input_plane, channel < vec4<u32>(params.group_channels));
}

fn input_value(element: u32) -> f32 {
    return value_of(input[word_of(element)], element);
}

// Four channels of a pixel; 0 outside the image, where y or x may have wrapped, and beyond the channels. What does not exist reads the first word.
fn pixel(planes: Planes, y: u32, x: u32) -> vec4<f32> {
    let exist = planes.exist & vec4<bool>(y < params.height && x < params.width);
    let at = select(vec4<u32>(0u), planes.first + y * params.width + x, exist);
    let value = vec4<f32>(input_value(at.x), input_value(at.y), input_value(at.z), input_value(at.w));
    return select(vec4<f32>(0.0), value, exist);
}
