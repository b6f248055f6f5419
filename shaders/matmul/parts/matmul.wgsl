// What the families of matrix products have in common: output = a b, plus a bias for each row or for each column, put
// through a function: shared/activation.
//
// bias   matmul/base/bias.wgsl; a product that is added to what the output holds has none
// output element (batch, row, column) is output_first + batch * output_batch + row * output_row, plus the offset of
//        c = column_first + column: columns come in planes, c / plane * output_plane + c % plane

// The output is declared by what stores it, binding 4.

// Where a column lies in its row of the output.
fn column_offset(column: u32) -> u32 {
    let c = divide(params.end.column_first + column, params.end.plane);
    return c.x * params.end.output_plane + c.y;
}

// Where a row of the output starts.
fn row_start(batch: u32, row: u32) -> u32 {
    return params.end.output_first + batch * params.end.output_batch + row * params.end.output_row;
}
