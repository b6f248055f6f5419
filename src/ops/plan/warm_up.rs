use crate::ops::conv::strategy;
use crate::ops::{
    AdamPlan, BatchNormPlan, BilinearSamplePlan, BinaryPlan, ConcatPlan, Conv2dPlan, CrossEntropyPlan,
    DeformConv2dPlan, DeformIm2colPlan, DeformRoiPoolPlan, GlobalAveragePoolPlan, Im2colPlan, MatmulPlan, SgdPlan,
    UnaryPlan,
};

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::nn::{Adam, AdamInputs, Sgd, SgdInputs};
use crate::geometry::{
    BatchNorm, BatchNormInputs, BilinearSample, BilinearSampleInputs, Binary, BinaryInputs, Concat, Conv2d,
    Conv2dGradients, Conv2dInputs, CrossEntropy, CrossEntropyInputs, DeformConv2d, DeformConv2dGradients,
    DeformConv2dInputs, DeformIm2col, DeformIm2colInputs, DeformRoiPool, DeformRoiPoolGradients, DeformRoiPoolInputs,
    GlobalAveragePool, Im2col, Matmul, MatmulGradients, MatmulInputs, Unary,
};
use crate::gpu::{Gpu, Recorder, Tensor};

impl Gpu {
    /// Compiles every kernel that this device may use for forward passes, and runs those that next to nothing needs: some drivers compile
    /// at the first run.
    ///
    /// Without it a plan compiles what it needs when it is made, and what its backward pass needs when that is first recorded. Compiling
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
        let zeros = |shape: [u32; 4], dtype| Tensor::new(self, shape, dtype);
        let (pixel, offset) = (&zeros([1; 4], DType::F32)?, &zeros([1, 2, 1, 1], DType::F32)?);
        let half = &zeros([1; 4], DType::F16)?;
        let element = &Tensor::new(self, [1; 3], DType::F32)?;
        let channel = &Tensor::new(self, [1], DType::F32)?;
        let mut recorder = Recorder::new(self);

        strategy::compile_all(self)?;
        let inputs = Conv2dInputs { input: half, weight: half, bias: None };
        Conv2dPlan::new(self, &Conv2d::default(), &inputs.map(|tensor| tensor.spec()))?
            .forward(&mut recorder, &inputs)?;
        let inputs = DeformConv2dInputs { input: pixel, offset, weight: pixel, mask: None, bias: None };
        DeformConv2dPlan::new(self, &DeformConv2d::default(), &inputs.map(|tensor| tensor.spec()))?
            .forward(&mut recorder, &inputs)?;
        Im2colPlan::new(self, &Im2col::default(), pixel.spec())?.forward(&mut recorder, pixel)?;
        let inputs = DeformIm2colInputs { input: pixel, offset, mask: None };
        DeformIm2colPlan::new(self, &DeformIm2col::default(), &inputs.map(|tensor| tensor.spec()))?
            .forward(&mut recorder, &inputs)?;
        let inputs = MatmulInputs { a: element, b: element };
        MatmulPlan::new(self, &Matmul::default(), &inputs.map(|tensor| tensor.spec()))?
            .forward(&mut recorder, &inputs)?;
        UnaryPlan::new(self, &Unary::Relu, pixel.spec())?.forward(&mut recorder, pixel)?;
        let inputs = BinaryInputs { a: pixel, b: pixel };
        BinaryPlan::new(self, &Binary::Add, &inputs.map(|tensor| tensor.spec()))?.forward(&mut recorder, &inputs)?;
        // Its kernel is that of a split too.
        ConcatPlan::new(self, &Concat::default(), &[pixel.spec()])?.forward(&mut recorder, &[pixel])?;
        GlobalAveragePoolPlan::new(self, &GlobalAveragePool, pixel.spec())?.forward(&mut recorder, pixel)?;
        let inputs = BatchNormInputs { input: pixel, scale: channel, shift: channel };
        BatchNormPlan::new(self, &BatchNorm, &inputs.map(|tensor| tensor.spec()))?.forward(&mut recorder, &inputs)?;
        // Its kernels are those of every pooling of RoIs.
        let inputs = DeformRoiPoolInputs { input: pixel, rois: &Tensor::new(self, [1, 5], DType::F32)?, offset: None };
        DeformRoiPoolPlan::new(self, &DeformRoiPool::default(), &inputs.map(|tensor| tensor.spec()))?
            .forward(&mut recorder, &inputs)?;
        let inputs = CrossEntropyInputs { logits: &Tensor::new(self, [1; 2], DType::F32)?, labels: channel };
        CrossEntropyPlan::new(self, &CrossEntropy::default(), &inputs.map(|tensor| tensor.spec()))?
            .forward(&mut recorder, &inputs)?;
        let inputs = BilinearSampleInputs { input: pixel, positions: offset };
        let last = BilinearSamplePlan::new(self, &BilinearSample::default(), &inputs.map(|tensor| tensor.spec()))?
            .forward(&mut recorder, &inputs)?;

        recorder.submit()?;
        last.download::<f32>()?.await.map(drop)
    }

    /// The same for what backward passes and an optimiser's steps need beside it.
    ///
    /// # Errors
    /// As [`Gpu::warm_up`].
    pub async fn warm_up_backward(&self) -> Result<()> {
        let (pixel, offset) = (&Tensor::new(self, [1; 4], DType::F32)?, &Tensor::new(self, [1, 2, 1, 1], DType::F32)?);
        let element = &Tensor::new(self, [1; 3], DType::F32)?;
        let half = &Tensor::new(self, [1; 4], DType::F16)?;
        let mut recorder = Recorder::new(self);

        let inputs = Conv2dInputs { input: half, weight: half, bias: Some(&Tensor::new(self, [1], DType::F32)?) };
        Conv2dPlan::new(self, &Conv2d::default(), &inputs.map(|tensor| tensor.spec()))?.backward(
            &mut recorder,
            &inputs,
            half,
            &Conv2dGradients::ALL,
        )?;
        let inputs = DeformConv2dInputs { input: pixel, offset, weight: pixel, mask: None, bias: None };
        let plan = DeformConv2dPlan::new(self, &DeformConv2d::default(), &inputs.map(|tensor| tensor.spec()))?;
        plan.backward(&mut recorder, &inputs, pixel, &DeformConv2dGradients::ALL)?;
        // Where the gradient of the weight is not wanted, the columns are not kept, which is another kernel.
        let wanted = DeformConv2dGradients { offset: Some(()), ..DeformConv2dGradients::default() };
        plan.backward(&mut recorder, &inputs, pixel, &wanted)?;
        let rois = &Tensor::new(self, [1, 5], DType::F32)?;
        let inputs = DeformRoiPoolInputs { input: pixel, rois, offset: Some(offset) };
        DeformRoiPoolPlan::new(self, &DeformRoiPool::default(), &inputs.map(|tensor| tensor.spec()))?.backward(
            &mut recorder,
            &inputs,
            pixel,
            &DeformRoiPoolGradients::ALL,
        )?;
        let inputs = MatmulInputs { a: element, b: element };
        MatmulPlan::new(self, &Matmul::default(), &inputs.map(|tensor| tensor.spec()))?.backward(
            &mut recorder,
            &inputs,
            element,
            &MatmulGradients::ALL,
        )?;
        let channel = || Tensor::new(self, [1], DType::F32);
        let inputs = CrossEntropyInputs { logits: &Tensor::new(self, [1; 2], DType::F32)?, labels: &channel()? };
        CrossEntropyPlan::new(self, &CrossEntropy::default(), &inputs.map(|tensor| tensor.spec()))?.backward(
            &mut recorder,
            &inputs,
            &Tensor::new(self, [], DType::F32)?,
        )?;
        let [parameter, velocity, gradient, learning_rate] = [channel()?, channel()?, channel()?, channel()?];
        let inputs = SgdInputs { parameter, velocity, gradient, learning_rate };
        SgdPlan::new(self, &Sgd::default(), &inputs.map(Tensor::spec))?
            .step(&mut recorder, &inputs.map(|tensor| tensor))?;
        let [parameter, mean, variance, gradient] = [channel()?, channel()?, channel()?, channel()?];
        let rates = Tensor::new(self, [3], DType::F32)?;
        let inputs = AdamInputs { parameter, mean, variance, gradient, rates };
        AdamPlan::new(self, &Adam::default(), &inputs.map(Tensor::spec))?
            .step(&mut recorder, &inputs.map(|tensor| tensor))?;
        let last = UnaryPlan::new(self, &Unary::Relu, pixel.spec())?.backward(&mut recorder, pixel, pixel)?;

        recorder.submit()?;
        last.download::<f32>()?.await.map(drop)
    }
}
