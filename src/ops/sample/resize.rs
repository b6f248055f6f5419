use std::sync::OnceLock;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{AspectRatio, InputGradient, Resize, ResizeGeometry, ResizeTo};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, get_or_try_init};
use crate::ops::sample::resampling::{Changed, Resampling};

/// The taps of a resize, and, once they are needed, those of its gradient.
#[derive(Debug)]
pub struct Resampled {
    forward: Resampling,
    backward: OnceLock<Resampling>,
}

impl ResizeGeometry {
    fn changed(&self) -> impl Iterator<Item = Changed> {
        self.op.axes.iter().enumerate().map(|(index, &axis)| {
            let axis = axis as usize;
            Changed { axis, taps: self.taps(index), extent: self.input.extents()[axis] }
        })
    }

    /// Whether each position becomes itself.
    #[cfg(feature = "onnx")]
    pub(crate) fn is_kept(&self) -> bool {
        self.changed().all(|axis| axis.is_kept())
    }
}

impl Kernels for Resize {
    type Compiled = Resampled;

    fn compile(gpu: &Gpu, geometry: &ResizeGeometry, _: &TensorSpec) -> Result<Resampled> {
        let forward = Resampling::new(gpu, geometry.input, geometry.changed())?;
        Ok(Resampled { forward, backward: OnceLock::new() })
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, output: &Tensor) -> Result<()> {
        let outside = plan.geometry().extrapolation_value().unwrap_or(0.0);
        plan.compiled().forward.record(recorder, outside, input.tensor()?, output)
    }

    fn same(&self, other: &Self) -> bool {
        self == other && self.bits() == other.bits()
    }

    fn smallest() -> (Self, TensorSpec) {
        let to = ResizeTo::Sizes(vec![2], AspectRatio::Stretch);
        (Self { axes: vec![0], to, ..Self::default() }, TensorSpec { shape: [1].into(), dtype: DType::F32 })
    }
}

/// The vector-Jacobian product: each position of the input has the sum of `grad_output` where it is part of the output, times its weights there.
impl Differentiable for Resize {
    type Gradients = InputGradient;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        _: &Argument,
        grad_output: &Tensor,
        destination: &Destination,
    ) -> Result<()> {
        let geometry = plan.geometry();
        let backward = get_or_try_init(&plan.compiled().backward, || {
            Resampling::new(recorder.gpu(), geometry.output, geometry.changed().map(Changed::transposed))
        })?;
        backward.record_gradient(recorder, grad_output, *destination)
    }
}
