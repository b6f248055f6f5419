// What eight output pixels side by side take of a row of a plane, one apart: conv/conv2d_stem.wgsl.

// Columns of the input from an output pixel to the next.
const STRIDE = 1u;

// The columns of a row from column x on, by tap.
fn columns_at(at: u32, x: u32, exists: bool) -> Columns {
    let width = params.window.width;
    let before = element(at - 1u, exists & (x > 0u) & (x <= width));
    let left = quad(at, exists & (x < width));
    let right = quad(at + 4u, exists & (x + 4u < width));
    let behind = element(at + 8u, exists & (x + 8u < width));
    return Columns(
        Eight(vec4<f32>(before, left.xyz), vec4<f32>(left.w, right.xyz)),
        Eight(left, right),
        Eight(vec4<f32>(left.yzw, right.x), vec4<f32>(right.yzw, behind)),
    );
}
