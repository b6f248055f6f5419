// The biases of a product, of rows or of columns.
//
// bias   element (batch, row) or (batch, column) is bias_first + batch * bias_batch + row or column, as row_biased or column_biased is 1

@group(0) @binding(3) var<storage, read> bias: array<f32>;

// That of a row. Chosen without a branch: lavapipe compiles a shader anew, at each dispatch, for the uniforms that it
// branches on or that bound its loops.
fn row_bias(batch: u32, row: u32) -> f32 {
    return bias_at(batch, row, params.end.row_biased != 0u);
}

// Those of four columns; columns beyond the last have that of the last.
fn column_biases(batch: u32, first: u32) -> vec4<f32> {
    let known = min(first + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(params.columns - 1u));
    let biased = params.end.column_biased != 0u;
    return vec4<f32>(
        bias_at(batch, known.x, biased), bias_at(batch, known.y, biased), bias_at(batch, known.z, biased), bias_at(batch, known.w, biased),
    );
}

fn bias_at(batch: u32, index: u32, biased: bool) -> f32 {
    let at = params.end.bias_first + batch * params.end.bias_batch + index;
    return select(0.0, bias[select(0u, at, biased)], biased);
}
