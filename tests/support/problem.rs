//! A problem of any op with its inputs on the host, to be given to any implementation.

use pliant::geometry::*;
use pliant::reference::{self, Reference};
use pliant::{
    BilinearSamplePlan, Conv2dPlan, DType, DeformConv2dPlan, DeformIm2colPlan, Gpu, Im2colPlan, MatmulPlan, Recorder,
    Result, Shape, Strategy, Tensor, wgpu,
};

/// A tensor on the host.
#[derive(Debug, Clone)]
pub(crate) struct Array {
    pub(crate) shape: Shape,
    pub(crate) elements: Vec<f32>,
}

impl Array {
    pub(crate) fn from_fn(shape: impl Into<Shape>, element: impl FnMut(usize) -> f32) -> Self {
        let shape = shape.into();
        Self { shape, elements: (0..shape.elements() as usize).map(element).collect() }
    }

    pub(crate) fn filled(shape: impl Into<Shape>, value: f32) -> Self {
        Self::from_fn(shape, |_| value)
    }

    pub(crate) fn upload(&self, gpu: &Gpu) -> Result<Tensor> {
        Tensor::upload(gpu, self.shape, &self.elements)
    }
}

/// Who does a problem.
#[derive(Clone, Copy)]
pub(crate) enum Implementation<'a> {
    Reference,
    /// With a strategy forced, or the plan's own choice.
    Device(&'a Gpu, Option<Strategy>),
}

/// An op with its inputs.
#[derive(Debug, Clone)]
pub(crate) enum Problem {
    BilinearSample(BilinearSample, BilinearSampleInputs<Array>),
    Im2col(Im2col, Array),
    DeformIm2col(DeformIm2col, DeformIm2colInputs<Array>),
    Matmul(Matmul, MatmulInputs<Array>),
    Conv2d(Conv2d, Conv2dInputs<Array>),
    DeformConv2d(DeformConv2d, DeformConv2dInputs<Array>),
}

/// Elements in front of and behind an output that nobody may write.
const GUARD: u64 = 64;
const POISON: u32 = 0x7fc0_dead;

impl Problem {
    /// What it is by definition, or why it is none.
    pub(crate) fn reference(&self) -> Result<Reference> {
        fn shape(array: &Array) -> Shape {
            array.shape
        }
        fn slice(array: &Array) -> &[f32] {
            &array.elements
        }
        match self {
            Self::BilinearSample(op, inputs) => {
                reference::bilinear_sample(&BilinearSampleGeometry::new(op, &inputs.map(shape))?, &inputs.map(slice))
            }
            Self::Im2col(op, input) => reference::im2col(&Im2colGeometry::new(op, input.shape)?, &input.elements),
            Self::DeformIm2col(op, inputs) => {
                reference::deform_im2col(&DeformIm2colGeometry::new(op, &inputs.map(shape))?, &inputs.map(slice))
            }
            Self::Matmul(op, inputs) => {
                reference::matmul(&MatmulGeometry::new(op, &inputs.map(shape))?, &inputs.map(slice))
            }
            Self::Conv2d(op, inputs) => {
                reference::conv2d(&Conv2dGeometry::new(op, &inputs.map(shape))?, &inputs.map(slice))
            }
            Self::DeformConv2d(op, inputs) => {
                reference::deform_conv2d(&DeformConv2dGeometry::new(op, &inputs.map(shape))?, &inputs.map(slice))
            }
        }
    }

    /// Op and shapes, without the elements.
    pub(crate) fn describe(&self) -> String {
        fn shape(array: &Array) -> Shape {
            array.shape
        }
        match self {
            Self::BilinearSample(op, inputs) => format!("{op:?} {:?}", inputs.map(shape)),
            Self::Im2col(op, input) => format!("{op:?} {:?}", input.shape),
            Self::DeformIm2col(op, inputs) => format!("{op:?} {:?}", inputs.map(shape)),
            Self::Matmul(op, inputs) => format!("{op:?} {:?}", inputs.map(shape)),
            Self::Conv2d(op, inputs) => format!("{op:?} {:?}", inputs.map(shape)),
            Self::DeformConv2d(op, inputs) => format!("{op:?} {:?}", inputs.map(shape)),
        }
    }

    /// The output, by any implementation.
    pub(crate) async fn run(&self, implementation: Implementation<'_>) -> Result<Vec<f32>> {
        match implementation {
            Implementation::Reference => Ok(self.reference()?.value.iter().map(|&value| value as f32).collect()),
            Implementation::Device(gpu, strategy) => self.run_on(gpu, strategy).await,
        }
    }

    /// What a device makes of it, in the second of two runs: before it, whatever the first left in the workspace is poisoned, and
    /// so is the output with the words around it.
    async fn run_on(&self, gpu: &Gpu, strategy: Option<Strategy>) -> Result<Vec<f32>> {
        let upload = |array: &Array| array.upload(gpu);
        // Every plan has the same verbs; only their inputs differ.
        macro_rules! run {
            ($plan:expr, $inputs:expr) => {{
                let plan = $plan?;
                let mut recorder = Recorder::new(gpu);
                let output = plan.forward(&mut recorder, $inputs)?;
                recorder.submit()?;
                drop(recorder);

                gpu.poison_workspace()?;
                let guarded = Guarded::new(gpu, output.shape())?;
                let mut recorder = Recorder::new(gpu);
                plan.forward_into(&mut recorder, $inputs, &guarded.output)?;
                recorder.submit()?;
                guarded.elements().await
            }};
        }
        match self {
            Self::BilinearSample(op, inputs) => {
                let inputs =
                    BilinearSampleInputs { input: upload(&inputs.input)?, positions: upload(&inputs.positions)? };
                run!(BilinearSamplePlan::new(gpu, op, &inputs.map(Tensor::spec)), &inputs.map(|tensor| tensor))
            }
            Self::Im2col(op, input) => {
                let input = upload(input)?;
                run!(Im2colPlan::new(gpu, op, input.spec()), &input)
            }
            Self::DeformIm2col(op, inputs) => {
                let inputs = DeformIm2colInputs {
                    input: upload(&inputs.input)?,
                    offset: upload(&inputs.offset)?,
                    mask: inputs.mask.as_ref().map(upload).transpose()?,
                };
                run!(DeformIm2colPlan::new(gpu, op, &inputs.map(Tensor::spec)), &inputs.map(|tensor| tensor))
            }
            Self::Matmul(op, inputs) => {
                let inputs = MatmulInputs { a: upload(&inputs.a)?, b: upload(&inputs.b)? };
                run!(MatmulPlan::new(gpu, op, &inputs.map(Tensor::spec)), &inputs.map(|tensor| tensor))
            }
            Self::Conv2d(op, inputs) => {
                let inputs = Conv2dInputs {
                    input: upload(&inputs.input)?,
                    weight: upload(&inputs.weight)?,
                    bias: inputs.bias.as_ref().map(upload).transpose()?,
                };
                let plan = Conv2dPlan::with_strategy(gpu, op, &inputs.map(Tensor::spec), strategy);
                run!(plan, &inputs.map(|tensor| tensor))
            }
            Self::DeformConv2d(op, inputs) => {
                let inputs = deform_conv2d_tensors(gpu, inputs)?;
                let plan = DeformConv2dPlan::with_strategy(gpu, op, &inputs.map(Tensor::spec), strategy);
                run!(plan, &inputs.map(|tensor| tensor))
            }
        }
    }
}

pub(crate) fn deform_conv2d_tensors(
    gpu: &Gpu,
    inputs: &DeformConv2dInputs<Array>,
) -> Result<DeformConv2dInputs<Tensor>> {
    let upload = |array: &Array| array.upload(gpu);
    Ok(DeformConv2dInputs {
        input: upload(&inputs.input)?,
        offset: upload(&inputs.offset)?,
        mask: inputs.mask.as_ref().map(upload).transpose()?,
        weight: upload(&inputs.weight)?,
        bias: inputs.bias.as_ref().map(upload).transpose()?,
    })
}

/// An output within a buffer of poison.
struct Guarded {
    whole: Tensor,
    output: Tensor,
}

impl Guarded {
    fn new(gpu: &Gpu, shape: Shape) -> Result<Self> {
        let elements = shape.elements() + 2 * GUARD;
        let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("guarded output"),
            size: elements * 4,
            usage: Tensor::USAGES,
            mapped_at_creation: false,
        });
        gpu.queue().write_buffer(&buffer, 0, &POISON.to_ne_bytes().repeat(elements as usize));
        Ok(Self {
            whole: Tensor::from_buffer(gpu, buffer.clone(), 0, [elements as u32], DType::F32)?,
            output: Tensor::from_buffer(gpu, buffer, GUARD * 4, shape, DType::F32)?,
        })
    }

    /// The output's elements.
    ///
    /// # Panics
    /// Where a guard was written.
    async fn elements(&self) -> Result<Vec<f32>> {
        let whole: Vec<f32> = self.whole.download()?.await?;
        let (front, rest) = whole.split_at(GUARD as usize);
        let (elements, back) = rest.split_at(rest.len() - GUARD as usize);
        for (place, guard) in [("in front of", front), ("behind", back)] {
            assert!(guard.iter().all(|word| word.to_bits() == POISON), "words {place} the output were written");
        }
        Ok(elements.to_vec())
    }
}
