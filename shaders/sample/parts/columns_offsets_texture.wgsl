// Offsets and masks that deform_im2col.wgsl reads from a texture: shared/panels/offsets.wgsl.
@group(0) @binding(4) var points: texture_storage_2d<r32float, read>;
