//! A problem of any op with its inputs on the host, to be given to any implementation.

use half::{bf16, f16};
use pliant::geometry::*;
use pliant::nn;
use pliant::reference::{self, Reference};
use pliant::{
    BatchNormPlan, BilinearSamplePlan, BinaryPlan, ConcatPlan, Conv2dPlan, CrossEntropyPlan, DType, DeformConv2dPlan,
    DeformIm2colPlan, DeformPsRoiPoolPlan, DeformRoiPoolPlan, Destination, Error, GlobalAveragePoolPlan, Gpu,
    Im2colPlan, MatmulPlan, Recorder, Result, RoiAlignPlan, Shape, SplitPlan, Strategy, Tensor, TensorSpec, UnaryPlan,
    wgpu,
};

/// A tensor on the host.
#[derive(Debug, Clone)]
pub struct Array {
    pub shape: Shape,
    pub elements: Vec<f32>,
}

impl Array {
    pub fn from_fn(shape: impl Into<Shape>, element: impl FnMut(usize) -> f32) -> Self {
        let shape = shape.into();
        Self { shape, elements: (0..shape.elements() as usize).map(element).collect() }
    }

    pub fn filled(shape: impl Into<Shape>, value: f32) -> Self {
        Self::from_fn(shape, |_| value)
    }

    pub fn upload(&self, gpu: &Gpu) -> Result<Tensor> {
        self.upload_as(gpu, DType::F32)
    }

    pub fn upload_as(&self, gpu: &Gpu, dtype: DType) -> Result<Tensor> {
        fn rounded<T>(array: &Array, round: fn(f32) -> T) -> Vec<T> {
            array.elements.iter().map(|&element| round(element)).collect()
        }
        match dtype {
            DType::F32 => Tensor::upload(gpu, self.shape, &self.elements),
            DType::F16 => Tensor::upload(gpu, self.shape, &rounded(self, f16::from_f32)),
            DType::BF16 => Tensor::upload(gpu, self.shape, &rounded(self, bf16::from_f32)),
        }
    }

    /// As it is once it has been stored so.
    pub fn stored(&self, dtype: DType) -> Self {
        Self::from_fn(self.shape, |index| match dtype {
            DType::F32 => self.elements[index],
            DType::F16 => f16::from_f32(self.elements[index]).to_f32(),
            DType::BF16 => bf16::from_f32(self.elements[index]).to_f32(),
        })
    }
}

/// Who does a problem.
#[derive(Clone, Copy)]
pub enum Implementation<'a> {
    Reference,
    Device {
        gpu: &'a Gpu,
        /// Forced, or the plan's own choice.
        strategy: Option<Strategy>,
        storage: Storage,
    },
}

impl Implementation<'_> {
    pub fn storage(self) -> Storage {
        match self {
            Self::Reference => Storage::F32,
            Self::Device { storage, .. } => storage,
        }
    }

    /// Operands of every term that it may round to f16: a sample and a weight, where the kernels are cooperative.
    pub fn rounded_operands(self) -> u32 {
        let Self::Device { gpu, strategy, storage } = self else { return 0 };
        let cooperative = match strategy {
            None => gpu.capabilities().features.contains(Gpu::COOPERATIVE_FEATURES),
            Some(strategy) => strategy == Strategy::FusedCooperative,
        };
        if cooperative && storage.data != DType::F32 { 2 } else { 0 }
    }

    /// Why it does not apply, if that is what an error says of a strategy that does not apply everywhere.
    pub fn not_applicable(self, error: &Error) -> Option<&str> {
        match (self, error) {
            (Self::Device { strategy: Some(Strategy::FusedCooperative), .. }, Error::Unsupported(why)) => Some(why),
            _ => None,
        }
    }
}

/// How tensors are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// Input, and so the output.
    pub data: DType,
    /// Offset or positions.
    pub offset: DType,
    /// Mask, or RoIs.
    pub mask: DType,
    /// Weight and bias, scale and shift, labels, the second operand, and every second tensor of a list.
    pub weight: DType,
}

impl Storage {
    pub const F32: Self = Self::new(DType::F32, DType::F32);

    /// The mask as the offset, the weight as the input.
    pub const fn new(data: DType, offset: DType) -> Self {
        Self { data, offset, mask: offset, weight: data }
    }
}

/// Attributes of which no two axes are alike, and whose offset groups do not divide the groups.
pub fn uneven() -> DeformConv2d {
    DeformConv2d {
        stride: [2, 1],
        padding: [1, 0, 2, 3],
        dilation: [2, 1],
        groups: 2,
        offset_groups: 3,
        ..DeformConv2d::default()
    }
}

/// An op with its inputs.
#[allow(clippy::large_enum_variant, reason = "few are held at once")]
#[derive(Debug, Clone)]
pub enum Problem {
    BilinearSample(BilinearSample, BilinearSampleInputs<Array>),
    Im2col(Im2col, Array),
    DeformIm2col(DeformIm2col, DeformIm2colInputs<Array>),
    Matmul(Matmul, MatmulInputs<Array>),
    Conv2d(Conv2d, Conv2dInputs<Array>),
    DeformConv2d(DeformConv2d, DeformConv2dInputs<Array>),
    Unary(Unary, Array),
    Binary(Binary, BinaryInputs<Array>),
    Concat(Concat, Vec<Array>),
    /// Its outputs, one behind another.
    Split(Split, Array),
    GlobalAveragePool(GlobalAveragePool, Array),
    BatchNorm(BatchNorm, BatchNormInputs<Array>),
    CrossEntropy(CrossEntropy, CrossEntropyInputs<Array>),
    Layer(nn::DeformConv2d, nn::DeformConv2dInputs<Array>, nn::DeformConv2dParameters<Array>),
    RoiAlign(RoiAlign, RoiAlignInputs<Array>),
    DeformRoiPool(DeformRoiPool, DeformRoiPoolInputs<Array>),
    DeformPsRoiPool(DeformPsRoiPool, DeformPsRoiPoolInputs<Array>),
}

/// Elements in front of and behind an output that nobody may write.
const GUARD: u64 = 64;
const POISON: u32 = 0x7fc0_dead;

impl Problem {
    /// What it is by definition, or why it is none.
    pub fn reference(&self) -> Result<Reference> {
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
            Self::Unary(op, input) => reference::unary(&UnaryGeometry::new(op, input.shape)?, &input.elements),
            Self::Binary(op, inputs) => {
                reference::binary(&BinaryGeometry::new(op, &inputs.map(shape))?, &inputs.map(slice))
            }
            Self::Concat(op, inputs) => {
                let shapes: Vec<_> = inputs.iter().map(shape).collect();
                let slices: Vec<_> = inputs.iter().map(slice).collect();
                reference::concat(&ConcatGeometry::new(op, &shapes)?, &slices)
            }
            Self::Split(op, input) => {
                let outputs = reference::split(&SplitGeometry::new(op, input.shape)?, &input.elements)?;
                Ok(Reference {
                    value: outputs.iter().flat_map(|output| &output.value).copied().collect(),
                    magnitude: outputs.iter().flat_map(|output| &output.magnitude).copied().collect(),
                    terms: 1,
                })
            }
            Self::GlobalAveragePool(op, input) => {
                reference::global_average_pool(&GlobalAveragePoolGeometry::new(op, input.shape)?, &input.elements)
            }
            Self::BatchNorm(op, inputs) => {
                reference::batch_norm(&BatchNormGeometry::new(op, &inputs.map(shape))?, &inputs.map(slice))
            }
            Self::CrossEntropy(op, inputs) => {
                reference::cross_entropy(&CrossEntropyGeometry::new(op, &inputs.map(shape))?, &inputs.map(slice))
            }
            Self::Layer(layer, inputs, parameters) => {
                let geometry = nn::DeformConv2dGeometry::new(layer, &inputs.map(shape), &parameters.map(shape))?;
                reference::nn::deform_conv2d(&geometry, &inputs.map(slice), &parameters.map(slice))
            }
            Self::RoiAlign(op, inputs) => {
                reference::roi_align(&RoiAlignGeometry::new(op, &inputs.map(shape))?, &inputs.map(slice))
            }
            Self::DeformRoiPool(op, inputs) => {
                reference::deform_roi_pool(&DeformRoiPoolGeometry::new(op, &inputs.map(shape))?, &inputs.map(slice))
            }
            Self::DeformPsRoiPool(op, inputs) => reference::deform_ps_roi_pool(
                &DeformPsRoiPoolGeometry::new(op, &inputs.map(shape))?,
                &inputs.map(slice),
            ),
        }
    }

    /// The gradients that there are by definition, by the names of the inputs, of the sum of `output * grad_output`.
    pub fn gradients(&self, grad_output: &Array) -> Result<Vec<(&'static str, Reference)>> {
        fn shape(array: &Array) -> Shape {
            array.shape
        }
        fn slice(array: &Array) -> &[f32] {
            &array.elements
        }
        macro_rules! named {
            ($gradients:expr) => {
                $gradients?.named().map(|(name, gradient)| (name, gradient.clone())).collect()
            };
        }
        let grad_output = &grad_output.elements;
        Ok(match self {
            Self::BilinearSample(op, inputs) => {
                let geometry = BilinearSampleGeometry::new(op, &inputs.map(shape))?;
                named!(reference::bilinear_sample_backward(&geometry, &inputs.map(slice), grad_output))
            }
            Self::Conv2d(op, inputs) => {
                let geometry = Conv2dGeometry::new(op, &inputs.map(shape))?;
                named!(reference::conv2d_backward(&geometry, &inputs.map(slice), grad_output))
            }
            Self::DeformConv2d(op, inputs) => {
                let geometry = DeformConv2dGeometry::new(op, &inputs.map(shape))?;
                named!(reference::deform_conv2d_backward(&geometry, &inputs.map(slice), grad_output))
            }
            Self::Matmul(op, inputs) => {
                let geometry = MatmulGeometry::new(op, &inputs.map(shape))?;
                named!(reference::matmul_backward(&geometry, &inputs.map(slice), grad_output))
            }
            Self::Unary(op, input) => {
                let geometry = UnaryGeometry::new(op, input.shape)?;
                vec![("grad_input", reference::unary_backward(&geometry, &input.elements, grad_output)?)]
            }
            Self::Binary(op, inputs) => {
                let geometry = BinaryGeometry::new(op, &inputs.map(shape))?;
                named!(reference::binary_backward(&geometry, &inputs.map(slice), grad_output))
            }
            Self::Concat(op, inputs) => {
                let geometry = ConcatGeometry::new(op, &inputs.iter().map(shape).collect::<Vec<_>>())?;
                let gradients = reference::concat_backward(&geometry, grad_output)?;
                gradients.into_iter().map(|gradient| ("grad_input", gradient)).collect()
            }
            Self::Split(op, input) => {
                let geometry = SplitGeometry::new(op, input.shape)?;
                let grad_outputs = cut(grad_output, &geometry.output_shapes());
                vec![("grad_input", reference::split_backward(&geometry, &grad_outputs)?)]
            }
            Self::GlobalAveragePool(op, input) => {
                let geometry = GlobalAveragePoolGeometry::new(op, input.shape)?;
                vec![("grad_input", reference::global_average_pool_backward(&geometry, grad_output)?)]
            }
            Self::BatchNorm(op, inputs) => {
                let geometry = BatchNormGeometry::new(op, &inputs.map(shape))?;
                named!(reference::batch_norm_backward(&geometry, &inputs.map(slice), grad_output))
            }
            Self::CrossEntropy(op, inputs) => {
                let geometry = CrossEntropyGeometry::new(op, &inputs.map(shape))?;
                let gradient = reference::cross_entropy_backward(&geometry, &inputs.map(slice), grad_output)?;
                vec![("grad_logits", gradient)]
            }
            Self::Layer(layer, inputs, parameters) => {
                let geometry = nn::DeformConv2dGeometry::new(layer, &inputs.map(shape), &parameters.map(shape))?;
                let (inputs, parameters) = (inputs.map(slice), parameters.map(slice));
                named!(reference::nn::deform_conv2d_backward(&geometry, &inputs, &parameters, grad_output))
            }
            Self::RoiAlign(op, inputs) => {
                let geometry = RoiAlignGeometry::new(op, &inputs.map(shape))?;
                named!(reference::roi_align_backward(&geometry, &inputs.map(slice), grad_output))
            }
            Self::DeformRoiPool(op, inputs) => {
                let geometry = DeformRoiPoolGeometry::new(op, &inputs.map(shape))?;
                named!(reference::deform_roi_pool_backward(&geometry, &inputs.map(slice), grad_output))
            }
            Self::DeformPsRoiPool(op, inputs) => {
                let geometry = DeformPsRoiPoolGeometry::new(op, &inputs.map(shape))?;
                named!(reference::deform_ps_roi_pool_backward(&geometry, &inputs.map(slice), grad_output))
            }
            Self::Im2col(..) | Self::DeformIm2col(..) => Vec::new(),
        })
    }

    /// Every input, by name.
    pub fn arrays_mut(&mut self) -> Vec<(&'static str, &mut Array)> {
        let mut arrays: Vec<(&'static str, Option<&mut Array>)> = match self {
            Self::Im2col(_, input)
            | Self::Unary(_, input)
            | Self::Split(_, input)
            | Self::GlobalAveragePool(_, input) => vec![("input", Some(input))],
            Self::BilinearSample(_, i) => vec![("input", Some(&mut i.input)), ("positions", Some(&mut i.positions))],
            Self::DeformIm2col(_, i) => {
                vec![("input", Some(&mut i.input)), ("offset", Some(&mut i.offset)), ("mask", i.mask.as_mut())]
            }
            Self::Matmul(_, i) => vec![("a", Some(&mut i.a)), ("b", Some(&mut i.b))],
            Self::Conv2d(_, i) => {
                vec![("input", Some(&mut i.input)), ("weight", Some(&mut i.weight)), ("bias", i.bias.as_mut())]
            }
            Self::DeformConv2d(_, i) => vec![
                ("input", Some(&mut i.input)),
                ("offset", Some(&mut i.offset)),
                ("weight", Some(&mut i.weight)),
                ("mask", i.mask.as_mut()),
                ("bias", i.bias.as_mut()),
            ],
            Self::Binary(_, i) => vec![("a", Some(&mut i.a)), ("b", Some(&mut i.b))],
            Self::Concat(_, inputs) => inputs.iter_mut().map(|input| ("input", Some(input))).collect(),
            Self::BatchNorm(_, i) => {
                vec![("input", Some(&mut i.input)), ("scale", Some(&mut i.scale)), ("shift", Some(&mut i.shift))]
            }
            Self::CrossEntropy(_, i) => vec![("logits", Some(&mut i.logits)), ("labels", Some(&mut i.labels))],
            Self::Layer(_, i, p) => vec![
                ("input", Some(&mut i.input)),
                ("offset_input", i.offset_input.as_mut()),
                ("flow", i.flow.as_mut()),
                ("weight", Some(&mut p.weight)),
                ("offset_weight", Some(&mut p.offset_weight)),
                ("bias", p.bias.as_mut()),
                ("offset_bias", p.offset_bias.as_mut()),
                ("mask_weight", p.mask_weight.as_mut()),
                ("mask_bias", p.mask_bias.as_mut()),
            ],
            Self::RoiAlign(_, i) => vec![("input", Some(&mut i.input)), ("rois", Some(&mut i.rois))],
            Self::DeformRoiPool(_, i) => {
                vec![("input", Some(&mut i.input)), ("rois", Some(&mut i.rois)), ("offset", i.offset.as_mut())]
            }
            Self::DeformPsRoiPool(_, i) => {
                vec![("input", Some(&mut i.input)), ("rois", Some(&mut i.rois)), ("offset", i.offset.as_mut())]
            }
        };
        arrays.drain(..).filter_map(|(name, array)| Some((name, array?))).collect()
    }

    /// Op and shapes, without the elements.
    pub fn describe(&self) -> String {
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
            Self::Unary(op, input) => format!("{op:?} {:?}", input.shape),
            Self::Binary(op, inputs) => format!("{op:?} {:?}", inputs.map(shape)),
            Self::Concat(op, inputs) => format!("{op:?} {:?}", inputs.iter().map(shape).collect::<Vec<_>>()),
            Self::Split(op, input) => format!("{op:?} {:?}", input.shape),
            Self::GlobalAveragePool(op, input) => format!("{op:?} {:?}", input.shape),
            Self::BatchNorm(op, inputs) => format!("{op:?} {:?}", inputs.map(shape)),
            Self::CrossEntropy(op, inputs) => format!("{op:?} {:?}", inputs.map(shape)),
            Self::Layer(layer, inputs, parameters) => {
                format!("{layer:?} {:?} {:?}", inputs.map(shape), parameters.map(shape))
            }
            Self::RoiAlign(op, inputs) => format!("{op:?} {:?}", inputs.map(shape)),
            Self::DeformRoiPool(op, inputs) => format!("{op:?} {:?}", inputs.map(shape)),
            Self::DeformPsRoiPool(op, inputs) => format!("{op:?} {:?}", inputs.map(shape)),
        }
    }

    /// The problem with its inputs rounded as they are when stored so.
    pub fn stored(&self, storage: Storage) -> Self {
        let Storage { data, offset, mask, weight } = storage;
        match self {
            Self::BilinearSample(op, i) => {
                let (input, positions) = (i.input.stored(data), i.positions.stored(offset));
                Self::BilinearSample(*op, BilinearSampleInputs { input, positions })
            }
            Self::Im2col(op, input) => Self::Im2col(*op, input.stored(data)),
            Self::DeformIm2col(op, i) => {
                let mask = i.mask.as_ref().map(|array| array.stored(mask));
                let (input, offset) = (i.input.stored(data), i.offset.stored(offset));
                Self::DeformIm2col(*op, DeformIm2colInputs { input, offset, mask })
            }
            Self::Matmul(op, i) => Self::Matmul(*op, MatmulInputs { a: i.a.stored(data), b: i.b.stored(weight) }),
            Self::Conv2d(op, i) => {
                let bias = i.bias.as_ref().map(|bias| bias.stored(weight));
                let (input, weight) = (i.input.stored(data), i.weight.stored(weight));
                Self::Conv2d(*op, Conv2dInputs { input, weight, bias })
            }
            Self::DeformConv2d(op, i) => {
                let mask = i.mask.as_ref().map(|array| array.stored(mask));
                let bias = i.bias.as_ref().map(|bias| bias.stored(weight));
                let (input, offset) = (i.input.stored(data), i.offset.stored(offset));
                let weight = i.weight.stored(weight);
                Self::DeformConv2d(*op, DeformConv2dInputs { input, offset, weight, mask, bias })
            }
            Self::Unary(op, input) => Self::Unary(*op, input.stored(data)),
            Self::Binary(op, i) => Self::Binary(*op, BinaryInputs { a: i.a.stored(data), b: i.b.stored(weight) }),
            Self::Concat(op, inputs) => {
                let dtypes = [data, weight].into_iter().cycle();
                Self::Concat(*op, inputs.iter().zip(dtypes).map(|(input, dtype)| input.stored(dtype)).collect())
            }
            Self::Split(op, input) => Self::Split(op.clone(), input.stored(data)),
            Self::GlobalAveragePool(op, input) => Self::GlobalAveragePool(*op, input.stored(data)),
            Self::BatchNorm(op, i) => {
                let (input, scale, shift) = (i.input.stored(data), i.scale.stored(weight), i.shift.stored(weight));
                Self::BatchNorm(*op, BatchNormInputs { input, scale, shift })
            }
            Self::CrossEntropy(op, i) => {
                let (logits, labels) = (i.logits.stored(data), i.labels.stored(weight));
                Self::CrossEntropy(*op, CrossEntropyInputs { logits, labels })
            }
            Self::Layer(layer, inputs, parameters) => {
                let stored = layer_as(inputs, parameters, storage, |array, dtype| Ok(array.stored(dtype)));
                // Rounding does not fail.
                let (inputs, parameters) = stored.unwrap_or_else(|_| (inputs.clone(), parameters.clone()));
                Self::Layer(*layer, inputs, parameters)
            }
            Self::RoiAlign(op, i) => {
                let (input, rois) = (i.input.stored(data), i.rois.stored(mask));
                Self::RoiAlign(*op, RoiAlignInputs { input, rois })
            }
            Self::DeformRoiPool(op, i) => {
                let (input, rois) = (i.input.stored(data), i.rois.stored(mask));
                let offset = i.offset.as_ref().map(|array| array.stored(offset));
                Self::DeformRoiPool(*op, DeformRoiPoolInputs { input, rois, offset })
            }
            Self::DeformPsRoiPool(op, i) => {
                let (input, rois) = (i.input.stored(data), i.rois.stored(mask));
                let offset = i.offset.as_ref().map(|array| array.stored(offset));
                Self::DeformPsRoiPool(*op, DeformPsRoiPoolInputs { input, rois, offset })
            }
        }
    }

    /// Whether strategies make a difference.
    pub fn has_strategies(&self) -> bool {
        matches!(self, Self::Conv2d(..) | Self::DeformConv2d(..))
    }

    /// The output, by any implementation.
    pub async fn run(&self, implementation: Implementation<'_>) -> Result<Vec<f32>> {
        match implementation {
            Implementation::Reference => Ok(self.reference()?.value.iter().map(|&value| value as f32).collect()),
            Implementation::Device { gpu, strategy, storage } => self.run_on(gpu, strategy, storage).await,
        }
    }

    /// What a device makes of it, in the second of two runs; the first has the weight packed beforehand.
    async fn run_on(&self, gpu: &Gpu, strategy: Option<Strategy>, storage: Storage) -> Result<Vec<f32>> {
        let data = |array: &Array| array.upload_as(gpu, storage.data);
        let offset = |array: &Array| array.upload_as(gpu, storage.offset);
        let mask = |array: &Array| array.upload_as(gpu, storage.mask);
        let weight = |array: &Array| array.upload_as(gpu, storage.weight);
        // Every plan has the same verbs; only their inputs differ.
        macro_rules! run {
            ($plan:expr, $inputs:expr) => {
                run!($plan, $inputs, |plan, recorder| plan.forward(recorder, $inputs))
            };
            ($plan:expr, $inputs:expr, |$bound:ident, $recorder:ident| $first:expr) => {{
                let plan = $plan?;
                let $bound = &plan;
                let first = |$recorder: &mut Recorder| {
                    let output = $first?;
                    assert_eq!(plan.output_spec(), output.spec(), "{plan:?}");
                    Ok(vec![output])
                };
                twice(gpu, first, |recorder, outputs| plan.forward_into(recorder, $inputs, outputs[0])).await
            }};
        }
        match self {
            Self::BilinearSample(op, inputs) => {
                let (input, positions) = (data(&inputs.input)?, offset(&inputs.positions)?);
                let inputs = BilinearSampleInputs { input, positions };
                run!(BilinearSamplePlan::new(gpu, op, &inputs.map(Tensor::spec)), &inputs.map(|tensor| tensor))
            }
            Self::Im2col(op, input) => {
                let input = data(input)?;
                run!(Im2colPlan::new(gpu, op, input.spec()), &input)
            }
            Self::DeformIm2col(op, inputs) => {
                let inputs = DeformIm2colInputs {
                    input: data(&inputs.input)?,
                    offset: offset(&inputs.offset)?,
                    mask: inputs.mask.as_ref().map(mask).transpose()?,
                };
                run!(DeformIm2colPlan::new(gpu, op, &inputs.map(Tensor::spec)), &inputs.map(|tensor| tensor))
            }
            Self::Matmul(op, inputs) => {
                let inputs = MatmulInputs { a: data(&inputs.a)?, b: weight(&inputs.b)? };
                run!(MatmulPlan::new(gpu, op, &inputs.map(Tensor::spec)), &inputs.map(|tensor| tensor))
            }
            Self::Conv2d(op, inputs) => {
                let inputs = Conv2dInputs {
                    input: data(&inputs.input)?,
                    weight: weight(&inputs.weight)?,
                    bias: inputs.bias.as_ref().map(weight).transpose()?,
                };
                let plan = Conv2dPlan::with_strategy(gpu, op, &inputs.map(Tensor::spec), strategy);
                let inputs = inputs.map(|tensor| tensor);
                run!(plan, &inputs, |plan, recorder| {
                    let Conv2dInputs { input, weight, bias } = inputs;
                    let weight = &plan.pack_weight(recorder, weight)?;
                    plan.forward(recorder, &Conv2dInputs { input, weight, bias })
                })
            }
            Self::DeformConv2d(op, inputs) => {
                let inputs = DeformConv2dInputs {
                    input: data(&inputs.input)?,
                    offset: offset(&inputs.offset)?,
                    mask: inputs.mask.as_ref().map(mask).transpose()?,
                    weight: weight(&inputs.weight)?,
                    bias: inputs.bias.as_ref().map(weight).transpose()?,
                };
                let plan = DeformConv2dPlan::with_strategy(gpu, op, &inputs.map(Tensor::spec), strategy);
                let inputs = inputs.map(|tensor| tensor);
                run!(plan, &inputs, |plan, recorder| {
                    let DeformConv2dInputs { input, offset, weight, mask, bias } = inputs;
                    let weight = &plan.pack_weight(recorder, weight)?;
                    plan.forward(recorder, &DeformConv2dInputs { input, offset, weight, mask, bias })
                })
            }
            Self::Unary(op, input) => {
                let input = data(input)?;
                run!(UnaryPlan::new(gpu, op, input.spec()), &input)
            }
            Self::Binary(op, inputs) => {
                let inputs = BinaryInputs { a: data(&inputs.a)?, b: weight(&inputs.b)? };
                run!(BinaryPlan::new(gpu, op, &inputs.map(Tensor::spec)), &inputs.map(|tensor| tensor))
            }
            Self::Concat(op, inputs) => {
                let dtypes = [storage.data, storage.weight].into_iter().cycle();
                let inputs: Vec<_> = inputs
                    .iter()
                    .zip(dtypes)
                    .map(|(input, dtype)| input.upload_as(gpu, dtype))
                    .collect::<Result<_>>()?;
                let specs: Vec<_> = inputs.iter().map(Tensor::spec).collect();
                run!(ConcatPlan::new(gpu, op, &specs), &inputs.iter().collect::<Vec<_>>())
            }
            Self::Split(op, input) => {
                let input = data(input)?;
                let plan = SplitPlan::new(gpu, op, input.spec())?;
                let first = |recorder: &mut Recorder| {
                    let outputs = plan.forward(recorder, &input)?;
                    assert!(plan.output_specs().eq(outputs.iter().map(Tensor::spec)), "{plan:?}");
                    Ok(outputs)
                };
                twice(gpu, first, |recorder, outputs| plan.forward_into(recorder, &input, outputs)).await
            }
            Self::GlobalAveragePool(op, input) => {
                let input = data(input)?;
                run!(GlobalAveragePoolPlan::new(gpu, op, input.spec()), &input)
            }
            Self::BatchNorm(op, inputs) => {
                let BatchNormInputs { input, scale, shift } = inputs;
                let inputs = BatchNormInputs { input: data(input)?, scale: weight(scale)?, shift: weight(shift)? };
                run!(BatchNormPlan::new(gpu, op, &inputs.map(Tensor::spec)), &inputs.map(|tensor| tensor))
            }
            Self::CrossEntropy(op, inputs) => {
                let inputs = CrossEntropyInputs { logits: data(&inputs.logits)?, labels: weight(&inputs.labels)? };
                run!(CrossEntropyPlan::new(gpu, op, &inputs.map(Tensor::spec)), &inputs.map(|tensor| tensor))
            }
            Self::Layer(layer, inputs, parameters) => {
                let upload = |array: &Array, dtype| array.upload_as(gpu, dtype);
                let (inputs, parameters) = layer_as(inputs, parameters, storage, upload)?;
                let plan =
                    nn::DeformConv2dPlan::new(gpu, layer, &inputs.map(Tensor::spec), &parameters.map(Tensor::spec))?;
                let (inputs, parameters) = (inputs.map(|tensor| tensor), parameters.map(|tensor| tensor));
                let field = plan.new_field(gpu)?;
                // With the offsets and masks in tensors and in workspace.
                let first = |recorder: &mut Recorder| {
                    let output = plan.forward_with(recorder, &inputs, &parameters, &field)?;
                    assert_eq!(plan.output_spec(), output.spec(), "{plan:?}");
                    Ok(vec![output])
                };
                let second = |recorder: &mut Recorder, outputs: &[&Tensor]| {
                    plan.forward_into(recorder, &inputs, &parameters, outputs[0])
                };
                twice(gpu, first, second).await
            }
            Self::RoiAlign(op, inputs) => {
                let inputs = RoiAlignInputs { input: data(&inputs.input)?, rois: mask(&inputs.rois)? };
                run!(RoiAlignPlan::new(gpu, op, &inputs.map(Tensor::spec)), &inputs.map(|tensor| tensor))
            }
            Self::DeformRoiPool(op, inputs) => {
                let inputs = DeformRoiPoolInputs {
                    input: data(&inputs.input)?,
                    rois: mask(&inputs.rois)?,
                    offset: inputs.offset.as_ref().map(offset).transpose()?,
                };
                run!(DeformRoiPoolPlan::new(gpu, op, &inputs.map(Tensor::spec)), &inputs.map(|tensor| tensor))
            }
            Self::DeformPsRoiPool(op, inputs) => {
                let inputs = DeformPsRoiPoolInputs {
                    input: data(&inputs.input)?,
                    rois: mask(&inputs.rois)?,
                    offset: inputs.offset.as_ref().map(offset).transpose()?,
                };
                run!(DeformPsRoiPoolPlan::new(gpu, op, &inputs.map(Tensor::spec)), &inputs.map(|tensor| tensor))
            }
        }
    }

    /// What a device makes of the gradients, in the order of those of the reference, in as many ways as there are. Empty where it has no
    /// backward pass.
    pub async fn backward_on(
        &self,
        gpu: &Gpu,
        storage: Storage,
        grad_output: &Array,
        ways: Ways,
    ) -> Result<Vec<Differentiated>> {
        let data = |array: &Array| array.upload_as(gpu, storage.data);
        let offset = |array: &Array| array.upload_as(gpu, storage.offset);
        let mask = |array: &Array| array.upload_as(gpu, storage.mask);
        let weight = |array: &Array| array.upload_as(gpu, storage.weight);
        let recorder = &mut Recorder::new(gpu);
        let like =
            |output: Tensor| Array { shape: output.shape(), ..grad_output.clone() }.upload_as(gpu, output.dtype());
        // Every plan has the same verbs; only their gradients differ.
        macro_rules! run {
            ($plan:expr, $inputs:expr, $gradients:ident { $($field:ident),+ }) => {{
                let (plan, inputs) = ($plan?, $inputs);
                let grad_output = &like(plan.forward(recorder, inputs)?)?;
                differentiated(
                    gpu, ways,
                    |recorder| {
                        let gradients = plan.backward(recorder, inputs, grad_output, &$gradients::ALL)?;
                        Ok(gradients.named().map(|(name, gradient)| (name, gradient.clone())).collect())
                    },
                    |recorder, destinations| {
                        let of = |name: &str| destinations.iter().find(|(other, _)| *other == name)?.1;
                        let destinations = $gradients { $($field: of(concat!("grad_", stringify!($field)))),+ };
                        plan.backward_into(recorder, inputs, grad_output, &destinations)
                    },
                )
                .await
            }};
            ($plan:expr, $input:expr) => {
                run!($plan, $input, "grad_input")
            };
            ($plan:expr, $input:expr, $name:literal) => {{
                let (plan, input) = ($plan?, $input);
                let grad_output = &like(plan.forward(recorder, input)?)?;
                differentiated(
                    gpu, ways,
                    |recorder| Ok(vec![($name, plan.backward(recorder, input, grad_output)?)]),
                    |recorder, destinations| match destinations[0].1 {
                        Some(destination) => plan.backward_into(recorder, input, grad_output, destination),
                        None => Ok(()),
                    },
                )
                .await
            }};
        }
        match self {
            Self::Matmul(op, inputs) => {
                let inputs = MatmulInputs { a: data(&inputs.a)?, b: weight(&inputs.b)? };
                let plan = MatmulPlan::new(gpu, op, &inputs.map(Tensor::spec));
                run!(plan, &inputs.map(|tensor| tensor), MatmulGradients { a, b })
            }
            Self::Unary(op, input) => {
                let input = data(input)?;
                run!(UnaryPlan::new(gpu, op, input.spec()), &input)
            }
            Self::Binary(op, inputs) => {
                let inputs = BinaryInputs { a: data(&inputs.a)?, b: weight(&inputs.b)? };
                let plan = BinaryPlan::new(gpu, op, &inputs.map(Tensor::spec));
                run!(plan, &inputs.map(|tensor| tensor), BinaryGradients { a, b })
            }
            Self::Concat(op, inputs) => {
                let dtypes = [storage.data, storage.weight].into_iter().cycle();
                let specs: Vec<_> =
                    inputs.iter().zip(dtypes).map(|(input, dtype)| TensorSpec { shape: input.shape, dtype }).collect();
                let plan = ConcatPlan::new(gpu, op, &specs)?;
                let shapes: Vec<_> = specs.iter().map(|spec| spec.shape).collect();
                let shape = ConcatGeometry::new(op, &shapes)?.output_shape();
                let grad_output = data(&Array { shape, ..grad_output.clone() })?;
                differentiated(
                    gpu,
                    ways,
                    |recorder| {
                        let gradients = plan.backward(recorder, &grad_output, &vec![true; specs.len()])?;
                        Ok(gradients.into_iter().flatten().map(|gradient| ("grad_input", gradient)).collect())
                    },
                    |recorder, destinations| {
                        let destinations: Vec<_> = destinations.iter().map(|(_, destination)| *destination).collect();
                        plan.backward_into(recorder, &grad_output, &destinations)
                    },
                )
                .await
            }
            Self::Split(op, input) => {
                let plan = SplitPlan::new(gpu, op, TensorSpec { shape: input.shape, dtype: storage.data })?;
                let shapes = SplitGeometry::new(op, input.shape)?.output_shapes();
                let slices = cut(&grad_output.elements, &shapes);
                let grad_outputs = shapes
                    .iter()
                    .zip(slices)
                    .map(|(&shape, slice)| data(&Array { shape, elements: slice.to_vec() }))
                    .collect::<Result<Vec<_>>>()?;
                let grad_outputs: Vec<_> = grad_outputs.iter().collect();
                differentiated(
                    gpu,
                    ways,
                    |recorder| Ok(vec![("grad_input", plan.backward(recorder, &grad_outputs)?)]),
                    |recorder, destinations| match destinations[0].1 {
                        Some(destination) => plan.backward_into(recorder, &grad_outputs, destination),
                        None => Ok(()),
                    },
                )
                .await
            }
            Self::GlobalAveragePool(op, input) => {
                let input = data(input)?;
                run!(GlobalAveragePoolPlan::new(gpu, op, input.spec()), &input)
            }
            Self::BatchNorm(op, inputs) => {
                let BatchNormInputs { input, scale, shift } = inputs;
                let inputs = BatchNormInputs { input: data(input)?, scale: weight(scale)?, shift: weight(shift)? };
                let plan = BatchNormPlan::new(gpu, op, &inputs.map(Tensor::spec));
                run!(plan, &inputs.map(|tensor| tensor), BatchNormGradients { input, scale, shift })
            }
            Self::CrossEntropy(op, inputs) => {
                let inputs = CrossEntropyInputs { logits: data(&inputs.logits)?, labels: weight(&inputs.labels)? };
                let plan = CrossEntropyPlan::new(gpu, op, &inputs.map(Tensor::spec));
                run!(plan, &inputs.map(|tensor| tensor), "grad_logits")
            }
            Self::BilinearSample(op, inputs) => {
                let (input, positions) = (data(&inputs.input)?, offset(&inputs.positions)?);
                let inputs = BilinearSampleInputs { input, positions };
                let plan = BilinearSamplePlan::new(gpu, op, &inputs.map(Tensor::spec));
                run!(plan, &inputs.map(|tensor| tensor), BilinearSampleGradients { input, positions })
            }
            Self::Conv2d(op, inputs) => {
                let inputs = Conv2dInputs {
                    input: data(&inputs.input)?,
                    weight: weight(&inputs.weight)?,
                    bias: inputs.bias.as_ref().map(weight).transpose()?,
                };
                let plan = Conv2dPlan::new(gpu, op, &inputs.map(Tensor::spec));
                run!(plan, &inputs.map(|tensor| tensor), Conv2dGradients { input, weight, bias })
            }
            Self::DeformConv2d(op, inputs) => {
                let inputs = DeformConv2dInputs {
                    input: data(&inputs.input)?,
                    offset: offset(&inputs.offset)?,
                    mask: inputs.mask.as_ref().map(mask).transpose()?,
                    weight: weight(&inputs.weight)?,
                    bias: inputs.bias.as_ref().map(weight).transpose()?,
                };
                let plan = DeformConv2dPlan::new(gpu, op, &inputs.map(Tensor::spec));
                let inputs = &inputs.map(|tensor| tensor);
                run!(plan, inputs, DeformConv2dGradients { input, offset, weight, mask, bias })
            }
            Self::Layer(layer, inputs, parameters) => {
                let upload = |array: &Array, dtype| array.upload_as(gpu, dtype);
                let (inputs, parameters) = layer_as(inputs, parameters, storage, upload)?;
                let plan =
                    nn::DeformConv2dPlan::new(gpu, layer, &inputs.map(Tensor::spec), &parameters.map(Tensor::spec))?;
                let (inputs, parameters) = (&inputs.map(|tensor| tensor), &parameters.map(|tensor| tensor));
                let field = &plan.new_field(gpu)?;
                let grad_output = &like(plan.forward_with(recorder, inputs, parameters, field)?)?;
                recorder.submit()?;
                differentiated(
                    gpu,
                    ways,
                    |recorder| {
                        let all = &nn::DeformConv2dGradients::ALL;
                        let gradients = plan.backward(recorder, inputs, parameters, field, grad_output, all)?;
                        Ok(gradients.named().map(|(name, gradient)| (name, gradient.clone())).collect())
                    },
                    |recorder, destinations| {
                        let of = |name: &str| destinations.iter().find(|(other, _)| *other == name)?.1;
                        let destinations = nn::DeformConv2dGradients {
                            input: of("grad_input"),
                            offset_input: of("grad_offset_input"),
                            flow: of("grad_flow"),
                            weight: of("grad_weight"),
                            offset_weight: of("grad_offset_weight"),
                            bias: of("grad_bias"),
                            offset_bias: of("grad_offset_bias"),
                            mask_weight: of("grad_mask_weight"),
                            mask_bias: of("grad_mask_bias"),
                        };
                        plan.backward_into(recorder, inputs, parameters, field, grad_output, &destinations)
                    },
                )
                .await
            }
            Self::RoiAlign(op, inputs) => {
                let inputs = RoiAlignInputs { input: data(&inputs.input)?, rois: mask(&inputs.rois)? };
                let plan = RoiAlignPlan::new(gpu, op, &inputs.map(Tensor::spec));
                run!(plan, &inputs.map(|tensor| tensor), RoiAlignGradients { input })
            }
            Self::DeformRoiPool(op, inputs) => {
                let inputs = DeformRoiPoolInputs {
                    input: data(&inputs.input)?,
                    rois: mask(&inputs.rois)?,
                    offset: inputs.offset.as_ref().map(offset).transpose()?,
                };
                let plan = DeformRoiPoolPlan::new(gpu, op, &inputs.map(Tensor::spec));
                run!(plan, &inputs.map(|tensor| tensor), DeformRoiPoolGradients { input, offset })
            }
            Self::DeformPsRoiPool(op, inputs) => {
                let inputs = DeformPsRoiPoolInputs {
                    input: data(&inputs.input)?,
                    rois: mask(&inputs.rois)?,
                    offset: inputs.offset.as_ref().map(offset).transpose()?,
                };
                let plan = DeformPsRoiPoolPlan::new(gpu, op, &inputs.map(Tensor::spec));
                run!(plan, &inputs.map(|tensor| tensor), DeformPsRoiPoolGradients { input, offset })
            }
            Self::Im2col(..) | Self::DeformIm2col(..) => Ok(Vec::new()),
        }
    }
}

/// What a layer reads, each with its element type: convolutions of offsets and masks as these are stored.
fn layer_as<U>(
    inputs: &nn::DeformConv2dInputs<Array>,
    parameters: &nn::DeformConv2dParameters<Array>,
    Storage { data, offset, mask, weight }: Storage,
    f: impl Fn(&Array, DType) -> Result<U>,
) -> Result<(nn::DeformConv2dInputs<U>, nn::DeformConv2dParameters<U>)> {
    let optional = |array: &Option<Array>, dtype| array.as_ref().map(|array| f(array, dtype)).transpose();
    let nn::DeformConv2dInputs { input, offset_input, flow } = inputs;
    let p = parameters;
    let inputs = nn::DeformConv2dInputs {
        input: f(input, data)?,
        offset_input: optional(offset_input, offset)?,
        flow: optional(flow, mask)?,
    };
    let parameters = nn::DeformConv2dParameters {
        weight: f(&p.weight, weight)?,
        offset_weight: f(&p.offset_weight, offset)?,
        bias: optional(&p.bias, weight)?,
        offset_bias: optional(&p.offset_bias, offset)?,
        mask_weight: optional(&p.mask_weight, mask)?,
        mask_bias: optional(&p.mask_bias, mask)?,
    };
    Ok((inputs, parameters))
}

/// In which ways gradients are computed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ways {
    /// By `backward`.
    One,
    /// By `backward_into` too: written, alone and added.
    All,
}

/// A gradient as a device makes it.
pub struct Differentiated {
    pub name: &'static str,
    pub dtype: DType,
    pub value: Vec<f32>,
    /// The same added to [`before`]; empty where there is one way.
    pub added: Vec<f32>,
}

/// What a gradient is added to, by element: numbers that every element type holds.
pub fn before(element: usize) -> f32 {
    (element % 13) as f32 - 4.0
}

/// Slices of several tensors that lie one behind another.
fn cut<'a>(mut elements: &'a [f32], shapes: &[Shape]) -> Vec<&'a [f32]> {
    let mut next = |shape: &Shape| {
        let (first, rest) = elements.split_at(shape.elements() as usize);
        elements = rest;
        first
    };
    shapes.iter().map(&mut next).collect()
}

/// Destinations by name, where a gradient is wanted.
type Destinations<'a> = [(&'static str, Option<Destination<'a>>)];

/// The gradients that a device makes, by `backward_into`. They must be those that `backward` gives, whatever was left in the workspace
/// and in the outputs, and each those that it is when it is asked for alone.
async fn differentiated(
    gpu: &Gpu,
    ways: Ways,
    backward: impl FnOnce(&mut Recorder) -> Result<Vec<(&'static str, Tensor)>>,
    backward_into: impl Fn(&mut Recorder, &Destinations) -> Result<()>,
) -> Result<Vec<Differentiated>> {
    let mut recorder = Recorder::new(gpu);
    let gradients = backward(&mut recorder)?;
    recorder.submit()?;
    drop(recorder);
    if ways == Ways::One {
        let mut results = Vec::new();
        for (name, gradient) in gradients {
            let value = elements(&gradient).await?;
            results.push(Differentiated { name, dtype: gradient.dtype(), value, added: Vec::new() });
        }
        return Ok(results);
    }
    let into = |destinations: &Destinations| {
        gpu.poison_workspace()?;
        let mut recorder = Recorder::new(gpu);
        backward_into(&mut recorder, destinations)?;
        recorder.submit()
    };
    let guarded =
        || gradients.iter().map(|(_, gradient)| Guarded::new(gpu, gradient.spec())).collect::<Result<Vec<_>>>();

    let (all, alone, added) = (guarded()?, guarded()?, guarded()?);
    let every = |outputs: &[Guarded], destination: for<'a> fn(&'a Tensor) -> Destination<'a>| {
        let destinations = outputs.iter().map(|guarded| Some(destination(&guarded.output)));
        into(&gradients.iter().map(|(name, _)| *name).zip(destinations).collect::<Vec<_>>())
    };
    every(&all, |tensor| Destination::Write(tensor))?;
    for (wanted, guarded) in alone.iter().enumerate() {
        let destination = |index| (index == wanted).then_some(Destination::Write(&guarded.output));
        let named = gradients.iter().enumerate().map(|(index, (name, _))| (*name, destination(index)));
        into(&named.collect::<Vec<_>>())?;
    }
    added.iter().for_each(|guarded| guarded.fill(gpu, before));
    every(&added, |tensor| Destination::Add(tensor))?;

    let mut results = Vec::new();
    for (index, (name, gradient)) in gradients.iter().enumerate() {
        let value = all[index].elements().await?;
        for (what, other) in [("allocated", elements(gradient).await?), ("alone", alone[index].elements().await?)] {
            let same = value.iter().zip(&other).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{name} differs when it is {what}");
        }
        results.push(Differentiated { name, dtype: gradient.dtype(), value, added: added[index].elements().await? });
    }
    Ok(results)
}

/// What a device makes of it in the second of two runs: before it, whatever the first left in the workspace is poisoned, and so are
/// the outputs with the words around them. The first must give the same.
async fn twice(
    gpu: &Gpu,
    first: impl FnOnce(&mut Recorder) -> Result<Vec<Tensor>>,
    second: impl FnOnce(&mut Recorder, &[&Tensor]) -> Result<()>,
) -> Result<Vec<f32>> {
    let mut recorder = Recorder::new(gpu);
    let outputs = first(&mut recorder)?;
    recorder.submit()?;
    drop(recorder);

    gpu.poison_workspace()?;
    let guarded: Vec<_> = outputs.iter().map(|output| Guarded::new(gpu, output.spec())).collect::<Result<_>>()?;
    let mut recorder = Recorder::new(gpu);
    second(&mut recorder, &guarded.iter().map(|guarded| &guarded.output).collect::<Vec<_>>())?;
    recorder.submit()?;
    let mut all = Vec::new();
    for (output, guarded) in outputs.iter().zip(&guarded) {
        let (first, second) = (elements(output).await?, guarded.elements().await?);
        let same = first.iter().zip(&second).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "two runs differ");
        all.extend(second);
    }
    Ok(all)
}

/// An output within a buffer of poison.
struct Guarded {
    whole: Tensor,
    output: Tensor,
}

impl Guarded {
    fn new(gpu: &Gpu, TensorSpec { shape, dtype }: TensorSpec) -> Result<Self> {
        let words = (shape.elements() * dtype.size()).div_ceil(4) + 2 * GUARD;
        let buffer = gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("guarded output"),
            size: words * 4,
            usage: Tensor::USAGES,
            mapped_at_creation: false,
        });
        gpu.queue().write_buffer(&buffer, 0, &POISON.to_ne_bytes().repeat(words as usize));
        Ok(Self {
            whole: Tensor::from_buffer(gpu, buffer.clone(), 0, [words as u32], DType::F32)?,
            output: Tensor::from_buffer(gpu, buffer, GUARD * 4, shape, dtype)?,
        })
    }

    /// Has the output hold these elements.
    fn fill(&self, gpu: &Gpu, element: impl Fn(usize) -> f32) {
        let words = |bits: &dyn Fn(f32) -> u16| {
            let elements = (0..self.output.shape().elements() as usize).map(|index| bits(element(index)));
            let mut bytes: Vec<_> = elements.flat_map(u16::to_ne_bytes).collect();
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let bytes = match self.output.dtype() {
            DType::F32 => {
                (0..self.output.shape().elements() as usize).flat_map(|index| element(index).to_ne_bytes()).collect()
            }
            DType::F16 => words(&|element| f16::from_f32(element).to_bits()),
            DType::BF16 => words(&|element| bf16::from_f32(element).to_bits()),
        };
        gpu.queue().write_buffer(self.output.buffer(), self.output.offset(), &bytes);
    }

    /// The output's elements.
    ///
    /// # Panics
    /// Where a guard was written.
    async fn elements(&self) -> Result<Vec<f32>> {
        let whole: Vec<f32> = self.whole.download()?.await?;
        let (front, back) = (&whole[..GUARD as usize], &whole[whole.len() - GUARD as usize..]);
        for (place, guard) in [("in front of", front), ("behind", back)] {
            assert!(guard.iter().all(|word| word.to_bits() == POISON), "words {place} the output were written");
        }
        elements(&self.output).await
    }
}

/// A tensor's elements, whatever their type.
pub async fn elements(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(match tensor.dtype() {
        DType::F32 => tensor.download()?.await?,
        DType::F16 => tensor.download::<f16>()?.await?.into_iter().map(f16::to_f32).collect(),
        DType::BF16 => tensor.download::<bf16>()?.await?.into_iter().map(bf16::to_f32).collect(),
    })
}
