// The gradients of the grid values of a bilinear sample, by the pixels of its cell.

// Sums over channels of the gradient of the sample times each pixel.
alias Products = vec4<f32>;

fn with_products(products: Products, around: Near, start: u32, gradient: Lanes) -> Products {
    return products + vec4<f32>(
        sum_of_lanes(gradient * load_input(start + around.pixel.x)),
        sum_of_lanes(gradient * load_input(start + around.pixel.y)),
        sum_of_lanes(gradient * load_input(start + around.pixel.z)),
        sum_of_lanes(gradient * load_input(start + around.pixel.w)),
    );
}

// By x, then by y.
fn gradients_of(around: Near, products: Products) -> vec2<f32> {
    return vec2<f32>(sum_of(around.by_x, products), sum_of(around.by_y, products));
}
