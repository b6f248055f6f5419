// The value that is sampled, (image, pixel, head, channel) in lanes, in a buffer: points/value/address.wgsl.
@group(0) @binding(1) var<storage, read> value: array<Lanes>;

fn load_value(address: u32) -> Lanes {
    return value[address];
}
