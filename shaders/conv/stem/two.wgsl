// What eight output pixels side by side take of a row of a plane, two apart: conv/conv2d_stem.wgsl.

// Columns of the input from an output pixel to the next.
const STRIDE = 2u;

// The columns of a row from column x on, by tap.
fn columns_at(at: u32, x: u32, exists: bool) -> Columns {
    let width = params.window.width;
    let before = element(at - 1u, exists & (x > 0u) & (x <= width));
    let q0 = quad(at, exists & (x < width));
    let q1 = quad(at + 4u, exists & (x + 4u < width));
    let q2 = quad(at + 8u, exists & (x + 8u < width));
    let q3 = quad(at + 12u, exists & (x + 12u < width));
    let odd = Eight(vec4<f32>(q0.yw, q1.yw), vec4<f32>(q2.yw, q3.yw));
    return Columns(
        Eight(vec4<f32>(before, odd.left.xyz), vec4<f32>(odd.left.w, odd.right.xyz)),
        Eight(vec4<f32>(q0.xz, q1.xz), vec4<f32>(q2.xz, q3.xz)),
        odd,
    );
}
