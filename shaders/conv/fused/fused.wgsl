// Convolution without columns in memory: what its kernels have in common.
//
// output[image, group, row, pixel] = bias[group, row] + the sum over terms and lanes of
//     weight[group, term, lane, row] * sample[image, pixel, term, lane]
//
// A term is a quad of one tap: tap * quads_per_group + quad of the group; its lanes are the quad's channels. A row is an output channel of
// the group. The terms of a group with one tap and one offset group have one point in each image; points are numbered as terms are.
//
// packed        (image, pixel, quad) quads of channels, of which the binding shows the pixels from band_first on, band_pixels of them
// channel_quads per quad: its first channel, how many it has, its offset group, 0
// bias          of the groups of the dispatch, group_rows each; not used where biased is 0
// output        element (split, image, group, row, pixel) is output_first + split * output_split + image * output_image
//               + (group * group_rows + row) * output_plane + pixel, wrapping; where accumulate is 1, what it holds is added to
//
// A dispatch does `groups` groups from group_first on, `rows` rows of each, the output pixels that shared/window.wgsl tells, and the terms from
// term_first to term_end, in splits of split_terms. Each split writes an output of its own; the first has the bias. Where there is one split, what is stored
// is put through a function: shared/activation.

struct Params {
    window: Window,
    offsets: Offsets,
    activation: Activation,
    border: u32,
    modulated: u32,
    accumulate: u32,
    group_first: u32,
    groups: u32,
    row_first: u32,
    rows: u32,
    group_rows: u32,
    term_first: u32,
    term_end: u32,
    split_terms: u32,
    splits: u32,
    weight_first: u32,
    weight_group: u32,
    weight_row: u32,
    biased: u32,
    bias_first: u32,
    output_first: u32,
    output_plane: u32,
    output_image: u32,
    output_split: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> packed: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> channel_quads: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;

// What a workgroup does: a group of the dispatch, the first of its rows, the first of its pixels, a split.
struct Tile {
    group: u32,
    row: u32,
    pixel: u32,
    split: u32,
}

// Quotient and remainder, as divide in shared/grid.wgsl gives them, by the conversion that GPUs have. It takes half as many instructions; and of
// numbers that are uniform over a workgroup, RADV keeps the results in scalar registers.
fn divide_converting(a: u32, b: u32) -> vec2<u32> {
    let inverse = 0.999999 / f32(b);
    var quotient = u32(f32(a) * inverse);
    quotient += u32(f32(a - quotient * b) * inverse);
    let rest = a - quotient * b;
    return select(vec2<u32>(quotient, rest), vec2<u32>(quotient + 1u, rest - b), rest >= b);
}

// Tiles of `rows` rows and `pixels` pixels, numbered by row, pixel, group, split: those that lie side by side sample the same pixels.
// Splits beyond the last occur.
fn tile_of(number: u32, rows: u32, pixels: u32) -> Tile {
    let by_row = divide_converting(number, (params.rows + rows - 1u) / rows);
    let by_pixel = divide_converting(by_row.x, (params.window.pixels + pixels - 1u) / pixels);
    let by_group = divide_converting(by_pixel.x, params.groups);
    return Tile(by_group.y, by_row.y * rows, by_pixel.y * pixels, by_group.x);
}

// The terms of a split: the first, and the end.
fn terms_of(split: u32) -> vec2<u32> {
    let first = params.term_first + split * params.split_terms;
    return vec2<u32>(first, min(first + params.split_terms, params.term_end));
}

// The quads of a group, and the points of one of its taps.
struct Group {
    quad_first: u32,
    offset_group: u32,
    points: u32,
}

fn group_of(tile: Tile) -> Group {
    let first = (params.group_first + tile.group) * params.window.quads_per_group;
    let offset_group = channel_quads[first].z;
    return Group(first, offset_group, channel_quads[first + params.window.quads_per_group - 1u].z - offset_group + 1u);
}

// A term: its tap, and its quad, counted in the group.
struct Term {
    tap: u32,
    quad: u32,
}

fn term_at(number: u32) -> Term {
    let by_tap = divide_converting(number, params.window.quads_per_group);
    return Term(by_tap.x, by_tap.y);
}

// The term that stands behind another by as many as stand before `by`.
fn term_behind(term: Term, by: Term) -> Term {
    let quad = term.quad + by.quad;
    let over = quad >= params.window.quads_per_group;
    return Term(term.tap + by.tap + u32(over), select(quad, quad - params.window.quads_per_group, over));
}

// A tap, its row and its column.
struct Tap {
    number: u32,
    row: u32,
    column: u32,
}

fn tap_at(number: u32) -> Tap {
    let by_row = divide_converting(number, params.window.kernel_width);
    return Tap(number, by_row.x, by_row.y);
}

fn tap_behind(tap: Tap) -> Tap {
    let over = tap.column + 1u == params.window.kernel_width;
    return Tap(tap.number + 1u, tap.row + u32(over), select(tap.column + 1u, 0u, over));
}

// An output pixel of the dispatch: its image, its place in that, and where the first tap lies in the unpadded image.
struct Place {
    exists: bool,
    image: u32,
    out_pixel: u32,
    first: vec2<i32>,
}

fn place_of(pixel: u32) -> Place {
    let by_image = divide_converting(params.window.pixel_first + pixel, params.window.out_pixels);
    let out = divide_converting(by_image.y, params.window.out_width);
    let stride = vec2<u32>(params.window.stride_y, params.window.stride_x);
    let padding = vec2<u32>(params.window.padding_top, params.window.padding_left);
    return Place(pixel < params.window.pixels, by_image.x, by_image.y, vec2<i32>(out * stride) - vec2<i32>(padding));
}

// Where a tap lies, before any offset.
fn position_of(place: Place, tap: Tap) -> vec2<i32> {
    return place.first + vec2<i32>(i32(tap.row * params.window.dilation_y), i32(tap.column * params.window.dilation_x));
}

// Which of a sample's lanes there are, of those of a quad with so many channels: the others are 0, even where 0 times the mask is not.
fn lanes_of(channels: u32) -> vec4<bool> {
    return vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(channels);
}

// Adds four lanes of a sample, times four rows; each column of the weights is a lane.
fn add(sums: vec4<f32>, sample: vec4<f32>, weights: mat4x4<f32>) -> vec4<f32> {
    var result = sums + sample.x * weights[0];
    result += sample.y * weights[1];
    result += sample.z * weights[2];
    result += sample.w * weights[3];
    return result;
}

// Stores the sums of four rows of a pixel, of those that there are. Chosen without a branch: lavapipe compiles a shader anew, at each
// dispatch, for the uniforms that it branches on or that bound its loops.
fn store(tile: Tile, pixel: u32, row: u32, sums: vec4<f32>) {
    if pixel >= params.window.pixels {
        return;
    }
    let at = divide_converting(params.window.pixel_first + pixel, params.window.out_pixels);
    let plane = tile.group * params.group_rows + row;
    let start = params.output_first + tile.split * params.output_split + at.x * params.output_image + at.y;
    let biased = params.biased != 0u && tile.split == 0u;
    var activation = params.activation;
    // By the split, so that it is no uniform to lavapipe, which compiles a shader anew for each that it branches on.
    activation.function = select(0u, activation.function, tile.split == 0u);
    var rest = sums;
    for (var i = 0u; i < 4u; i++) {
        if row + i < params.rows {
            let element = start + (plane + i) * params.output_plane;
            let base = select(0.0, bias[select(0u, params.bias_first + params.row_first + plane + i, biased)], biased);
            let sum = select(base, output[element], params.accumulate != 0u) + rest.x;
            output[element] = activated(sum, activation);
        }
        rest = rest.yzwx;
    }
}
