// Which plane of the input each output channel of a bin is taken from, for kernels that do one element of the output in an invocation.
//
// A dispatch does `rois` RoIs, `channels` output channels from channel_first on, `bins_count` bins of each from bin_first on, where their
// image is one of `images` from image_first on; that of a RoI without an image is the first of all. It does `rows` rows of samples of each bin
// from row_first on, of row_samples samples at most, and adds to what those before have left. The input's binding starts with plane
// cell_first of those that belong to channel_first, of image_first.

struct Params {
    rois: u32,
    channel_first: u32,
    channels: u32,
    bin_first: u32,
    bins_count: u32,
    image_first: u32,
    images: u32,
    height: u32,
    width: u32,
    in_channels: u32,
    out_channels: u32,
    class_channels: u32,
    classes: u32,
    pooled_height: u32,
    pooled_width: u32,
    group_height: u32,
    group_width: u32,
    cell_first: u32,
    row_first: u32,
    rows: u32,
    input_first: u32,
    output_first: u32,
    derivative: u32,
    reach: u32,
    grad_output_first: u32,
    row_samples: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

// What an invocation does: a bin, by its number in `bins`; an element of the output, counted from that of the first channel and bin; and
// the first pixel of a plane.
struct Share {
    bin: u32,
    element: u32,
    plane: u32,
    exists: bool,
}

fn share(invocation: u32) -> Share {
    let by_bin = divide(invocation, params.bins_count);
    let by_channel = divide(by_bin.x, params.channels);
    let roi = by_channel.x;
    let channel = params.channel_first + by_channel.y;
    let bin = params.bin_first + by_bin.y;
    let pooled = params.pooled_height * params.pooled_width;
    let row = divide(bin, params.pooled_width);
    let group_row = divide(row.x * params.group_height, params.pooled_height).x;
    let group_column = divide(row.y * params.group_width, params.pooled_width).x;
    let class_number = divide(channel, params.class_channels).x;
    let plane = (by_channel.y * params.group_height + group_row) * params.group_width + group_column - params.cell_first;
    return Share(
        (roi * params.classes + class_number) * pooled + bin,
        (roi * params.out_channels + by_channel.y) * pooled + by_bin.y,
        plane,
        roi < params.rois,
    );
}

// Whether the dispatch does a bin of this image that has so many rows of samples. The first rows are done though there are none.
fn does(image: u32, rows: u32) -> bool {
    let here = select(image - params.image_first < params.images, params.image_first == 0u, image == NOWHERE);
    return here & ((params.row_first == 0u) | (params.row_first < rows));
}

// The first pixel of a plane of an image.
fn plane_start(image: u32, plane: u32) -> u32 {
    return params.input_first + ((image - params.image_first) * params.in_channels + plane) * params.height * params.width;
}
