// Offsets and masks that deform_samples.wgsl reads from a texture: shared/panels/offsets.wgsl.
@group(0) @binding(3) var points: texture_storage_2d<r32float, read>;
