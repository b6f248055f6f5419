// Whether an element is NaN, decided on its bits: a shader may take for granted that there is none.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
