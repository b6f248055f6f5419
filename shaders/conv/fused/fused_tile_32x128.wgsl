// A tile for few rows. Workgroup memory: 10 KiB.
const ROWS = 32u;
const PIXELS = 128u;
const DEPTH = 2u;
