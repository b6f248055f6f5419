// Stores of products by subgroups in quads: an invocation's four columns are one. Columns, and all strides and starts of the output, are
// multiples of 4.
@group(0) @binding(4) var<storage, read_write> output: array<Quad>;

// Stores a row's columns of this invocation, if they exist. A load is left out where it can be.
fn store_columns(start: u32, base: f32, accumulate: bool, column: u32, lane: u32, first: u32, values: vec4<f32>) {
    let at = column + within(first, lane);
    if at < params.columns {
        let quad = (start + place(at)) / 4u;
        var held = vec4<f32>(base);
        if accumulate {
            held = unpack_quad(output[quad]);
        }
        output[quad] = pack_quad(held + values);
    }
}
