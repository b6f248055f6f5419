// How a product ends: its bias, the function that it is put through, and where it is stored: see matmul/parts/matmul.wgsl. It takes a multiple of
// 16 bytes, so that a uniform may hold it.

struct End {
    output_first: u32,
    output_batch: u32,
    output_row: u32,
    row_first: u32,
    column_first: u32,
    plane: u32,
    output_plane: u32,
    row_biased: u32,
    column_biased: u32,
    accumulate: u32,
    bias_first: u32,
    bias_batch: u32,
    activation: Activation,
}
