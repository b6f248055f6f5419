// The gradients of the grid values of a bilinear sample, by the pixels of its cell.

// Sums over channels of the gradient of the sample times each pixel.
alias Products = vec4<f32>;

fn with_products(products: Products, around: Near, plane: u32, gradient: f32) -> Products {
    return products + gradient * pixels_of(around, plane);
}

// By x, then by y.
fn gradients_of(around: Near, products: Products) -> vec2<f32> {
    return vec2<f32>(sum_of(around.by_x, products), sum_of(around.by_y, products));
}
