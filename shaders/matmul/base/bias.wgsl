// What the sums of a product start from: the bias of a row, or of a column.
//
// bias   element (batch, row) or (batch, column) is bias_first + batch * bias_batch + row or column, as row_biased or column_biased is 1

@group(0) @binding(3) var<storage, read> bias: array<f32>;

// What a row starts from. Chosen without a branch: lavapipe compiles a shader anew, at each dispatch, for the uniforms that it
// branches on or that bound its loops.
fn row_bias(batch: u32, row: u32) -> f32 {
    return bias_at(batch, row, params.end.row_biased != 0u);
}

// What a column starts from, beside.
fn column_bias(batch: u32, column: u32) -> f32 {
    return bias_at(batch, column, params.end.column_biased != 0u);
}

fn bias_at(batch: u32, index: u32, biased: bool) -> f32 {
    let at = params.end.bias_first + batch * params.end.bias_batch + index;
    return select(0.0, bias[select(0u, at, biased)], biased);
}
