// Nearest samples of a grid: one pixel each, which counts where it is inside.
//
// Images: shared/planes, images_quads.wgsl; their pixels are params.input_pixel apart.

struct Near {
    // Where it lies, counted from the first.
    pixel: u32,
    inside: bool,
}

fn near(value_bits: vec2<u32>) -> Near {
    let cell = grid_cell_nearest(value_bits, params.round_first, params.rule);
    let pixel = u32(cell.low.x) * params.rule.width + u32(cell.low.y);
    return Near(params.input_pixel * select(0u, pixel, cell.inside), cell.inside);
}

fn sampled(around: Near, start: u32) -> Lanes {
    return select(Lanes(0.0), load_input(start + around.pixel), around.inside);
}
