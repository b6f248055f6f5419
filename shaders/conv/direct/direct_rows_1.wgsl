// The outputs of groups of one output channel: see conv2d_direct.wgsl.
const ROWS = 1u;

@group(0) @binding(4) var<storage, read_write> output: array<f32>;

fn store(offset: u32, sums: vec4<f32>) {
    var held = 0.0;
    if params.accumulate != 0u {
        held = output[params.output_first + offset];
    }
    output[params.output_first + offset] = activated(held + sums.x, params.activation);
}
