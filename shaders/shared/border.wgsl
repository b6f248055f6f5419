// What a sample counts near and beyond the edge: Border in Rust, in its order.
const ZEROS = 0u;
const CLAMP_HI = 1u;
const STRICT = 2u;
