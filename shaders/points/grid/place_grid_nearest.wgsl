// The cell of a nearest sample.
fn grid_cell(value_bits: vec2<u32>, rule: GridRule) -> GridCell {
    return grid_cell_nearest(value_bits, params.points.round_first, rule);
}
