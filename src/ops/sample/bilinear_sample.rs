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
use crate::kernels::conv::columns::ColumnsLayout;
use crate::kernels::sample::bilinear_sample::{BILINEAR_SAMPLE, Params, bilinear_sample};
use crate::ops::conv::channels_last::{ChannelsLast, channel_quads};
use crate::ops::conv::columns::{Columns, PackedImages, Sampler, form};
use crate::ops::conv::columns_backward::{Blocks, ColumnsBackward, Gradients, Pass, grad_input_bytes, reads_input};
use crate::ops::conv::strips::wide_bytes;
use crate::ops::plan::{Argument, Contract, in_pieces, pieces, run};
use crate::ops::plan::{Destination, get_or_try_init, plan};
use crate::ops::plan::{rounded, widened};

/// A [`BilinearSample`] bound to a device and shapes.
pub struct BilinearSamplePlan {
    contract: Contract<BilinearSampleInputs<TensorSpec>>,
    geometry: BilinearSampleGeometry,
    /// Made by the first backward pass.
    backward: OnceLock<Backward>,
}

plan!(BilinearSamplePlan, |plan| { geometry: plan.geometry });

/// Samples at positions are those of a window of one tap, which starts at pixel (0, 0) wherever it stands.
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
        let form = form(gpu, &im2col, 1, Some(&deformation), 0);
        let columns = Columns::new(gpu, im2col, 1, Some(deformation), (ColumnsLayout::Quads, form), data)?;
        let backward = ColumnsBackward::new(gpu, &columns)?;
        let quads = channel_quads(channels, 1, 1);
        let grad_output = ChannelsLast::new(gpu, columns.form, data, [channels, im2col.out_pixels()], quads)?;
        Ok(Self { columns, backward, grad_output })
    }

    fn record(
        &self,
        recorder: &mut Recorder,
        inputs: &BilinearSampleInputs<&Tensor>,
        grad_output: &Tensor,
        gradients: &Gradients,
    ) -> Result<()> {
        let Self { columns, backward, .. } = self;
        let sampler = Sampler { input: inputs.input, offset: Some(inputs.positions), mask: None };
        let wide_image = grad_input_bytes(&columns.im2col, inputs.input);
        let chunk = columns.images_per_chunk(recorder.gpu(), wide_image);
        let held = u64::from(chunk) * wide_image;
        let pixel = [self.grad_output.pixel_bytes(), 0, 2 * wide_bytes([inputs.positions])];
        let blocks = Blocks::new(recorder.gpu(), columns, pixel, held, chunk);
        let mut packed = if reads_input(gradients) {
            columns.packed(recorder, chunk, blocks.strip_pixels())?
        } else {
            PackedImages::NONE
        };
        let pass = Pass::new(recorder, backward, columns, &sampler, gradients, blocks)?;
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

impl BilinearSamplePlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType).
    pub fn new(gpu: &Gpu, op: &BilinearSample, inputs: &BilinearSampleInputs<TensorSpec>) -> Result<Self> {
        let geometry = BilinearSampleGeometry::new(op, &inputs.map(|spec| spec.shape))?;
        let contract = Contract::new(gpu, *inputs, BilinearSampleInputs::named, geometry.output_shape())?;
        gpu.compile(&BILINEAR_SAMPLE)?;
        Ok(Self { contract, geometry, backward: OnceLock::new() })
    }

    /// Records the samples into a new tensor (batch, channels, out_height, out_width).
    ///
    /// # Errors
    /// As [`BilinearSamplePlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(&self, recorder: &mut Recorder, inputs: &BilinearSampleInputs<&Tensor>) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, inputs, &output)?;
        Ok(output)
    }

    /// Records the samples into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for;
    /// [`Error::Limit`](crate::Error::Limit) where one plane is beyond what the device binds.
    pub fn forward_into(
        &self,
        recorder: &mut Recorder,
        inputs: &BilinearSampleInputs<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let given = inputs.map(|&tensor| Argument::from(tensor));
        self.contract.check(recorder, BilinearSampleInputs::named, given.named(), output)?;
        recorder.op(|recorder| {
            let inputs = inputs.try_map(|tensor| widened(recorder, tensor))?;
            rounded(recorder, output, |recorder, output| self.pieces(recorder, &inputs, output))
        })
    }

    fn pieces(&self, recorder: &mut Recorder, inputs: &BilinearSampleInputs<Tensor>, output: &Tensor) -> Result<()> {
        let BilinearSampleGeometry { border: rule, batch, channels, height, width, out_height, out_width, .. } =
            self.geometry;
        let (pixels, out_pixels) = (height * width, out_height * out_width);
        // Images first: the kernel takes a part of the channels of one image only.
        in_pieces([0..batch, 0..channels, 0..out_pixels], &mut |piece: &[Range<u32>; 3]| {
            let [images, some_channels, some_pixels] = piece;
            let part = |argument, tensor: &Tensor, planes: u32, plane: &Range<u32>, size: u32, within: Range<u32>| {
                let element = |image: u32, plane: u32, pixel: u32| {
                    (u64::from(image) * u64::from(planes) + u64::from(plane)) * u64::from(size) + u64::from(pixel)
                };
                let start = element(images.start, plane.start, within.start);
                tensor.part(argument, start..element(images.end - 1, plane.end - 1, within.end))
            };
            let input = part("input", &inputs.input, channels, some_channels, pixels, 0..pixels)?;
            let positions = part("positions", &inputs.positions, 2, &(0..2), out_pixels, some_pixels.clone())?;
            let output = part("output", output, channels, some_channels, out_pixels, some_pixels.clone())?;
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

    /// Records the gradients that are wanted, of the sum of `output * grad_output`, into new tensors.
    ///
    /// The first call compiles what the backward pass needs.
    ///
    /// # Errors
    /// As [`BilinearSamplePlan::backward_into`], and what [`Tensor::new`] gives.
    pub fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &BilinearSampleInputs<&Tensor>,
        grad_output: &Tensor,
        wanted: &BilinearSampleGradients<()>,
    ) -> Result<BilinearSampleGradients<Tensor>> {
        let BilinearSampleInputs { input, positions } = self.contract.inputs;
        let specs = wanted.of(BilinearSampleGradients { input: Some(input), positions: Some(positions) })?;
        let gradients = specs.try_map(|&TensorSpec { shape, dtype }| Tensor::new(recorder.gpu(), shape, dtype))?;
        self.backward_into(recorder, inputs, grad_output, &gradients.map(|gradient| gradient))?;
        Ok(gradients)
    }

    /// Records the gradients that have a destination, which is written or added to. Nothing is kept from the forward pass.
    ///
    /// Derivatives at the kinks are as in [`DeformConv2dPlan::backward_into`](crate::DeformConv2dPlan::backward_into).
    ///
    /// # Errors
    /// As [`BilinearSamplePlan::forward_into`], with gradients for outputs; [`Error::Shape`](crate::Error::Shape); [`Error::Attribute`](crate::Error::Attribute) where two gradients overlap.
    pub fn backward_into<'a>(
        &self,
        recorder: &mut Recorder,
        inputs: &BilinearSampleInputs<&Tensor>,
        grad_output: &Tensor,
        destinations: &BilinearSampleGradients<impl Into<Destination<'a>> + Copy>,
    ) -> Result<()> {
        let given = inputs.map(|&tensor| Argument::from(tensor));
        let destinations = destinations.map(|&destination| destination.into());
        let named = destinations.named();
        self.contract.check_backward(recorder, BilinearSampleInputs::named, given.named(), grad_output, named)?;
        let gpu = recorder.gpu().clone();
        let backward =
            get_or_try_init(&self.backward, || Backward::new(&gpu, &self.geometry, self.contract.inputs.input.dtype))?;
        recorder.op(|recorder| {
            let BilinearSampleGradients { input, positions } = destinations;
            let gradients = Gradients { input, offset: positions, ..Default::default() };
            backward.record(recorder, inputs, grad_output, &gradients)
        })
    }
}

impl BilinearSample {
    /// The samples, in a new tensor (batch, channels, out_height, out_width), submitted.
    ///
    /// # Errors
    /// As [`BilinearSamplePlan::new`] and [`BilinearSamplePlan::forward`].
    pub fn forward(&self, inputs: &BilinearSampleInputs<&Tensor>) -> Result<Tensor> {
        let gpu = inputs.input.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || BilinearSamplePlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.forward(recorder, inputs))
    }

    /// The gradients that are wanted, of the sum of `output * grad_output`, in new tensors, submitted.
    ///
    /// # Errors
    /// As [`BilinearSamplePlan::new`] and [`BilinearSamplePlan::backward`].
    pub fn backward(
        &self,
        inputs: &BilinearSampleInputs<&Tensor>,
        grad_output: &Tensor,
        wanted: &BilinearSampleGradients<()>,
    ) -> Result<BilinearSampleGradients<Tensor>> {
        let gpu = inputs.input.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || BilinearSamplePlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.backward(recorder, inputs, grad_output, wanted))
    }
}
