// The value that is sampled, (image, pixel, head, quad), in a texture: points/value/address.wgsl.
@group(0) @binding(1) var value: texture_storage_2d<rgba32float, read>;

fn load_value(address: u32) -> Lanes {
    return textureLoad(value, texel(address));
}
