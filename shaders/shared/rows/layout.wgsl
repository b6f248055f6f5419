// Workspace in buffers: matrices in quads along their rows, one row behind another. Its counterpart in textures: shared/panels/layout.wgsl.

// Where a quad of a row lies, in a batch of matrices.
fn quad_address(batch: u32, row: u32, quad: u32, rows: u32, row_quads: u32) -> u32 {
    return (batch * rows + row) * row_quads + quad;
}

// Rows whose quads lie side by side.
const ROWS_TOGETHER = 1u;

// From a quad of a row to the next.
const NEXT_QUAD = 1u;
