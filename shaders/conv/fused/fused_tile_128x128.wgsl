// A tile for many rows and many pixels: each sample serves 128 rows. Workgroup memory: 13 KiB.
const ROWS = 128u;
const PIXELS = 128u;
const DEPTH = 2u;
