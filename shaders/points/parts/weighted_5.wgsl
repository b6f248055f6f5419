// The bindings of points with weights, where that of positions is 5.
@group(0) @binding(6) var<storage, read> table: array<vec4<u32>>;
@group(0) @binding(7) var<storage, read> weights: array<u32>;
