// The value that is sampled, (image, pixel, head, channel) in lanes, in a buffer: an image value_image after the one before, a pixel value_pixel.
@group(0) @binding(1) var<storage, read> value: array<Lanes>;

fn load_value(address: u32) -> Lanes {
    return value[address];
}

// Where some lanes of a pixel lie, counted from those of the first head on.
fn value_address(image: u32, pixel: u32, first: u32) -> u32 {
    return params.value_first + image * params.value_image + pixel * params.value_pixel + first;
}
