// Cubic samples of a grid: each of 4 x 4 points is at one pixel, with the weight of that.

fn place_of(image: u32, query: u32, head: u32, point: u32) -> Place {
    let near = grid_cubic(position_bits(image, query, head, 0u), grid_rule());
    let row = point / 4u;
    let column = point % 4u;
    let weight = near.y.weight[row] * near.x.weight[column];
    let low = bitcast<vec2<i32>>(vec2<u32>(near.y.pixel[row], near.x.pixel[column]));
    return Place(low, vec2<f32>(0.0), vec2<f32>(0.0), grid_pixels(), 0u, 0u, true, bitcast<u32>(weight));
}
