use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{
    DeformPsRoiPool, DeformPsRoiPoolGeometry, DeformPsRoiPoolGradients, DeformPsRoiPoolInputs, DeformRoiPool,
    DeformRoiPoolGeometry, DeformRoiPoolGradients, DeformRoiPoolInputs, RoiAlign, RoiAlignGeometry, RoiAlignGradients,
    RoiAlignInputs, RoiAlignMax, RoiAlignMaxGeometry,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan};
use crate::ops::roi::pooling::{Gradients, Sources, backward, compile_backward, compile_forward, forward};

/// The kernels of an op that pools regions of interest.
macro_rules! roi_kernels {
    ($op:ident, $geometry:ident, $inputs:ident { $($offset:ident by $reach:ident)? }) => {
        impl Kernels for $op {
            type Compiled = ();

            fn compile(gpu: &Gpu, geometry: &$geometry, _: &$inputs<TensorSpec>) -> Result<()> {
                compile_forward(gpu, &geometry.pooling)
            }

            fn record(
                plan: &Plan<Self>,
                recorder: &mut Recorder,
                inputs: &$inputs<Argument>,
                output: &Tensor,
            ) -> Result<()> {
                let $inputs { input, rois, $($offset)? } = inputs.try_map(|input| input.wide(recorder))?;
                let sources = Sources { input, rois, offset: None $(.or($offset))? };
                forward(&plan.geometry().pooling, recorder, &sources, output)
            }

            fn same(&self, other: &Self) -> bool {
                self == other $(&& self.$reach.to_bits() == other.$reach.to_bits())?
            }

            fn smallest() -> (Self, $inputs<TensorSpec>) {
                let spec = |shape| TensorSpec { shape, dtype: DType::F32 };
                let inputs = $inputs {
                    input: spec([1; 4].into()),
                    rois: spec([1, 5].into()),
                    $($offset: Some(spec([1, 2, 1, 1].into())))?
                };
                (Self::default(), inputs)
            }
        }
    };
}

/// The backward pass of an op that pools regions of interest.
macro_rules! roi_gradients {
    ($op:ident, $inputs:ident { $($offset:ident)? }, $gradients:ident) => {
        impl Differentiable for $op {
            type Gradients = $gradients<()>;

            fn record_backward(
                plan: &Plan<Self>,
                recorder: &mut Recorder,
                inputs: &$inputs<Argument>,
                grad_output: &Tensor,
                destinations: &$gradients<Destination>,
            ) -> Result<()> {
                let pooling = &plan.geometry().pooling;
                compile_backward(recorder.gpu(), pooling)?;
                let $inputs { input, rois, $($offset)? } = inputs.try_map(|input| input.wide(recorder))?;
                let sources = Sources { input, rois, offset: None $(.or($offset))? };
                let gradients = Gradients { input: destinations.input, offset: None $(.or(destinations.$offset))? };
                backward(pooling, recorder, &sources, grad_output, &gradients)
            }
        }
    };
}

roi_kernels!(RoiAlign, RoiAlignGeometry, RoiAlignInputs {});
roi_kernels!(RoiAlignMax, RoiAlignMaxGeometry, RoiAlignInputs {});
roi_kernels!(DeformRoiPool, DeformRoiPoolGeometry, DeformRoiPoolInputs { offset by gamma });
roi_kernels!(DeformPsRoiPool, DeformPsRoiPoolGeometry, DeformPsRoiPoolInputs { offset by trans_std });

roi_gradients!(RoiAlign, RoiAlignInputs {}, RoiAlignGradients);
roi_gradients!(DeformRoiPool, DeformRoiPoolInputs { offset }, DeformRoiPoolGradients);
roi_gradients!(DeformPsRoiPool, DeformPsRoiPoolInputs { offset }, DeformPsRoiPoolGradients);
