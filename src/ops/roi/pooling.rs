//! Pooling of regions of interest, of any kind: bins are made of RoIs and offsets, and all else reads these.

use std::ops::Range;

use crate::error::Result;
use crate::geometry::{FURTHEST, RoiPooling, RoiRule};
use crate::gpu::{Binding, Fit, Gpu, Loops, Recorder, Tensor};
use crate::kernels::roi::Pooling;
use crate::kernels::roi::roi_bins::{self, roi_bins};
use crate::kernels::roi::roi_input_gradient::{self, roi_input_gradient};
use crate::kernels::roi::roi_offset_gradient::{self, roi_offset_gradient};
use crate::kernels::roi::roi_offset_terms::{self, number, roi_offset_terms};
use crate::kernels::roi::roi_planes::{self, SEGMENT};
use crate::kernels::roi::roi_pool::{self, Pooled, roi_pool};
use crate::kernels::roi::roi_touches::{self, TILE, roi_touches};
use crate::ops::movement::zeros::zeros;
use crate::ops::plan::{Destination, at_once, bindable, fitting, in_pieces, in_units, pieces};

/// The words of a bin: roi/parts/roi_bins.wgsl.
const BIN_WORDS: u32 = 12;

/// Bins take about this many bytes at a time, and so does what says which tiles they touch: RoIs are done in pieces, images in bands.
const BINS_BYTES: u64 = 4 << 20;
const TOUCHES_BYTES: u64 = 8 << 20;

/// Bytes, about, of the terms of the gradient of the offset that are made at a time, one for each output channel of a bin.
const TERMS_BYTES: u64 = 16 << 20;

/// Samples along an axis that a bin is reckoned to have where they follow from the RoIs, which are not known when work is cut: an object in the
/// level of a pyramid that suits it has about as many.
const RECKONED: u64 = 4;

/// How many samples, more than are expected, may lie in an image or near a pixel along an axis where they follow from the RoIs: positions are
/// rounded, and corners lie up to 2^24 pixels out.
const ROUNDED: u32 = 30;

/// The most iterations that an invocation takes for one plane of a bin. A larger one is shared by a workgroup.
const ALONE: u64 = 60_000;

/// Planes of a bin that an invocation, or a workgroup, does at most.
const RUN_CHANNELS: u32 = 4;
const LARGE_RUN_CHANNELS: u32 = 16;

/// Inputs of a pooling, in f32.
pub(crate) struct Sources {
    pub(crate) input: Tensor,
    pub(crate) rois: Tensor,
    pub(crate) offset: Option<Tensor>,
}

/// Destinations of the gradients that are to be computed.
pub(crate) struct Gradients<'a> {
    pub(crate) input: Option<Destination<'a>>,
    pub(crate) offset: Option<Destination<'a>>,
}

/// Output channels and bins of some RoIs.
#[derive(Clone)]
struct Piece {
    rois: Range<u32>,
    images: Range<u32>,
    channels: Range<u32>,
    bins: Range<u32>,
}

pub(crate) fn compile_forward(gpu: &Gpu, g: &RoiPooling) -> Result<()> {
    gpu.compile::<roi_bins::Kernel>(())?;
    roi_planes::compile::<roi_pool::Kernel>(gpu, |lanes| (lanes, pooled(g)), large_bins(g))
}

pub(crate) fn compile_backward(gpu: &Gpu, g: &RoiPooling) -> Result<()> {
    gpu.compile::<roi_touches::Kernel>(())?;
    gpu.compile::<roi_input_gradient::Kernel>(())?;
    if g.part.is_some() {
        roi_planes::compile::<roi_offset_terms::Kernel>(gpu, |lanes| lanes, large_bins(g))?;
        gpu.compile::<roi_offset_gradient::Kernel>(())?;
    }
    Ok(())
}

fn pooled(g: &RoiPooling) -> Pooled {
    if g.maxima { Pooled::Max } else { Pooled::Average }
}

/// Records the averages, or the maxima.
pub(crate) fn forward(g: &RoiPooling, recorder: &mut Recorder, sources: &Sources, output: &Tensor) -> Result<()> {
    if g.batch == 0 {
        return zeros(recorder, output);
    }
    let bytes = 4 * u64::from(g.out_channels) * u64::from(g.bins());
    let step = rois_at_once(g, recorder.gpu(), &[(bytes, u64::MAX)]);
    let bins = bins_workspace(g, recorder, step)?;
    for rois in pieces(0..g.rois, step) {
        let bins = make_bins(g, recorder, sources, rois.clone(), &bins)?;
        planes(g, recorder, rois, &mut |recorder, piece, params| {
            let input = input_binding(g, &sources.input, piece)?;
            let output = output_binding(g, "output", output, piece)?;
            roi_pool(recorder, pooled(g), params, [&bins, &input, &output], samples(g))
        })?;
    }
    Ok(())
}

/// Records the gradients that there are.
pub(crate) fn backward(
    g: &RoiPooling,
    recorder: &mut Recorder,
    sources: &Sources,
    grad_output: &Tensor,
    gradients: &Gradients,
) -> Result<()> {
    if g.batch == 0 || g.rois == 0 {
        let gradients = [&gradients.input, &gradients.offset].into_iter().flatten();
        return gradients
            .filter(|gradient| !gradient.accumulates())
            .try_for_each(|gradient| zeros(recorder, gradient.tensor()));
    }
    if let Some(input) = gradients.input {
        input_gradient(g, recorder, sources, grad_output, input)?;
    }
    if let Some(offset) = gradients.offset {
        offset_gradient(g, recorder, sources, grad_output, offset)?;
    }
    Ok(())
}

/// Records the gradient of the input: every pixel adds up what the bins contribute that touch its tile.
fn input_gradient(
    g: &RoiPooling,
    recorder: &mut Recorder,
    sources: &Sources,
    grad_output: &Tensor,
    input: Destination,
) -> Result<()> {
    let [tile_rows, tile_columns] = [g.height, g.width].map(|extent| extent.div_ceil(TILE));
    let by_work = recorder.gpu().capabilities().elements_per_dispatch() / roi_touches::ELEMENTS * 4;
    let budget = TOUCHES_BYTES.min(bindable(recorder.gpu())).min(by_work);
    let row = 4 * u64::from(g.classes) * u64::from(tile_columns);
    // One row of tiles fits at least: so many words for each tile.
    let grads = 4 * u64::from(g.out_channels) * u64::from(g.bins());
    let step = rois_at_once(g, recorder.gpu(), &[(grads, u64::MAX), (row * u64::from(g.bins().div_ceil(32)), budget)]);
    let most = most_along(g, 0).max(most_along(g, 1));
    let near = if g.samples == [0; 2] { 2 + ROUNDED } else { most };
    let limits = roi_input_gradient::Params { samples: most, near, ..Default::default() };
    let some_bins = at_once(recorder.gpu(), step.saturating_mul(g.bins()), |bins| {
        // As many words as may be, and as many channels.
        let (bin_first, bin_end) = (31, bins.saturating_add(31));
        roi_input_gradient::Params { bin_first, bin_end, channels: g.class_channels(), ..limits }.iterations()
    });
    // As many RoIs as one dispatch does, where that is one at least: their words are few, and so are the bands.
    let step = step.min(some_bins / g.bins()).max(1);
    let words = (step * g.bins()).div_ceil(32);
    let rows = (budget / (row * u64::from(words))).clamp(1, u32::MAX.into()) as u32;
    let (some_images, some_rows) = ((rows / tile_rows).clamp(1, g.batch), rows.min(tile_rows));
    let bins = bins_workspace(g, recorder, step)?;
    let touches = recorder.workspace([some_images * g.classes, some_rows * tile_columns, words])?;

    for rois in pieces(0..g.rois, step) {
        let bins = make_bins(g, recorder, sources, rois.clone(), &bins)?;
        let count = rois.end - rois.start;
        let words = (count * g.bins()).div_ceil(32);
        for images in pieces(0..g.batch, some_images) {
            for band in pieces(0..tile_rows, some_rows) {
                let [image_count, row_count] = [&images, &band].map(|range| range.end - range.start);
                let all = u64::from(image_count * g.classes) * u64::from(row_count * tile_columns) * u64::from(words);
                let touched = touches.binding("input", 0..all)?;
                let params = roi_touches::Params {
                    pooling: params_of(g, count),
                    words,
                    image_first: images.start,
                    images: image_count,
                    tile_row_first: band.start,
                    tile_rows: row_count,
                    tile_columns,
                };
                roi_touches(recorder, params, [&bins, &touched])?;
                let group = g.group[0] * g.group[1];
                for some in pieces(0..count * g.bins(), some_bins) {
                    let words_done = some.end.div_ceil(32) - some.start / 32;
                    let all = [images.clone(), 0..g.classes, 0..g.class_channels(), 0..group, band.clone()];
                    in_pieces(all, &mut |[some_images, classes, channels, maps, rows]| {
                        let channel = |class: u32, channel: u32| class * g.class_channels() + channel;
                        let first = channel(classes.start, channels.start);
                        let last = channel(classes.end - 1, channels.end - 1);
                        let element = |image: u32, channel: u32, map: u32, row: u32| {
                            let plane = u64::from(image) * u64::from(g.channels) + u64::from(channel * group + map);
                            (plane * u64::from(g.height) + u64::from(row)) * u64::from(g.width)
                        };
                        let start = element(some_images.start, first, maps.start, rows.start * TILE);
                        let row_end = (rows.end * TILE).min(g.height);
                        let end = element(some_images.end - 1, last, maps.end - 1, row_end);
                        let grad_input = input.tensor().binding("grad_input", start..end)?;
                        let piece = Piece {
                            rois: rois.clone(),
                            images: some_images.clone(),
                            channels: first..last + 1,
                            bins: 0..g.bins(),
                        };
                        let grads = output_binding(g, "grad_output", grad_output, &piece)?;
                        let [images_done, classes_done, channels_done, maps_done, rows_done] =
                            [some_images, classes, channels, maps, rows].map(|range| range.end - range.start);
                        let planes = u64::from(images_done) * u64::from(classes_done * channels_done);
                        let pixels = planes * u64::from(maps_done) * u64::from(rows_done * TILE) * u64::from(g.width);
                        let added =
                            u64::from(classes_done * channels_done) * u64::from(some.end - some.start) * samples(g);
                        // Where pixels have been written before, tiles that nothing touches cost a look at their words.
                        let written = if some.start == 0 && rois.start == 0 { pixels } else { 0 };
                        let elements = written + pixels / 256 * u64::from(words_done) + added;
                        let fewest = images_done * classes_done * channels_done * maps_done * rows_done == 1;
                        if !fewest {
                            recorder.gpu().capabilities().check_elements("grad_input", elements)?;
                        }
                        let params = roi_input_gradient::Params {
                            pooling: params_of(g, count),
                            words,
                            bin_first: some.start,
                            bin_end: some.end,
                            touched_image: some_images.start - images.start,
                            images: images_done,
                            touched_row: rows.start - band.start,
                            touched_rows: row_count,
                            tile_row_first: rows.start,
                            tile_rows: rows_done,
                            tile_columns,
                            class_first: classes.start,
                            classes_done,
                            channels: channels_done,
                            map_first: maps.start,
                            maps: maps_done,
                            accumulate: (input.accumulates() || rois.start > 0 || some.start > 0).into(),
                            ..limits
                        };
                        roi_input_gradient(recorder, params, [&bins, &touched, &grads, &grad_input], elements)
                    })?;
                }
            }
        }
    }
    Ok(())
}

/// Records the gradient of the offset: the term of each output channel of a bin, and then the sums over those that an offset moves.
fn offset_gradient(
    g: &RoiPooling,
    recorder: &mut Recorder,
    sources: &Sources,
    grad_output: &Tensor,
    offset: Destination,
) -> Result<()> {
    let Some([part_height, part_width]) = g.part else { return Ok(()) };
    let of_roi = u64::from(g.out_channels) * u64::from(g.bins());
    let step = rois_at_once(g, recorder.gpu(), &[(8 * of_roi, TERMS_BYTES)]);
    let bins = bins_workspace(g, recorder, step)?;
    let terms = recorder.workspace([step, g.out_channels, g.bins(), 2])?;
    for rois in pieces(0..g.rois, step) {
        let bins = make_bins(g, recorder, sources, rois.clone(), &bins)?;
        let count = rois.end - rois.start;
        planes(g, recorder, rois.clone(), &mut |recorder, piece, params| {
            let input = input_binding(g, &sources.input, piece)?;
            let grads = output_binding(g, "grad_output", grad_output, piece)?;
            let [start, end] = output_elements(g, &Piece { rois: 0..count, ..piece.clone() });
            let terms = terms.binding("offset", 2 * start..2 * end)?;
            roi_offset_terms(recorder, params, [&bins, &input, &grads, &terms], samples(g))
        })?;
        let terms = terms.binding("offset", 0..2 * u64::from(count) * of_roi)?;
        let grad_offset = rows_binding("grad_offset", offset.tensor(), &rois)?;
        let [all_rows, all_columns] = [g.pooled[0].div_ceil(part_height), g.pooled[1].div_ceil(part_width)];
        let iterations = |rows: u32, columns: u32, channels: u32| {
            roi_offset_gradient::Params { rows, columns, channels, ..Default::default() }.iterations()
        };
        let some_columns = at_once(recorder.gpu(), all_columns, |columns| iterations(1, columns, 1));
        let some_rows = at_once(recorder.gpu(), all_rows, |rows| iterations(rows, some_columns, 1));
        let some_channels =
            at_once(recorder.gpu(), g.class_channels(), |channels| iterations(some_rows, some_columns, channels));
        let mut accumulate = offset.accumulates();
        for channels in pieces(0..g.class_channels(), some_channels) {
            for rows in pieces(0..all_rows, some_rows) {
                for columns in pieces(0..all_columns, some_columns) {
                    let params = roi_offset_gradient::Params {
                        pooling: params_of(g, count),
                        channel_first: channels.start,
                        channels: channels.end - channels.start,
                        row_first: rows.start,
                        rows: rows.end - rows.start,
                        column_first: columns.start,
                        columns: columns.end - columns.start,
                        accumulate: accumulate.into(),
                        ..Default::default()
                    };
                    roi_offset_gradient(recorder, params, [&terms, &grad_offset])?;
                    accumulate = true;
                }
            }
        }
    }
    Ok(())
}

/// The samples of a bin along an axis that count, at most. As many as there are pixels are half a pixel apart where bins are small, and a pixel
/// where they are large.
fn most_along(g: &RoiPooling, axis: usize) -> u32 {
    match g.samples[axis] {
        0 => [g.height, g.width][axis] + 2 + ROUNDED,
        fixed => fixed,
    }
}

/// The samples of a bin that count: all that may, or what they are reckoned at.
fn samples(g: &RoiPooling) -> u64 {
    let along = |axis: usize| if g.samples[axis] == 0 { RECKONED } else { g.samples[axis].into() };
    along(0) * along(1)
}

/// The most rows and columns of samples of a bin that an invocation sums up alone.
fn alone(g: &RoiPooling) -> [u32; 2] {
    let most = [most_along(g, 0), most_along(g, 1)];
    let of = |alone_y: u32, alone_x: u32| {
        roi_planes::Params { alone_y, alone_x, channels: 1, run: 1, ..Default::default() }.iterations()
    };
    // A square, or what is left of one where the image is narrow.
    let side = fitting(ALONE, most[0].max(most[1]), |side| of(side, side));
    let columns = fitting(ALONE, most[1], |columns| of(side.min(most[0]), columns));
    [fitting(ALONE, most[0], |rows| of(rows, columns)), columns]
}

/// Whether there may be bins that an invocation does not sum up alone.
fn large_bins(g: &RoiPooling) -> bool {
    alone(g) != [most_along(g, 0), most_along(g, 1)]
}

/// How many RoIs are done together: their bins, and further bytes for each, are within their budgets and can be bound, and a dispatch does
/// one channel at least of all of them.
fn rois_at_once(g: &RoiPooling, gpu: &Gpu, bytes: &[(u64, u64)]) -> u32 {
    let bins = u64::from(g.classes) * u64::from(g.bins());
    let offsets = g.part.map_or(1, |[height, width]| 2 * u64::from(g.classes) * u64::from(height) * u64::from(width));
    let most = bindable(gpu);
    let by_bytes = [(4 * u64::from(BIN_WORDS) * bins, BINS_BYTES), (4 * offsets, u64::MAX)]
        .iter()
        .chain(bytes)
        .map(|&(each, budget)| budget.min(most) / each)
        .min();
    let by_work = gpu.capabilities().elements_per_dispatch() / u64::from(g.bins()).saturating_mul(samples(g));
    by_bytes.unwrap_or(1).min(by_work).clamp(1, g.rois.max(1).into()) as u32
}

fn bins_workspace(g: &RoiPooling, recorder: &mut Recorder, rois: u32) -> Result<Tensor> {
    recorder.workspace([rois, g.classes, g.bins(), BIN_WORDS])
}

/// The pooling as kernels know it, of so many RoIs.
fn params_of(g: &RoiPooling, rois: u32) -> Pooling {
    let [part_height, part_width] = g.part.unwrap_or([1; 2]);
    Pooling {
        rois,
        classes: g.classes,
        pooled_height: g.pooled[0],
        pooled_width: g.pooled[1],
        batch: g.batch,
        height: g.height,
        width: g.width,
        in_channels: g.channels,
        out_channels: g.out_channels,
        class_channels: g.class_channels(),
        group_height: g.group[0],
        group_width: g.group[1],
        part_height,
        part_width,
        reach: g.reach,
        derivative: number(g.derivative),
    }
}

/// The rows of some RoIs.
fn rows_binding(argument: &'static str, tensor: &Tensor, rois: &Range<u32>) -> Fit<Binding> {
    let row: u64 = tensor.shape().extents().iter().skip(1).map(|&extent| u64::from(extent)).product();
    tensor.binding(argument, u64::from(rois.start) * row..u64::from(rois.end) * row)
}

/// Makes the bins of some RoIs.
fn make_bins(
    g: &RoiPooling,
    recorder: &mut Recorder,
    sources: &Sources,
    rois: Range<u32>,
    bins: &Tensor,
) -> Result<Binding> {
    let count = rois.end - rois.start;
    let elements = u64::from(count * g.classes) * u64::from(g.bins()) * u64::from(BIN_WORDS);
    let bins = bins.binding("rois", 0..elements)?;
    let of_rois = rows_binding("rois", &sources.rois, &rois)?;
    let offset = sources.offset.as_ref().map_or(Ok(of_rois.clone()), |offset| rows_binding("offset", offset, &rois))?;
    let (rounded, shift, least, phase, beyond) = match g.rule {
        RoiRule::Align { aligned: true } => (false, 0.5, f32::MIN, 0.5, 1.0),
        RoiRule::Align { aligned: false } => (false, 0.0, 1.0, 0.5, 1.0),
        RoiRule::PositionSensitive => (true, 0.5, 0.1, 0.0, 0.5),
    };
    let params = roi_bins::Params {
        pooling: params_of(g, count),
        rounded: u32::from(rounded),
        scale: g.spatial_scale,
        shift,
        least,
        furthest: (FURTHEST / g.spatial_scale).min(f32::MAX).to_bits(),
        samples_y: g.samples[0],
        samples_x: g.samples[1],
        phase,
        beyond,
        skips: match g.rule {
            _ if g.maxima => 2,
            RoiRule::Align { .. } => 0,
            RoiRule::PositionSensitive => 1,
        },
        deformed: g.part.is_some().into(),
        ..Default::default()
    };
    roi_bins(recorder, params, [&of_rois, &offset, &bins])?;
    Ok(bins)
}

/// Has `dispatch` do all channels and bins of some RoIs, in pieces that are not too much work and that can be bound: first the bins that an
/// invocation sums up alone, then, where there may be such, larger ones.
fn planes(
    g: &RoiPooling,
    recorder: &mut Recorder,
    rois: Range<u32>,
    dispatch: &mut impl FnMut(&mut Recorder, &Piece, roi_planes::Params) -> Fit,
) -> Result<()> {
    let count = rois.end - rois.start;
    let [alone_y, alone_x] = alone(g);
    let all_segments = most_along(g, 0).saturating_mul(most_along(g, 1).div_ceil(SEGMENT));
    let looped = |run: u32, segments: u32| {
        roi_planes::Params { run, channels: run, alone_y, alone_x, segments, ..Default::default() }.iterations()
    };
    // A run has channels of one class.
    let run_of = |most: u32| if g.classes == 1 { most } else { 1 };
    let run = at_once(recorder.gpu(), run_of(RUN_CHANNELS), |run| looped(run, 0));
    let some_segments = at_once(recorder.gpu(), all_segments, |segments| looped(1, segments));
    let large_run = at_once(recorder.gpu(), run_of(LARGE_RUN_CHANNELS), |run| looped(run, some_segments));
    in_pieces([0..g.out_channels, 0..g.bins()], &mut |[channels, bins]| {
        let elements = u64::from(channels.end - channels.start) * u64::from(bins.end - bins.start);
        if elements > 1 {
            let elements = (u64::from(count) * elements).saturating_mul(samples(g));
            recorder.gpu().capabilities().check_elements("output", elements)?;
        }
        in_units([1; 3], [0..g.batch, channels.clone(), bins.clone()], &mut |[images, channels, bins]| {
            let piece =
                Piece { rois: rois.clone(), images: images.clone(), channels: channels.clone(), bins: bins.clone() };
            let params = roi_planes::Params {
                pooling: params_of(g, count),
                channel_first: channels.start,
                channels: channels.end - channels.start,
                run,
                runs: (channels.end - channels.start).div_ceil(run),
                bin_first: bins.start,
                bins_count: bins.end - bins.start,
                image_first: images.start,
                images: images.end - images.start,
                map_first: maps_of(g, bins).start,
                alone_y,
                alone_x,
                ..Default::default()
            };
            recorder.all(|recorder| {
                dispatch(recorder, &piece, params)?;
                if !large_bins(g) {
                    return Ok(());
                }
                let params = roi_planes::Params {
                    run: large_run,
                    runs: (channels.end - channels.start).div_ceil(large_run),
                    ..params
                };
                pieces(0..all_segments, some_segments).try_for_each(|segments| {
                    let (segment_first, segments) = (segments.start, segments.end - segments.start);
                    dispatch(recorder, &piece, roi_planes::Params { segment_first, segments, ..params })
                })
            })
        })
    })
}

/// The maps of an output channel's grid of input channels that some bins are taken from, and those between.
fn maps_of(g: &RoiPooling, bins: &Range<u32>) -> Range<u32> {
    let [first, last] = [bins.start, bins.end - 1].map(|bin| [bin / g.pooled[1], bin % g.pooled[1]]);
    let group = |bin: [u32; 2], axis: usize| {
        (u64::from(bin[axis]) * u64::from(g.group[axis]) / u64::from(g.pooled[axis])) as u32
    };
    let (start, end) = (group(first, 0) * g.group[1], group(last, 0) * g.group[1]);
    if first[0] == last[0] { start + group(first, 1)..end + group(last, 1) + 1 } else { start..end + g.group[1] }
}

/// The planes of the input that a piece is taken from.
fn input_binding(g: &RoiPooling, input: &Tensor, piece: &Piece) -> Fit<Binding> {
    let (group, maps) = (g.group[0] * g.group[1], maps_of(g, &piece.bins));
    let element = |image: u32, channel: u32, map: u32| {
        let plane = u64::from(image) * u64::from(g.channels) + u64::from(channel * group + map);
        plane * u64::from(g.height * g.width)
    };
    let start = element(piece.images.start, piece.channels.start, maps.start);
    input.binding("input", start..element(piece.images.end - 1, piece.channels.end - 1, maps.end))
}

/// The elements of the output from the first to the last of a piece.
fn output_elements(g: &RoiPooling, piece: &Piece) -> [u64; 2] {
    let element = |roi: u32, channel: u32, bin: u32| {
        (u64::from(roi) * u64::from(g.out_channels) + u64::from(channel)) * u64::from(g.bins()) + u64::from(bin)
    };
    [
        element(piece.rois.start, piece.channels.start, piece.bins.start),
        element(piece.rois.end - 1, piece.channels.end - 1, piece.bins.end),
    ]
}

fn output_binding(g: &RoiPooling, argument: &'static str, output: &Tensor, piece: &Piece) -> Fit<Binding> {
    let [start, end] = output_elements(g, piece);
    output.binding(argument, start..end)
}
