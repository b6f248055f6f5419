// The bindings of points with weights, where that of positions is 2.
@group(0) @binding(3) var<storage, read> table: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> weights: array<u32>;
