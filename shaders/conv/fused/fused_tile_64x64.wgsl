// The common tile. Workgroup memory: 13 KiB.
const ROWS = 64u;
const PIXELS = 64u;
const DEPTH = 4u;
