// What a point is part of: the four pixels around it, counted from the first that is bound, or NOWHERE where one does not count; and what of the
// point each has, the weight of the point times that of the pixel.
struct Shares {
    pixel: vec4<u32>,
    factor: vec4<f32>,
}

const NOWHERE = 0xffffffffu;
