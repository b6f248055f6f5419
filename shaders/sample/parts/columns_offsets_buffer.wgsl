// Offsets and masks that deform_im2col.wgsl reads from buffers: shared/rows/offsets.wgsl.
@group(0) @binding(4) var<storage, read> offset_y: array<u32>;
@group(0) @binding(5) var<storage, read> offset_x: array<u32>;
@group(0) @binding(6) var<storage, read> mask: array<f32>;
