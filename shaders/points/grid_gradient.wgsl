// The gradients of a grid of normalised positions:
// grad_grid[image, p] = the sum over the channels of grad_output[image, channel, p] times the derivatives of the sample by its grid values
//
// input        for each image, pixel and lane of channels, input_image, input_pixel and input_lane apart
// grid_values  (images, out_pixels, 2), bits of x, then of y: points/grid/grid_position.wgsl
// grad_output  for each image, sample and lane, output_image, output_pixel and output_lane apart
// grad_grid    (images, out_pixels, 2): by x, then by y
//
// Lanes: points/parts/lanes_1.wgsl, points/parts/lanes_4.wgsl. A dispatch does all of `pixels` samples of each image, from where the bindings start
// on; or, of a single image, some of them. Where `accumulate` is 1 it adds to what is there. One invocation does one sample: it sums up products of gradients and pixels,
// of which `gradients_of` makes the gradients.

struct Params {
    rule: GridRule,
    images: u32,
    lanes: u32,
    out_pixels: u32,
    pixels: u32,
    accumulate: u32,
    input_image: u32,
    input_pixel: u32,
    input_lane: u32,
    output_image: u32,
    output_pixel: u32,
    output_lane: u32,
    input_first: u32,
    grid_first: u32,
    grad_output_first: u32,
    grad_grid_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> grid_values: array<u32>;
@group(0) @binding(4) var<storage, read_write> grad_grid: array<f32>;

@compute @workgroup_size(64)
fn grid_gradient(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = divide(linear_workgroup(workgroup, grid) * 64u + lane, params.pixels);
    if at.x >= params.images {
        return;
    }
    let value = 2u * (at.x * params.out_pixels + at.y);
    let x = params.grid_first + value;
    let around = near(vec2<u32>(grid_values[x + 1u], grid_values[x]));
    var start = params.input_first + at.x * params.input_image;
    var source = params.grad_output_first + at.x * params.output_image + at.y * params.output_pixel;
    var products = Products();
    for (var each = 0u; each < params.lanes; each++) {
        products = with_products(products, around, start, load_grad_output(source));
        start += params.input_lane;
        source += params.output_lane;
    }
    let gradients = gradients_of(around, products);
    let destination = params.grad_grid_first + value;
    let adds = params.accumulate != 0u;
    grad_grid[destination] = gradients.x + select(0.0, grad_grid[destination], adds);
    grad_grid[destination + 1u] = gradients.y + select(0.0, grad_grid[destination + 1u], adds);
}
