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

fn scaled(sum: Vector, factor: f32) -> Vector {
    return Vector(scaled_eight(sum.first, factor), scaled_eight(sum.second, factor));
}

fn with_weighted(sum: Vector, weight: f32, value: Vector) -> Vector {
    return Vector(with_weighted_eight(sum.first, weight, value.first), with_weighted_eight(sum.second, weight, value.second));
}

fn store_vector(start: u32, sum: Vector, factor: f32) {
    store_eight(start, 0u, sum.first, factor);
    store_eight(start, 1u, sum.second, factor);
}
