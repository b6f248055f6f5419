use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{BroadcastAxis, GlobalAveragePool, GlobalAveragePoolGeometry, InputGradient};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::reduce::segment_sums;
use crate::ops::elementwise::broadcast::Elementwise;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan};
use crate::ops::reduce::sums::Sums;
use crate::shape::MAX_RANK;

impl Kernels for GlobalAveragePool {
    type Compiled = ();

    fn compile(gpu: &Gpu, _: &GlobalAveragePoolGeometry, _: &TensorSpec) -> Result<()> {
        gpu.compile::<segment_sums::Kernel>(DType::F32.into())
    }

    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, output: &Tensor) -> Result<()> {
        let &GlobalAveragePoolGeometry { batch, channels, pixels, .. } = plan.geometry();
        let (planes, scale) = (batch * channels, reciprocal(pixels));
        Sums { planes, pixels, columns: 1, scale, accumulate: false }.record(recorder, input.tensor()?, output)
    }

    fn smallest() -> (Self, TensorSpec) {
        (Self, TensorSpec { shape: [1; 4].into(), dtype: DType::F32 })
    }
}

/// The vector-Jacobian product: for each pixel of a plane the plane's `grad_output`, over the number of pixels.
impl Differentiable for GlobalAveragePool {
    type Gradients = InputGradient;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        _: &Argument,
        grad_output: &Tensor,
        destination: &Destination,
    ) -> Result<()> {
        let &GlobalAveragePoolGeometry { batch, channels, pixels, .. } = plan.geometry();
        let mut axes = [BroadcastAxis { extent: 1, strides: [0; 2] }; MAX_RANK];
        axes[MAX_RANK - 2] = BroadcastAxis { extent: batch * channels, strides: [1; 2] };
        axes[MAX_RANK - 1] = BroadcastAxis { extent: pixels, strides: [0; 2] };
        let elementwise = Elementwise {
            op: None,
            scale: reciprocal(pixels),
            axes,
            accumulate: destination.accumulates(),
            integers: false,
        };
        elementwise.record(recorder, [grad_output; 2], destination.tensor())
    }
}

fn reciprocal(pixels: u32) -> f32 {
    (1.0 / f64::from(pixels)) as f32
}
