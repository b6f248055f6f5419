use std::ops::Range;
use std::sync::OnceLock;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{
    BilinearSample, BilinearSampleGeometry, BilinearSampleGradients, BilinearSampleInputs, Deformation, Im2col,
    Im2colGeometry, OffsetLayout,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::border;
use crate::kernels::columns::ColumnsOrder;
use crate::kernels::sample::bilinear_sample::{self, Params, bilinear_sample};
use crate::ops::conv::chains::Chaining;
use crate::ops::conv::channels_last::{ChannelsLast, channel_quads};
use crate::ops::conv::columns::{Columns, PackedImages, SampleSource, layout};
use crate::ops::conv::columns_backward::{Blocks, ColumnsBackward, Gradients, Pass, grad_input_bytes, reads_input};
use crate::ops::conv::strips::wide_bytes;
use crate::ops::plan::{
    Argument, Destination, Differentiable, Kernels, Plan, get_or_try_init, in_pieces, opaque, pieces,
};

/// State of a plan: the backward pass, made by the first call.
pub struct Sampling {
    data: DType,
    backward: OnceLock<Backward>,
}

opaque!(Sampling);

/// Backward pass of samples at positions: that of a window of one tap, which starts at pixel (0, 0) wherever it stands.
struct Backward {
    columns: Columns,
    backward: ColumnsBackward,
    grad_output: ChannelsLast,
}

impl Backward {
    fn new(gpu: &Gpu, geometry: &BilinearSampleGeometry, data: DType) -> Result<Self> {
        let BilinearSampleGeometry { border, edge_derivative, batch, channels, height, width, out_height, out_width } =
            *geometry;
        let window = Im2col { kernel: [1; 2], stride: [0; 2], padding: [0; 4], dilation: [1; 2] };
        let im2col = Im2colGeometry { batch, channels, height, width, window, out_height, out_width };
        let deformation = Deformation {
            offset_groups: 1,
            border,
            edge_derivative,
            offset_layout: OffsetLayout::Separate,
            modulated: false,
        };
        let layout = layout(gpu, &im2col, 1, Some(&deformation), 0);
        let columns = Columns::new(gpu, im2col, 1, Some(deformation), (ColumnsOrder::Quads, layout), data)?;
        let backward = ColumnsBackward::new(gpu, &columns, Chaining::of(gpu.capabilities()))?;
        let quads = channel_quads(channels, 1, 1);
        let grad_output = ChannelsLast::new(gpu, columns.layout, data, [channels, im2col.out_pixels()], quads)?;
        Ok(Self { columns, backward, grad_output })
    }

    fn record(
        &self,
        recorder: &mut Recorder,
        inputs: BilinearSampleInputs<&Tensor>,
        grad_output: &Tensor,
        gradients: &Gradients,
    ) -> Result<()> {
        let Self { columns, backward, .. } = self;
        let source = SampleSource { input: inputs.input, offset: Some(inputs.positions), mask: None };
        let wide_image = grad_input_bytes(&columns.im2col, inputs.input);
        let chunk = columns.images_per_chunk(recorder.gpu(), wide_image);
        let held = u64::from(chunk) * wide_image;
        let pixel = [self.grad_output.pixel_bytes(), 0, 2 * wide_bytes([inputs.positions])];
        let blocks = Blocks::new(recorder.gpu(), columns, backward.chaining, pixel, held, chunk);
        let mut packed = if reads_input(gradients) {
            columns.packed(recorder, chunk, blocks.strip_pixels())?
        } else {
            PackedImages::NONE
        };
        let pass = Pass::new(recorder, backward, columns, &source, gradients, blocks)?;
        let grads = self.grad_output.workspace(recorder, blocks.strip_pixels())?;
        for images in pieces(0..columns.im2col.batch, chunk) {
            pass.chunk(recorder, images.clone(), |recorder, chunk| {
                blocks.strips(images).try_for_each(|strip| {
                    columns.pack(recorder, inputs.input, &chunk.images, &strip, &mut packed)?;
                    self.grad_output.pack(recorder, "grad_output", grad_output, strip.each_image(), &grads)?;
                    pass.strip(recorder, (chunk, &packed), &strip, &grads.with_rows(strip.len()), None).map(drop)
                })
            })?;
        }
        Ok(())
    }
}

impl Kernels for BilinearSample {
    type Compiled = Sampling;

    fn compile(gpu: &Gpu, _: &BilinearSampleGeometry, inputs: &BilinearSampleInputs<TensorSpec>) -> Result<Sampling> {
        gpu.compile::<bilinear_sample::Kernel>(())?;
        Ok(Sampling { data: inputs.input.dtype, backward: OnceLock::new() })
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &BilinearSampleInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let BilinearSampleGeometry { border: rule, batch, channels, height, width, out_height, out_width, .. } =
            *plan.geometry();
        let (pixels, out_pixels) = (height * width, out_height * out_width);
        // Images first: the kernel takes some of the channels of one image only.
        in_pieces([0..batch, 0..channels, 0..out_pixels], &mut |piece: &[Range<u32>; 3]| {
            let [images, some_channels, some_pixels] = piece;
            let binding =
                |argument, tensor: &Tensor, planes: u32, plane: &Range<u32>, size: u32, within: Range<u32>| {
                    let element = |image: u32, plane: u32, pixel: u32| {
                        (u64::from(image) * u64::from(planes) + u64::from(plane)) * u64::from(size) + u64::from(pixel)
                    };
                    let start = element(images.start, plane.start, within.start);
                    tensor.binding(argument, start..element(images.end - 1, plane.end - 1, within.end))
                };
            let input = binding("input", inputs.input.tensor()?, channels, some_channels, pixels, 0..pixels)?;
            let positions =
                binding("positions", inputs.positions.tensor()?, 2, &(0..2), out_pixels, some_pixels.clone())?;
            let output = binding("output", output, channels, some_channels, out_pixels, some_pixels.clone())?;
            let elements = piece.iter().map(|range| u64::from(range.end - range.start)).product();
            recorder.gpu().capabilities().check_elements("output", elements)?;
            let params = Params {
                images: images.end - images.start,
                channels: some_channels.end - some_channels.start,
                height,
                width,
                out_pixels,
                pixels: some_pixels.end - some_pixels.start,
                border: border(rule),
                ..Default::default()
            };
            bilinear_sample(recorder, params, [&input, &positions, &output])
        })
    }

    fn smallest() -> (Self, BilinearSampleInputs<TensorSpec>) {
        let shapes = BilinearSampleInputs { input: [1; 4].into(), positions: [1, 2, 1, 1].into() };
        (Self::default(), shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 }))
    }
}

/// The vector-Jacobian products of input and positions. Derivatives at the kinks are those of a [`DeformConv2d`](crate::DeformConv2d)'s
/// samples.
impl Differentiable for BilinearSample {
    type Gradients = BilinearSampleGradients<()>;

    /// Off: gradients are widened and rounded strip by strip.
    const GRADIENTS_WIDENED: bool = false;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &BilinearSampleInputs<Argument>,
        grad_output: &Tensor,
        destinations: &BilinearSampleGradients<Destination>,
    ) -> Result<()> {
        let Sampling { data, backward } = plan.compiled();
        let gpu = recorder.gpu().clone();
        let backward = get_or_try_init(backward, || Backward::new(&gpu, plan.geometry(), *data))?;
        let BilinearSampleGradients { input, positions } = *destinations;
        let gradients = Gradients { input, offset: positions, ..Default::default() };
        backward.record(recorder, inputs.try_map(|input| input.tensor())?, grad_output, &gradients)
    }
}
