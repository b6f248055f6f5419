// The gradients of each sample's position and mask, summed over the channels of its offset group.
//
// given      (group, pixel, quad) gradients of columns: given.wgsl, shared/rows/given_kept.wgsl
// packed     (pixel of all images, quad) quads of channels, of which there are the pixels from band_first on, band_pixels of them:
//            packed.wgsl
// kept       the columns, where they are wanted: shared/rows/given_kept.wgsl, shared/panels/columns_kept.wgsl
// table      per offset group: its first element further on, and how many there are; then, per run of quads with one group and one
//            offset group: its first quad, counted over all groups; its channels; its group; 0: table.wgsl
// samples    sample/parts/samples.wgsl: sample/parts/samples_buffer.wgsl
// cells      likewise
// gradients  in buffers as samples, by y, x and mask, then 0: shared/rows/gradients.wgsl; else in planes: shared/panels/gradients.wgsl
//
// The derivative is the right-hand one at whole numbers; 0 along an axis that is clamped, and, where edge_zero is 1, at exactly -1.
// Input pixels outside the band count 0. A dispatch does `runs` runs of an offset group from run_first on; where there are several, or several
// bands, as there may be with workspace in buffers, all but the first accumulate. The last multiplies the sums by the mask, which may be
// infinite; until then the fourth component says which of the first two have terms, y as 1 and x as 2.
// One invocation does one sample. Those of pixels that lie together in the columns follow one another.

struct Params {
    pixels: u32,
    taps: u32,
    image_pixels: u32,
    offset_groups: u32,
    height: u32,
    width: u32,
    quads: u32,
    quads_per_group: u32,
    band_first: u32,
    band_pixels: u32,
    border: u32,
    edge_zero: u32,
    accumulate: u32,
    last: u32,
    run_first: u32,
    runs: u32,
    y_first: u32,
    x_first: u32,
    offset_batch: u32,
    offset_step: u32,
    mask_first: u32,
    mask_batch: u32,
    mask_step: u32,
    mask_in_offset: u32,
    offset_stored: u32,
    mask_stored: u32,
}

// Which sample: of all of the strip, and by its sampling point, its image and its pixel of that, both counted over the strip.
struct SampleIndex {
    sample: u32,
    point: u32,
    image: u32,
    pixel: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read> cells: array<u32>;

// The derivative of the upper neighbour's weight along an axis.
fn slope(low: i32, fraction: f32, extent: i32) -> f32 {
    let clamped = params.border == CLAMP_HI && low == extent - 1;
    let at_edge = params.edge_zero != 0u && low == -1 && fraction == 0.0;
    return select(1.0, 0.0, clamped || at_edge);
}

@compute @workgroup_size(64)
fn sample_gradients(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let invocation = linear_workgroup(workgroup, grid) * 64u + lane;
    let by_tap = divide(invocation / ROWS_TOGETHER, params.taps);
    let tap = by_tap.y;
    let mine = divide(by_tap.x, (params.pixels + ROWS_TOGETHER - 1u) / ROWS_TOGETHER);
    let out_pixel = mine.y * ROWS_TOGETHER + invocation % ROWS_TOGETHER;
    if mine.x >= params.offset_groups || out_pixel >= params.pixels {
        return;
    }
    let sample = (mine.x * params.pixels + out_pixel) * params.taps + tap;
    let at_sample = bitcast<vec4<f32>>(load_sample(sample));
    let inside = cells[sample] != NOWHERE;
    let low = vec2<i32>(divide(select(0u, cells[sample], inside), params.width + 1u)) - 1;
    let extent = vec2<i32>(i32(params.height), i32(params.width));

    // As row 0, row 1 of the cell; column 0, column 1.
    let y = vec2<i32>(low.x, low.x + 1);
    let x = vec2<i32>(low.y, low.y + 1);
    let y_counts = (y >= vec2<i32>(0)) & (y < vec2<i32>(extent.x)) & vec2<bool>(inside);
    let x_counts = (x >= vec2<i32>(0)) & (x < vec2<i32>(extent.y));
    let in_image = divide(out_pixel, params.image_pixels);
    let image_first = in_image.x * params.height * params.width - params.band_first;
    let pixel = image_first + vec4<u32>(y.xxyy) * params.width + vec4<u32>(x.xyxy);
    let exists = y_counts.xxyy & x_counts.xyxy & (pixel < vec4<u32>(params.band_pixels));
    let near_pixel = select(vec4<u32>(0u), pixel, exists);
    let source = vec4<u32>(
        quad_address(0u, near_pixel.x, 0u, 0u, params.quads),
        quad_address(0u, near_pixel.y, 0u, 0u, params.quads),
        quad_address(0u, near_pixel.z, 0u, 0u, params.quads),
        quad_address(0u, near_pixel.w, 0u, 0u, params.quads),
    );

    let fraction = at_sample.xy;
    let modulation = at_sample.z;
    // A mask of 0, decided on its bits.
    let modulated = exists & vec4<bool>((bitcast<u32>(modulation) << 1u) != 0u);
    let weight_y = vec2<f32>(1.0 - fraction.x, fraction.x).xxyy;
    let weight_x = vec2<f32>(1.0 - fraction.y, fraction.y).xyxy;
    let counts = modulated & (weight_y * weight_x != vec4<f32>(0.0));
    let weight = select(vec4<f32>(0.0), weight_y * weight_x * modulation, counts);

    // The sum over the channels of the columns' gradients times each neighbour.
    var products = vec4<f32>(0.0);
    let runs = table_entry(mine.x);
    var i = params.run_first;
    let end = min(params.run_first + params.runs, runs.y);
    if i < end {
        loop {
            let run = table_entry(runs.x + i);
            let first = tap * params.quads_per_group + run.x - run.z * params.quads_per_group;
            let column = quad_address(run.z, out_pixel, first, params.pixels, params.taps * params.quads_per_group);
            var quad = 0u;
            loop {
                let has = vec4<u32>(4u * quad) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(run.y);
                let gradient = select(vec4<f32>(0.0), load_given(column + quad * NEXT_QUAD), has);
                let at = source + (run.x + quad) * NEXT_QUAD;
                let near = mat4x4<f32>(load_packed(at.x), load_packed(at.y), load_packed(at.z), load_packed(at.w));
                products += gradient * near;
                var value = weight.x * select(vec4<f32>(0.0), near[0], counts.x);
                value += weight.y * select(vec4<f32>(0.0), near[1], counts.y);
                value += weight.z * select(vec4<f32>(0.0), near[2], counts.z);
                value += weight.w * select(vec4<f32>(0.0), near[3], counts.w);
                keep_column(column + quad * NEXT_QUAD, select(vec4<f32>(0.0), value, has));
                quad++;
                if 4u * quad >= run.y {
                    break;
                }
            }
            i++;
            if i >= end {
                break;
            }
        }
    }

    let slope_y = slope(low.x, fraction.x, extent.x) * vec4<f32>(-1.0, -1.0, 1.0, 1.0);
    let slope_x = slope(low.y, fraction.y, extent.y) * vec4<f32>(-1.0, 1.0, -1.0, 1.0);
    let by_y = sum_of(slope_y * weight_x, products, modulated);
    let by_x = sum_of(slope_x * weight_y, products, modulated);
    let by_mask = sum_of(weight_y * weight_x, products, exists);
    let gradients = with_terms(gradients_before(sample), by_y, by_x, by_mask.x, modulation);
    let index = SampleIndex(sample, mine.x * params.taps + tap, in_image.x, in_image.y);
    store_gradients(index, select(gradients.sums, vec4<f32>(gradients.done, 0.0), params.last != 0u));
}
