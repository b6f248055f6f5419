// The cell of a bilinear sample.
fn grid_cell(value_bits: vec2<u32>, rule: GridRule) -> GridCell {
    return grid_cell_bilinear(value_bits, rule);
}
