// Offsets and masks that deform_samples.wgsl reads from buffers: shared/rows/offsets.wgsl.
@group(0) @binding(3) var<storage, read> offset_y: array<u32>;
@group(0) @binding(4) var<storage, read> offset_x: array<u32>;
@group(0) @binding(5) var<storage, read> mask: array<f32>;
