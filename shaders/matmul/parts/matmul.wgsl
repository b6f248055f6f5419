// What the families of matrix products have in common: output = a b, plus a bias for each row or for each column, put
// through a function: shared/activation.
//
// bias   element (batch, row) or (batch, column) is bias_first + batch * bias_batch + row or column, as row_biased or column_biased is 1;
//        where accumulate is 1, the output's own element takes its place
// output element (batch, row, column) is output_first + batch * output_batch + row * output_row, plus the offset of
//        c = column_first + column: columns come in planes, c / plane * output_plane + c % plane

// The output is declared by what stores it, binding 4.

@group(0) @binding(3) var<storage, read> bias: array<f32>;

// Where a column lies in its row of the output.
fn column_offset(column: u32) -> u32 {
    let c = divide(params.end.column_first + column, params.end.plane);
    return c.x * params.end.output_plane + c.y;
}

// Where a row of the output starts.
fn row_start(batch: u32, row: u32) -> u32 {
    return params.end.output_first + batch * params.end.output_batch + row * params.end.output_row;
}

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
