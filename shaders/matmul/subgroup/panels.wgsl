// Stores of products by subgroups into panels, of which an invocation's four columns are a quad. There is no bias, and nothing is added to.
//
// output  quads along its rows from row row_first and column column_first on, output_row quads of a row; from address output_first on,
//         batches output_batch apart; columns are a multiple of 4
@group(0) @binding(3) var output: texture_storage_2d<rgba32float, write>;

fn store_half(batch: u32, row: u32, at: Half, values: vec4<f32>) {
    if at < params.columns {
        let offset = quad_address(0u, params.end.row_first + row, (params.end.column_first + at) / 4u, 0u, params.end.output_row);
        textureStore(output, texel(params.end.output_first + batch * params.end.output_batch + offset), values);
    }
}
