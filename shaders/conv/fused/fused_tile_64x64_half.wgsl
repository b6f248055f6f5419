// The common tile for chips with few registers: see sums_4x8.wgsl. Workgroup memory: 7 KiB.
const ROWS = 64u;
const PIXELS = 64u;
const DEPTH = 2u;
