use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{DeformConv2d, DeformConv2dGradients, Members, Of};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::conv::direct::conv_transpose2d_direct;
use crate::kernels::elementwise::{
    binary, binary_backward, binary_words, offset_field, offset_field_backward, unary, unary_backward,
};
use crate::kernels::layout::ReadFrom;
use crate::kernels::movement::{copy_tiles, gather, scatter, strided_copy, zeros};
use crate::kernels::points::{point_keys, point_value_gradients};
use crate::kernels::reduce::{cum_sum, flow_gradient, fold, layer_norm_rows, pool, top_k_keys};
use crate::kernels::roi::{roi_offset_terms, roi_pool};
use crate::kernels::sample::resample;
use crate::ops::conv::{columns_backward, strategy};
use crate::ops::matmul::{attention, product};
use crate::ops::movement::sort;
use crate::ops::plan::{Differentiable, Kernels, Plan};
use crate::ops::points;
use crate::ops::{BACKWARD, FORWARD};

impl Gpu {
    /// Compiles every kernel that this device may use for forward passes, and runs those that next to nothing needs: some drivers compile
    /// at the first run. Products that end with a sigmoid, a SiLU or a GELU, which models alone have, are compiled when they are first recorded: on adapters that run
    /// on the CPU, and of `Winograd` everywhere.
    ///
    /// Without it a plan compiles what it needs when it is made, and what its backward pass needs when that is first recorded, as are products so large that they
    /// are cut along their depth, on adapters that run on the CPU. Compiling
    /// keeps the thread busy that polls; a plan made meanwhile in another thread waits for the kernels that it has in common, and for no
    /// others:
    ///
    /// ```no_run
    /// # #[cfg(not(target_arch = "wasm32"))]
    /// # fn example(gpu: &pliant::Gpu) {
    /// let ahead = std::thread::spawn({
    ///     let gpu = gpu.clone();
    ///     move || pollster::block_on(gpu.warm_up())
    /// });
    /// // ... read the model's weights ...
    /// let ready = ahead.join();
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation), [`Error::OutOfMemory`](crate::Error::OutOfMemory) or
    /// [`Error::DeviceLost`](crate::Error::DeviceLost) where the device does not take a kernel.
    pub async fn warm_up(&self) -> Result<()> {
        strategy::compile_all(self)?;
        // No smallest product is cut along its depth.
        product::compile_adding(self)?;
        // Groups of the smallest problem have more channels.
        self.compile::<conv_transpose2d_direct::Kernel>(())?;
        // Each function has a kernel.
        pool::compile_all(self)?;
        // Layers consist of ops, but for the functions of offsets and masks.
        self.compile::<offset_field::Kernel>(())?;
        // Bins of the smallest problem are small.
        self.compile_all::<roi_pool::Kernel>()?;
        // No smallest problem is empty.
        self.compile_all::<zeros::Kernel>()?;
        // Nor does it leave its input, have four elements side by side, or change the order of any.
        self.compile_all::<strided_copy::Kernel>()?;
        self.compile_all::<copy_tiles::Kernel>()?;
        self.compile_all::<gather::Kernel>()?;
        // Nor is it long, or has many rows.
        attention::compile_all(self)?;
        if self.capabilities().software() {
            self.compile::<layer_norm_rows::Kernel>(ReadFrom::fast(self))?;
        }
        // Nor are its axes resampled by every kernel.
        resample::compile_all(self)?;
        // Channels of the smallest problems are no multiple of four, and each mode of a grid has a kernel.
        points::compile_sums(self)?;
        // Functions, and integers, have kernels of their own.
        self.compile_all::<binary::Kernel>()?;
        self.compile_all::<binary_words::Kernel>()?;
        self.compile_all::<unary::Kernel>()?;
        self.compile_all::<fold::Kernel>()?;
        self.compile_all::<cum_sum::Kernel>()?;
        self.compile_all::<scatter::Kernel>()?;
        // So have orders of more than tiles hold.
        self.compile::<top_k_keys::Kernel>(())?;
        sort::compile(self)?;
        self.run_all(FORWARD, |_| Ok(())).await
    }

    /// Compiles and runs the kernels of backward passes and of an optimiser's steps, beside those of [`Gpu::warm_up`].
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation), [`Error::OutOfMemory`](crate::Error::OutOfMemory) or
    /// [`Error::DeviceLost`](crate::Error::DeviceLost) where the device does not take a kernel.
    pub async fn warm_up_backward(&self) -> Result<()> {
        self.compile::<offset_field_backward::Kernel>(())?;
        self.compile::<flow_gradient::Kernel>(())?;
        self.compile_all::<binary_backward::Kernel>()?;
        self.compile_all::<unary_backward::Kernel>()?;
        self.compile_all::<roi_offset_terms::Kernel>()?;
        points::compile_gradients(self)?;
        self.compile_all::<point_keys::Kernel>()?;
        self.compile_all::<point_value_gradients::Kernel>()?;
        columns_backward::compile_all(self)?;
        let beside = |recorder: &mut Recorder| {
            let (op, smallest) = DeformConv2d::smallest();
            let channels = |count| {
                let mut specs = smallest;
                specs.input.shape = [1, count, 1, 1].into();
                specs.weight.shape = [1, count, 1, 1].into();
                specs
            };
            // Kernels of their own leave columns, where the gradient of the weight is not wanted, and add up one quad of channels, two, and more.
            let wanted = [
                (1, DeformConv2dGradients::NONE.offset()),
                (8, DeformConv2dGradients::NONE.input()),
                (16, DeformConv2dGradients::NONE.input()),
            ];
            wanted.into_iter().try_for_each(|(count, wanted)| {
                let specs = channels(count);
                let plan = Plan::new(self, &op, &specs)?;
                let (inputs, output) = tensors(self, &plan, &specs)?;
                plan.backward_of(recorder, &inputs, &output, &wanted).map(drop)
            })
        };
        self.run_all(BACKWARD, beside).await
    }

    async fn run_all(
        &self,
        all: &[fn(&Self, &mut Recorder) -> Result<()>],
        beside: impl FnOnce(&mut Recorder) -> Result<()>,
    ) -> Result<()> {
        let mut recorder = Recorder::new(self);
        all.iter().try_for_each(|record| record(self, &mut recorder))?;
        beside(&mut recorder)?;
        recorder.submit()?;
        // Downloaded behind all of it.
        Tensor::new(self, [1], DType::F32)?.download::<f32>()?.await.map(drop)
    }
}

/// Records the smallest problem of an op.
pub(crate) fn warm_up<O: Kernels>(gpu: &Gpu, recorder: &mut Recorder) -> Result<()> {
    let (op, specs) = O::smallest();
    let plan = Plan::new::<TensorSpec>(gpu, &op, &specs)?;
    let (inputs, outputs) = tensors(gpu, &plan, &specs)?;
    plan.forward_into::<Tensor, Tensor>(recorder, &inputs, &outputs)
}

/// Records the backward pass of the smallest problem of an op.
pub(crate) fn warm_up_backward<O: Differentiable>(gpu: &Gpu, recorder: &mut Recorder) -> Result<()> {
    let (op, specs) = O::smallest();
    let plan = Plan::new::<TensorSpec>(gpu, &op, &specs)?;
    let (inputs, outputs) = tensors(gpu, &plan, &specs)?;
    plan.backward::<Tensor, Tensor>(recorder, &inputs, &outputs).map(drop)
}

/// Tensors for inputs and outputs.
#[expect(clippy::type_complexity, reason = "the structures of an op's inputs and outputs")]
fn tensors<O: Kernels>(
    gpu: &Gpu,
    plan: &Plan<O>,
    specs: &Of<O::Inputs, TensorSpec>,
) -> Result<(Of<O::Inputs, Tensor>, Of<O::Outputs, Tensor>)> {
    let new = |spec: &TensorSpec| Tensor::new(gpu, spec.shape, spec.dtype);
    Ok((O::Inputs::try_map(specs, new)?, O::Outputs::try_map(&plan.output_spec(), new)?))
}
