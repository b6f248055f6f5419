// A row of a plane that eight pixels take: conv/conv2d_planes.wgsl. Side, what they take before and behind themselves, is of narrow.wgsl or wide.wgsl.

struct Row {
    before: Side,
    left: vec4<f32>,
    right: vec4<f32>,
    behind: Side,
}

// A row of a plane, at columns from x on; rows are counted from the first of the padding. What lies before row_first wraps.
fn row_at(plane: u32, y: u32, x: u32) -> Row {
    let row = y - params.window.padding_top - params.row_first;
    let exists = row < params.rows;
    let width = params.window.width;
    let at = plane + row * width + x;
    return Row(
        before(at, exists & (x > 0u)),
        quad(at, exists),
        quad(at + 4u, exists & (x + 4u < width)),
        behind(at + 8u, exists & (x + 8u < width)),
    );
}
