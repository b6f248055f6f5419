//! Offsets and masks of a layer, computed in place from the output of its offset and mask convolutions.

use std::ops::Range;

use crate::error::Result;
use crate::gpu::{Binding, Fit, Gpu, Recorder, Tensor};
use crate::kernels::elementwise::offset_field::{self, Params, offset_field};
use crate::kernels::elementwise::offset_field_backward::{self, offset_field_backward};
use crate::kernels::reduce::flow_gradient::{self, flow_gradient};
use crate::nn::deform_conv2d::OffsetField;
use crate::ops::plan::{Destination, in_pieces};

pub(crate) fn compile(gpu: &Gpu) -> Result<()> {
    gpu.compile::<offset_field::Kernel>(())
}

pub(crate) fn compile_backward(gpu: &Gpu) -> Result<()> {
    gpu.compile::<offset_field_backward::Kernel>(())?;
    gpu.compile::<flow_gradient::Kernel>(())
}

/// Records the elementwise functions of all planes that have one; the others stay as they are.
pub(crate) fn activate(
    recorder: &mut Recorder,
    geometry: &OffsetField,
    field: &Tensor,
    flow: Option<&Tensor>,
) -> Result<()> {
    let nothing = &recorder.workspace([1])?;
    in_planes(recorder, geometry, geometry.changed(), flow.unwrap_or(nothing), |recorder, params, flow, range| {
        let field = field.binding("offset", range)?;
        recorder.gpu().capabilities().check_elements("offset", params.elements())?;
        offset_field(recorder, params, [flow, &field])
    })
}

/// Records the gradients of the convolution's output, in place of those of the offsets and masks.
pub(crate) fn activate_backward(
    recorder: &mut Recorder,
    geometry: &OffsetField,
    field: &Tensor,
    flow: Option<&Tensor>,
    grad_field: &Tensor,
) -> Result<()> {
    in_planes(recorder, geometry, geometry.curved(), flow.unwrap_or(field), |recorder, params, flow, range| {
        let bindings = [flow, &field.binding("offset", range.clone())?, &grad_field.binding("grad_offset", range)?];
        recorder.gpu().capabilities().check_elements("grad_offset", params.elements())?;
        offset_field_backward(recorder, params, bindings)
    })
}

/// Has `dispatch` do some planes of all images, with the flow that they need and their range of the field.
fn in_planes(
    recorder: &mut Recorder,
    geometry: &OffsetField,
    planes: Range<u32>,
    flow: &Tensor,
    mut dispatch: impl FnMut(&mut Recorder, Params, &Binding, Range<u64>) -> Fit,
) -> Result<()> {
    let OffsetField { batch, planes: whole_planes, pixels: whole_pixels, .. } = *geometry;
    let planes_per_flow = geometry.planes_per_flow();
    in_pieces([0..batch, planes, 0..whole_pixels], &mut |[images, planes, pixels]| {
        let element = |image: u32, planes: u32, plane: u32, pixel: u32| {
            (u64::from(image) * u64::from(planes) + u64::from(plane)) * u64::from(whole_pixels) + u64::from(pixel)
        };
        // A single plane has the flow of its own pixels, several have the images'.
        let flow_planes = geometry.flow_planes;
        let range = if flow_planes == 0 || planes.start >= geometry.offset_planes {
            None
        } else if images.len() == 1 && planes.len() == 1 {
            let plane = 2 * (planes.start / planes_per_flow) + 1 - planes.start % 2;
            Some((plane..plane + 1, pixels.clone()))
        } else {
            Some((0..flow_planes, 0..whole_pixels))
        };
        let elements = range.clone().map_or(0..1, |(planes, pixels)| {
            element(images.start, flow_planes, planes.start, pixels.start)
                ..element(images.end - 1, flow_planes, planes.end - 1, pixels.end)
        });
        let flow = flow.binding("flow", elements)?;
        let params = Params {
            images: images.end - images.start,
            planes: planes.end - planes.start,
            pixels: pixels.end - pixels.start,
            first_plane: planes.start,
            whole_planes,
            whole_pixels,
            offset_planes: geometry.offset_planes,
            limit: geometry.limit,
            mask_scale: geometry.mask_scale,
            flow_planes,
            planes_per_flow,
            flow_base: range.map_or(0, |(planes, _)| planes.start),
            ..Params::default()
        };
        let first = element(images.start, whole_planes, planes.start, pixels.start);
        let end = element(images.end - 1, whole_planes, planes.end - 1, pixels.end);
        dispatch(recorder, params, &flow, first..end)
    })
}

/// Records the gradient of the flow, from those of the offsets.
pub(crate) fn of_flow(
    recorder: &mut Recorder,
    geometry: &OffsetField,
    grad_field: &Tensor,
    gradient: Destination,
) -> Result<()> {
    let OffsetField { batch, planes: field_planes, pixels: whole_pixels, flow_planes, .. } = *geometry;
    let planes_per_flow = geometry.planes_per_flow();
    let whole = [0..batch, 0..flow_planes, 0..planes_per_flow / 2, 0..whole_pixels];
    in_pieces(whole, &mut |[images, planes, points, pixels]| {
        let element = |image: u32, planes: u32, plane: u32, pixel: u32| {
            (u64::from(image) * u64::from(planes) + u64::from(plane)) * u64::from(whole_pixels) + u64::from(pixel)
        };
        // The first and the last plane of the offsets that the piece reads: a flow has dx first, a sampling point dy.
        let flow = |plane: u32| plane / 2 * planes_per_flow;
        let (first, last) = match planes.len() {
            1 => {
                let plane = flow(planes.start) + 1 - planes.start % 2;
                (plane + 2 * points.start, plane + 2 * (points.end - 1))
            }
            _ => (flow(planes.start) + 2 * points.start, flow(planes.end - 1) + 2 * points.end - 1),
        };
        let range = element(images.start, field_planes, first, pixels.start)
            ..element(images.end - 1, field_planes, last, pixels.end);
        let bindings = [
            &grad_field.binding("grad_offset", range)?,
            &gradient.tensor().binding(
                "grad_flow",
                element(images.start, flow_planes, planes.start, pixels.start)
                    ..element(images.end - 1, flow_planes, planes.end - 1, pixels.end),
            )?,
        ];
        let params = flow_gradient::Params {
            images: images.end - images.start,
            planes: planes.end - planes.start,
            pixels: pixels.end - pixels.start,
            points: points.end - points.start,
            first_plane: planes.start,
            first_point: points.start,
            field_base: first,
            field_planes,
            flow_planes,
            planes_per_flow,
            whole_pixels,
            accumulate: (gradient.accumulates() || points.start > 0).into(),
            ..flow_gradient::Params::default()
        };
        recorder.gpu().capabilities().check_elements("grad_flow", params.terms())?;
        flow_gradient(recorder, params, bindings)
    })
}
