// A pooling of regions of interest, of which a dispatch does `rois` RoIs. The struct takes a multiple of 16 bytes, so that a uniform may hold it.
//
// Images, of which there are `batch`, have in_channels channels of height by width pixels. A RoI has pooled_height by pooled_width bins for each of
// out_channels channels, class_channels of which belong to a class. The bins of an output channel are taken from a grid of group_height by
// group_width input channels, its maps. The bins of a class are moved by part_height by part_width offsets, times `reach`; `derivative` is that of
// roi_offset_terms.wgsl.

struct Pooling {
    rois: u32,
    classes: u32,
    pooled_height: u32,
    pooled_width: u32,
    batch: u32,
    height: u32,
    width: u32,
    in_channels: u32,
    out_channels: u32,
    class_channels: u32,
    group_height: u32,
    group_width: u32,
    part_height: u32,
    part_width: u32,
    reach: f32,
    derivative: u32,
}
