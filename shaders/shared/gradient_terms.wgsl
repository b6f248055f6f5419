// The gradients of a bilinear sample by its position and by its weight, of the products of its pixels with the gradient of the sample: for the sums over
// several dispatches.

// The sum over neighbours of weights, or derivatives of weights, times products, and 1 where there are any. What does not count is 0,
// whatever it is multiplied with.
fn sum_of(weights: vec4<f32>, products: vec4<f32>, exists: vec4<bool>) -> vec2<f32> {
    let counts = exists & (weights != vec4<f32>(0.0));
    let sum = dot(vec4<f32>(1.0), select(vec4<f32>(0.0), weights * products, counts));
    return vec2<f32>(sum, select(0.0, 1.0, any(counts)));
}

// The sums by y, by x and by the weight, and which of the first two have terms, y as 1 and x as 2; and the gradients that they are where no terms follow.
struct GradientSums {
    sums: vec4<f32>,
    done: vec3<f32>,
}

// The sums before, and those of a dispatch by y and by x, each with 1 where it has terms, and by the weight. The weight, which the first two are
// multiplied by in the end, may be infinite.
fn with_terms(before: vec4<f32>, by_y: vec2<f32>, by_x: vec2<f32>, by_weight: f32, weight: f32) -> GradientSums {
    let sums = before.xyz + vec3<f32>(by_y.x, by_x.x, by_weight);
    let y_has_terms = by_y.y + before.w % 2.0 > 0.0;
    let x_has_terms = 2.0 * by_x.y + before.w > 1.0;
    let terms = select(0.0, 1.0, y_has_terms) + select(0.0, 2.0, x_has_terms);
    let done = vec3<f32>(
        select(0.0, weight * sums.x, y_has_terms),
        select(0.0, weight * sums.y, x_has_terms),
        sums.z,
    );
    return GradientSums(vec4<f32>(sums, terms), done);
}
