// The gradient of a pooling's offset: each element adds up what the output channels of its class contribute to the bins that it moves, by
// ascending bin and channel.
//
// terms        (rois, out_channels, bins): roi_offset_terms.wgsl
// grad_offset  (rois, classes, 2, part_height, part_width)
//
// A dispatch does `channels` channels of each class from channel_first on, and of the bins that an element moves `rows` rows from row_first on
// and `columns` columns from column_first on, where there are so many. It adds to what is there where accumulate is 1. One invocation does one
// element.

struct Params {
    pooling: Pooling,
    channel_first: u32,
    channels: u32,
    row_first: u32,
    rows: u32,
    column_first: u32,
    columns: u32,
    accumulate: u32,
    grad_offset_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> terms: array<f32>;
@group(0) @binding(2) var<storage, read_write> grad_offset: array<f32>;

// The first bin along an axis that belongs to a part, or to a later one.
fn first_bin(part: u32, parts: u32, pooled: u32) -> u32 {
    return divide(part * pooled + parts - 1u, parts).x;
}

@compute @workgroup_size(64)
fn roi_offset_gradient(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = linear_workgroup(workgroup, grid) * 64u + lane;
    let by_column = divide(number, params.pooling.part_width);
    let by_row = divide(by_column.x, params.pooling.part_height);
    let plane = by_row.x % 2u;
    let class_number = by_row.x / 2u;
    let exists = class_number < params.pooling.rois * params.pooling.classes;
    let channels = select(0u, params.channels, exists);
    let row_first = first_bin(by_row.y, params.pooling.part_height, params.pooling.pooled_height) + params.row_first;
    let column_first = first_bin(by_column.y, params.pooling.part_width, params.pooling.pooled_width) + params.column_first;
    let row_last = min(first_bin(by_row.y + 1u, params.pooling.part_height, params.pooling.pooled_height), row_first + params.rows);
    let row_end = select(0u, row_last, exists);
    let column_last = first_bin(by_column.y + 1u, params.pooling.part_width, params.pooling.pooled_width);
    let column_end = min(column_last, column_first + params.columns);
    let pooled = params.pooling.pooled_height * params.pooling.pooled_width;

    var sum = 0.0;
    for (var row = row_first; row < row_end; row++) {
        for (var column = column_first; column < column_end; column++) {
            let first = class_number * params.pooling.class_channels + params.channel_first;
            var at = first * pooled + row * params.pooling.pooled_width + column;
            for (var channel = 0u; channel < channels; channel++) {
                sum += terms[2u * at + plane];
                at += pooled;
            }
        }
    }
    if exists {
        let at = params.grad_offset_first + number;
        grad_offset[at] = select(0.0, grad_offset[at], params.accumulate != 0u) + sum;
    }
}
