// Addresses of the value that is sampled, in a buffer or in a texture: an image value_image lanes after the one before, a pixel value_pixel.

// Where some lanes of a pixel lie, counted from those of the first head on.
fn value_address(image: u32, pixel: u32, first: u32) -> u32 {
    return params.value_first + image * params.value_image + pixel * params.value_pixel + first;
}
