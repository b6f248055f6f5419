use std::ops::Range;

use super::convert::{rounded, widened};
use super::{Argument, Contract, in_pieces, run};
use crate::error::Result;
use crate::geometry::{Binary, BinaryGeometry, BinaryInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::binary::{BINARY, binary};

/// A [`Binary`] bound to a device and shapes.
pub struct BinaryPlan {
    contract: Contract<BinaryInputs<TensorSpec>>,
    geometry: BinaryGeometry,
}

impl BinaryPlan {
    /// Checks the problem and compiles what it needs.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape): see [`BinaryGeometry::new`].
    pub fn new(gpu: &Gpu, op: &Binary, inputs: &BinaryInputs<TensorSpec>) -> Result<Self> {
        let geometry = BinaryGeometry::new(op, &inputs.map(|spec| spec.shape))?;
        let contract = Contract::new(gpu, *inputs, BinaryInputs::named, geometry.output_shape())?;
        gpu.compile(&BINARY)?;
        Ok(Self { contract, geometry })
    }

    /// Records the function into a new tensor of the broadcast shape.
    ///
    /// # Errors
    /// As [`BinaryPlan::forward_into`], and what [`Tensor::new`] gives.
    pub fn forward(&self, recorder: &mut Recorder, inputs: &BinaryInputs<&Tensor>) -> Result<Tensor> {
        let output = self.contract.output(recorder)?;
        self.forward_into(recorder, inputs, &output)?;
        Ok(output)
    }

    /// Records the function into `output`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::DType`](crate::Error::DType) where a tensor is not what the plan was made for.
    pub fn forward_into(&self, recorder: &mut Recorder, inputs: &BinaryInputs<&Tensor>, output: &Tensor) -> Result<()> {
        let given = inputs.map(|&tensor| Argument::from(tensor));
        self.contract.check(recorder, BinaryInputs::named, given.named(), output)?;
        recorder.op(|recorder| {
            let inputs = inputs.try_map(|tensor| widened(recorder, tensor))?;
            rounded(recorder, output, |recorder, output| self.pieces(recorder, &inputs, output))
        })
    }

    fn pieces(&self, recorder: &mut Recorder, inputs: &BinaryInputs<Tensor>, output: &Tensor) -> Result<()> {
        let axes = self.geometry.axes();
        let strides = [0, 1].map(|operand| axes.map(|axis| axis.strides[operand]));
        let mut output_strides = [1; 6];
        for axis in (1..6).rev() {
            output_strides[axis - 1] = output_strides[axis] * axes[axis].extent;
        }
        // Halved from the outermost axis on, a piece is one range of the output.
        in_pieces(axes.map(|axis| 0..axis.extent), &mut |piece: &[Range<u32>; 6]| {
            let part = |argument, tensor: &Tensor, strides: [u32; 6]| {
                let element = |index: fn(&Range<u32>) -> u32| -> u64 {
                    piece.iter().zip(strides).map(|(range, stride)| u64::from(index(range)) * u64::from(stride)).sum()
                };
                tensor.part(argument, element(|range| range.start)..element(|range| range.end - 1) + 1)
            };
            let a = part("a", &inputs.a, strides[0])?;
            let b = part("b", &inputs.b, strides[1])?;
            let output = part("output", output, output_strides)?;
            let extents = piece.clone().map(|range| range.end - range.start);
            let elements = extents.iter().map(|&extent| u64::from(extent)).product();
            recorder.gpu().capabilities().check_elements("output", elements)?;
            binary(recorder, self.geometry.op, extents, strides, [&a, &b, &output])
        })
    }
}

impl Binary {
    /// The function of two tensors, in a new tensor of the broadcast shape, submitted.
    ///
    /// # Errors
    /// As [`BinaryPlan::new`] and [`BinaryPlan::forward`].
    pub fn forward(&self, inputs: &BinaryInputs<&Tensor>) -> Result<Tensor> {
        let gpu = inputs.a.gpu();
        let specs = inputs.map(|tensor| tensor.spec());
        let plan = gpu.plan((*self, specs), || BinaryPlan::new(gpu, self, &specs))?;
        run(gpu, |recorder| plan.forward(recorder, inputs))
    }
}
