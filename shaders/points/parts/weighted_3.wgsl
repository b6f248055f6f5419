// The bindings of points with weights, where that of positions is 3.
@group(0) @binding(4) var<storage, read> table: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> weights: array<u32>;
