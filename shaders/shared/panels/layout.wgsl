// Workspace in textures: matrices in quads along their rows, in panels of 32 rows. A panel has the first quads of its rows, then the second
// quads, and so on, so that subgroups find what they load together side by side, whether they go along rows or across.

// Rows whose quads lie side by side.
const ROWS_TOGETHER = 32u;

// Where a quad of a row lies, in a batch of matrices.
fn quad_address(batch: u32, row: u32, quad: u32, rows: u32, row_quads: u32) -> u32 {
    let panel = batch * ((rows + ROWS_TOGETHER - 1u) / ROWS_TOGETHER) + row / ROWS_TOGETHER;
    return (panel * row_quads + quad) * ROWS_TOGETHER + row % ROWS_TOGETHER;
}

// From a quad of a row to the next.
const NEXT_QUAD = ROWS_TOGETHER;

// The texel of a quad.
fn texel(address: u32) -> vec2<u32> {
    return vec2<u32>(address % 4096u, address / 4096u);
}
