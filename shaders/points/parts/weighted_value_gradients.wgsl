// What point_value_gradients.wgsl binds of points with weights.
@group(0) @binding(6) var<storage, read> table: array<vec4<u32>>;
@group(0) @binding(7) var<storage, read> weights: array<u32>;
