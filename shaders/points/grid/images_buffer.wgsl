// Images that a grid samples, in a buffer.
@group(0) @binding(1) var<storage, read> input: array<Lanes>;

fn load_input(address: u32) -> Lanes {
    return input[address];
}
