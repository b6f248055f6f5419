// The gradients of the grid values of a cubic sample, by its 4x4 pixels.

// Sums over channels of the gradient of the sample times each pixel: a column for each row of pixels.
alias Products = mat4x4<f32>;

fn products_of_row(around: Near, start: u32, gradient: Lanes) -> vec4<f32> {
    return vec4<f32>(
        sum_of_lanes(gradient * load_input(start + around.x.pixel.x)),
        sum_of_lanes(gradient * load_input(start + around.x.pixel.y)),
        sum_of_lanes(gradient * load_input(start + around.x.pixel.z)),
        sum_of_lanes(gradient * load_input(start + around.x.pixel.w)),
    );
}

fn with_products(products: Products, around: Near, start: u32, gradient: Lanes) -> Products {
    return Products(
        products[0] + products_of_row(around, start + around.y.pixel.x, gradient),
        products[1] + products_of_row(around, start + around.y.pixel.y, gradient),
        products[2] + products_of_row(around, start + around.y.pixel.z, gradient),
        products[3] + products_of_row(around, start + around.y.pixel.w, gradient),
    );
}

// The sum over all pixels of a weight along y, one along x, and the products.
fn sum_over(y: vec4<f32>, x: vec4<f32>, products: Products) -> f32 {
    return sum_of(y.x * x, products[0])
        + sum_of(y.y * x, products[1])
        + sum_of(y.z * x, products[2])
        + sum_of(y.w * x, products[3]);
}

// By x, then by y.
fn gradients_of(around: Near, products: Products) -> vec2<f32> {
    return vec2<f32>(
        sum_over(around.y.weight, around.x.slope, products),
        sum_over(around.y.slope, around.x.weight, products),
    );
}
