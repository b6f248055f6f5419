use std::ops::Range;

use super::convert::{rounded, widened};
use super::{Argument, Contract, in_pieces, run};
use crate::error::Result;
use crate::geometry::{BilinearSample, BilinearSampleGeometry, BilinearSampleInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::bilinear_sample::{BILINEAR_SAMPLE, Params, bilinear_sample};
use crate::kernels::border;

/// A [`BilinearSample`] bound to a device and shapes.
pub struct BilinearSamplePlan {
    contract: Contract<BilinearSampleInputs<TensorSpec>>,
    geometry: BilinearSampleGeometry,
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
        Ok(Self { contract, geometry })
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
}
