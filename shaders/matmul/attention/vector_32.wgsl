// Queries, keys and values of up to 32 elements.

struct Vector {
    first: Eight,
}

fn query_vector(start: u32) -> Vector {
    return Vector(query_eight(start, 0u));
}

fn key_vector(place: Place, key: u32) -> Vector {
    return Vector(key_eight(place, key, 0u));
}

fn value_vector(place: Place, key: u32) -> Vector {
    return Vector(value_eight(place, key, 0u));
}

fn product(a: Vector, b: Vector) -> f32 {
    return product_of_eights(a.first, b.first);
}

fn scaled(sum: Vector, factor: f32) -> Vector {
    return Vector(scaled_eight(sum.first, factor));
}

fn with_weighted(sum: Vector, weight: f32, value: Vector) -> Vector {
    return Vector(with_weighted_eight(sum.first, weight, value.first));
}

fn store_vector(start: u32, sum: Vector, factor: f32) {
    store_eight(start, 0u, sum.first, factor);
}
