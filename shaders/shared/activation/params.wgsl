// The function that each element of a product is put through as it is stored, with its attributes as elementwise/unary.wgsl has them. The struct takes
// 16 bytes, so that a uniform may hold it.

struct Activation {
    function: u32,
    alpha: f32,
    beta: f32,
    gamma: f32,
}

// 0 is none.
const CLIP = 1u;
const SIGMOID = 2u;
const SILU = 3u;
const GELU = 4u;
