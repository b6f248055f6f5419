// Samples of a grid, each a point of weight 1: grid_position.wgsl. A file behind this one says which cell it is, by grid_cell.

fn place_of(image: u32, query: u32, head: u32, point: u32) -> Place {
    let cell = grid_cell(position_bits(image, query, head, point), grid_rule());
    return Place(cell.low, cell.fraction, cell.slope, grid_pixels(), 0u, 0u, cell.inside, bitcast<u32>(1.0));
}
