// Queries, keys and values of up to 64 elements.

struct Vector {
    first: Eight,
    second: Eight,
}

fn query_vector(start: u32) -> Vector {
    return Vector(query_eight(start, 0u), query_eight(start, 1u));
}

fn key_vector(place: Place, key: u32) -> Vector {
    return Vector(key_eight(place, key, 0u), key_eight(place, key, 1u));
}

fn value_vector(place: Place, key: u32) -> Vector {
    return Vector(value_eight(place, key, 0u), value_eight(place, key, 1u));
}

fn product(a: Vector, b: Vector) -> f32 {
    return product_of_eights(a.first, b.first) + product_of_eights(a.second, b.second);
}

fn with_values(sum: Vector, scale: f32, weights: vec4<f32>, values: Values) -> Vector {
    return Vector(
        with_eights(sum.first, scale, weights, FourEights(values.v0.first, values.v1.first, values.v2.first, values.v3.first)),
        with_eights(sum.second, scale, weights, FourEights(values.v0.second, values.v1.second, values.v2.second, values.v3.second)),
    );
}

fn store_vector(start: u32, sum: Vector, factor: f32) {
    store_eight(start, 0u, sum.first, factor);
    store_eight(start, 1u, sum.second, factor);
}
