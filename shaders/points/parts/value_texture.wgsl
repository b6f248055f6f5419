// The value that is sampled, in a texture in panels: images of value_image pixels, from value_image_first on, with value_pixel quads each.
@group(0) @binding(1) var value: texture_storage_2d<rgba32float, read>;

fn load_value(address: u32) -> Lanes {
    return textureLoad(value, texel(address));
}

// Where some lanes of a pixel lie, counted from those of the first head on.
fn value_address(image: u32, pixel: u32, first: u32) -> u32 {
    return quad_address(params.value_image_first + image, pixel, params.value_first + first, params.value_image, params.value_pixel);
}

// From some lanes of a pixel to the next.
const NEXT_LANES = NEXT_QUAD;
