// Nearest samples of a grid: one pixel each, which counts where it is inside.

struct Near {
    pixel: u32,
    inside: bool,
}

fn near(value_bits: vec2<u32>) -> Near {
    let cell = grid_cell_nearest(value_bits, params.round_first, params.rule);
    let pixel = u32(cell.low.x) * params.rule.width + u32(cell.low.y);
    return Near(select(0u, pixel, cell.inside), cell.inside);
}

fn sampled(around: Near, plane: u32) -> f32 {
    return select(0.0, input[plane + around.pixel], around.inside);
}
