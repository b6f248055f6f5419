// Which plane of the input each output channel of a bin is taken from, for kernels that sum up the samples of bins.
//
// A dispatch does `channels` output channels from channel_first on, `bins_count` bins of each from bin_first on, where their
// image is one of `images` from image_first on; that of a RoI without an image is the first of all. Channels are done in `runs` runs of
// `run`, all of a class. The input's binding starts with plane map_first of those that belong to channel_first, of image_first.
//
// One invocation alone sums up a bin of at most alone_y by alone_x samples: roi_alone.wgsl. Larger bins are shared by the invocations of a
// workgroup, in a dispatch of their own: roi_together.wgsl. It does `segments` segments of up to four samples of a row from segment_first on, and
// adds to what those before have left; `segments` is 0 in the former.

struct Params {
    pooling: Pooling,
    channel_first: u32,
    channels: u32,
    run: u32,
    runs: u32,
    bin_first: u32,
    bins_count: u32,
    image_first: u32,
    images: u32,
    map_first: u32,
    alone_y: u32,
    alone_x: u32,
    segment_first: u32,
    segments: u32,
    input_first: u32,
    output_first: u32,
    grad_output_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;

// What is done at once: a bin, by its number in `bins`, and so many channels; an element of the output, counted from that of the first channel
// and bin; and a plane of the input, both those of the first of these channels.
struct Item {
    bin: u32,
    channels: u32,
    element: u32,
    plane: u32,
    exists: bool,
}

fn item(number: u32) -> Item {
    let by_bin = divide(number, params.bins_count);
    let by_run = divide(by_bin.x, params.runs);
    let roi = by_run.x;
    let first = by_run.y * params.run;
    let bin = params.bin_first + by_bin.y;
    let pooled = params.pooling.pooled_height * params.pooling.pooled_width;
    let row = divide(bin, params.pooling.pooled_width);
    let group_row = divide(row.x * params.pooling.group_height, params.pooling.pooled_height).x;
    let group_column = divide(row.y * params.pooling.group_width, params.pooling.pooled_width).x;
    let class_number = divide(params.channel_first + first, params.pooling.class_channels).x;
    return Item(
        (roi * params.pooling.classes + class_number) * pooled + bin,
        min(params.run, params.channels - first),
        (roi * params.pooling.out_channels + first) * pooled + by_bin.y,
        (first * params.pooling.group_height + group_row) * params.pooling.group_width + group_column - params.map_first,
        roi < params.pooling.rois,
    );
}

// Elements of the output from one channel to the next.
fn next_element() -> u32 {
    return params.pooling.pooled_height * params.pooling.pooled_width;
}

// Pixels of the input from one channel to the next.
fn next_pixel() -> u32 {
    return params.pooling.group_height * params.pooling.group_width * params.pooling.height * params.pooling.width;
}

// Whether a bin is one of those that an invocation sums up alone.
fn alone(bin: Bin) -> bool {
    return all(bin.samples <= vec2<u32>(params.alone_y, params.alone_x));
}

// Whether the dispatch does the bins of this image.
fn does(image: u32) -> bool {
    return select(image - params.image_first < params.images, params.image_first == 0u, image == NOWHERE);
}

// The first pixel of a plane of an image.
fn plane_start(image: u32, plane: u32) -> u32 {
    return params.input_first + ((image - params.image_first) * params.pooling.in_channels + plane) * params.pooling.height * params.pooling.width;
}
