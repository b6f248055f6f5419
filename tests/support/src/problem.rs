//! A problem of any op with its inputs on the host, to be given to any implementation.

use std::convert::Infallible;

use half::{bf16, f16};
use pliant::nn::{
    DeformConv2dLayer, DeformConvV3Layer, DeformConvV4Layer, DeformRoiPoolLayer, MultiScaleDeformAttnLayer,
};
use pliant::op::{Differentiable, Kernels, Members, Of, Op};
use pliant::reference::{Defined, Reference};
use pliant::{
    ArgReduce, Argument, Attention, BatchNorm, BilinearSample, Binary, Cast, Concat, Conv2d, Conv2dInputs,
    ConvTranspose2d, CrossEntropy, CumSum, DType, DeformConv2d, DeformConv2dInputs, DeformConvV3, DeformConvV4,
    DeformIm2col, DeformPsRoiPool, DeformRoiPool, Destination, Error, Gather, GatherElements, GatherNd,
    GlobalAveragePool, GlobalMaxPool, Gpu, GridSample, GroupNorm, Im2col, LayerNorm, Matmul, MatmulInputs,
    MultiScaleDeformAttn, Plan, Pool, Recorder, Reduce, Resize, Result, RoiAlign, RoiAlignMax, ScatterElements,
    ScatterNd, Select, Shape, Softmax, Split, Strategy, StridedCopy, Tensor, TensorSpec, TopK, Unary, wgpu,
};

use crate::compare::Expected;

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
            DType::I32 => Tensor::upload(gpu, self.shape, &rounded(self, |element| element as i32)),
            _ => Tensor::upload(gpu, self.shape, &rounded(self, bf16::from_f32)),
        }
    }

    /// As it is once it has been stored so.
    pub fn stored(&self, dtype: DType) -> Self {
        Self::from_fn(self.shape, |index| match dtype {
            DType::F32 => self.elements[index],
            DType::I32 => self.elements[index] as i32 as f32,
            DType::F16 => f16::from_f32(self.elements[index]).to_f32(),
            _ => bf16::from_f32(self.elements[index]).to_f32(),
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

    /// Why it does not apply, if that is what an error says of a strategy that does not apply everywhere.
    pub fn not_applicable(self, error: &Error) -> Option<&str> {
        match (self, error) {
            (
                Self::Device { strategy: Some(Strategy::FusedCooperative | Strategy::Winograd), .. },
                Error::Unsupported(why),
            ) => Some(why),
            _ => None,
        }
    }
}

/// How tensors are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// Input, and so the output.
    pub data: DType,
    /// Offset, positions or grid.
    pub offset: DType,
    /// Mask, or RoIs.
    pub mask: DType,
    /// Weight and bias, scale and shift, labels, the second operand, and every second tensor of a list.
    pub weight: DType,
}

impl Storage {
    /// How an input of that name is stored, the `index`th of an op.
    fn of(self, name: &str, index: usize) -> DType {
        match name {
            "offset" | "offset_mask" | "positions" | "locations" | "grid" | "offset_input" | "offset_weight"
            | "offset_bias" => self.offset,
            "mask" | "weights" | "padding_mask" | "rois" | "flow" | "mask_weight" | "mask_bias" => self.mask,
            "weight" | "bias" | "b" | "scale" | "shift" | "labels" => self.weight,
            "condition" | "indices" => DType::I32,
            // Every second tensor of a list.
            _ if index % 2 == 1 => self.weight,
            _ => self.data,
        }
    }

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

/// Functions that tests need of an op beside those of all ops.
trait Tested: Kernels + Defined {
    fn bound(gpu: &Gpu, op: &Self, inputs: &Of<Self::Inputs, TensorSpec>, _: Option<Strategy>) -> Result<Plan<Self>> {
        Plan::new::<TensorSpec>(gpu, op, inputs)
    }

    /// The family of kernels that the plan uses, where there are several.
    fn strategy(_: &Plan<Self>) -> Option<Strategy> {
        None
    }

    /// The output in another way than by the plan's `forward_into`.
    fn first(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &Of<Self::Inputs, Tensor>,
    ) -> Result<Of<Self::Outputs, Tensor>> {
        plan.forward::<Tensor>(recorder, inputs)
    }
}

/// The gradients in another way than by the plan's `backward_into`.
trait TestedBackward: Tested + Differentiable {
    fn first_gradients(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &Of<Self::Inputs, Tensor>,
        grad_output: &Of<Self::Outputs, Tensor>,
    ) -> Result<Of<Self::Gradients, Tensor>> {
        plan.backward::<Tensor, Tensor>(recorder, inputs, grad_output)
    }

    /// Destinations for some of the gradients that there are, in order; `None` where the only one has none.
    fn destinations<'a>(
        gradients: &Of<Self::Gradients, Tensor>,
        mut destinations: impl Iterator<Item = Option<Destination<'a>>>,
    ) -> Option<Of<Self::Gradients, Destination<'a>>> {
        let named = Self::Gradients::named(gradients);
        let mut all = named.map(|(_, gradient)| gradient.and_then(|_| destinations.next().flatten()));
        Self::Gradients::build(|_| all.next().flatten()).ok()
    }
}

impl TestedBackward for Concat {
    fn destinations<'a>(
        _: &Vec<Option<Tensor>>,
        destinations: impl Iterator<Item = Option<Destination<'a>>>,
    ) -> Option<Vec<Option<Destination<'a>>>> {
        Some(destinations.collect())
    }
}

/// With the weight packed beforehand.
macro_rules! convolution {
    ($op:ident, $inputs:ident { $($other:ident),+ }) => {
        impl Tested for $op {
            fn bound(
                gpu: &Gpu,
                op: &Self,
                inputs: &$inputs<TensorSpec>,
                strategy: Option<Strategy>,
            ) -> Result<Plan<Self>> {
                Plan::with_strategy(gpu, op, inputs, strategy)
            }

            fn strategy(plan: &Plan<Self>) -> Option<Strategy> {
                Some(plan.strategy())
            }

            fn first(plan: &Plan<Self>, recorder: &mut Recorder, inputs: &$inputs<Tensor>) -> Result<Tensor> {
                let weight = plan.pack_weight(recorder, &inputs.weight)?;
                let $inputs { $($other,)+ .. } = inputs.map(Argument::from);
                plan.forward(recorder, &$inputs { weight: Argument::from(&weight), $($other),+ })
            }
        }
    };
}

convolution!(Conv2d, Conv2dInputs { input, bias });
convolution!(DeformConv2d, DeformConv2dInputs { input, offset, mask, bias });

/// With b packed beforehand.
impl Tested for Matmul {
    fn first(plan: &Plan<Self>, recorder: &mut Recorder, inputs: &MatmulInputs<Tensor>) -> Result<Tensor> {
        let b = plan.pack_weight(recorder, &inputs.b)?;
        let MatmulInputs { a, bias, .. } = inputs.map(Argument::from);
        plan.forward(recorder, &MatmulInputs { a, b: Argument::from(&b), bias })
    }
}

/// With the offsets and masks in tensors; else they are in workspace.
impl Tested for DeformConv2dLayer {
    fn first(plan: &Plan<Self>, recorder: &mut Recorder, inputs: &Of<Self::Inputs, Tensor>) -> Result<Tensor> {
        plan.forward_with(recorder, inputs, &plan.new_field(recorder.gpu())?)
    }
}

impl TestedBackward for DeformConv2dLayer {
    fn first_gradients(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &Of<Self::Inputs, Tensor>,
        grad_output: &Tensor,
    ) -> Result<Of<Self::Gradients, Tensor>> {
        let field = plan.new_field(recorder.gpu())?;
        plan.forward_with(recorder, inputs, &field)?;
        plan.backward_with(recorder, inputs, &field, grad_output)
    }
}

macro_rules! problems {
    (
        with gradients: { $($name:ident($op:ty),)+ }
        without gradients: { $($plain:ident($plain_op:ty),)+ }
        tested as any: $($tested:ty),+;
        differentiated as any: $($differentiated:ty),+;
    ) => {
        /// An op with its inputs.
        #[allow(clippy::large_enum_variant, reason = "few are held at once")]
        #[derive(Debug, Clone)]
        pub enum Problem {
            $($name($op, Of<<$op as Op>::Inputs, Array>),)+
            $($plain($plain_op, Of<<$plain_op as Op>::Inputs, Array>),)+
        }

        /// Evaluates an expression for a problem of any op.
        macro_rules! each {
            ($problem:expr, |$of:ident, $inputs:ident| $body:expr) => {
                match $problem {
                    $(Problem::$name($of, $inputs) => $body,)+
                    $(Problem::$plain($of, $inputs) => $body,)+
                }
            };
            ($problem:expr, |$of:ident, $inputs:ident| $body:expr, without gradients: $without:expr) => {
                match $problem {
                    $(Problem::$name($of, $inputs) => $body,)+
                    $(Problem::$plain(..) => $without,)+
                }
            };
            ($problem:expr => |$of:ident, $inputs:ident| $body:expr) => {
                match $problem {
                    $(Problem::$name($of, $inputs) => Problem::$name($of.clone(), $body),)+
                    $(Problem::$plain($of, $inputs) => Problem::$plain($of.clone(), $body),)+
                }
            };
        }

        $(impl Tested for $tested {})+
        $(impl TestedBackward for $differentiated {})+
    };
}

problems! {
    with gradients: {
    AttentionLayer(MultiScaleDeformAttnLayer),
    BatchNorm(BatchNorm),
    BilinearSample(BilinearSample),
    Binary(Binary),
    Concat(Concat),
    Conv2d(Conv2d),
    ConvTranspose2d(ConvTranspose2d),
    CrossEntropy(CrossEntropy),
    DeformConv2d(DeformConv2d),
    DeformConvV3(DeformConvV3),
    DeformConvV3Layer(DeformConvV3Layer),
    DeformConvV4(DeformConvV4),
    DeformConvV4Layer(DeformConvV4Layer),
    DeformPsRoiPool(DeformPsRoiPool),
    DeformRoiPool(DeformRoiPool),
    Gather(Gather),
    GatherElements(GatherElements),
    GatherNd(GatherNd),
    GlobalAveragePool(GlobalAveragePool),
    GridSample(GridSample),
    GroupNorm(GroupNorm),
    Layer(DeformConv2dLayer),
    LayerNorm(LayerNorm),
    Matmul(Matmul),
    MultiScaleDeformAttn(MultiScaleDeformAttn),
    Pool(Pool),
    PoolLayer(DeformRoiPoolLayer),
    Reduce(Reduce),
    Resize(Resize),
    RoiAlign(RoiAlign),
    Softmax(Softmax),
    // Its outputs, one behind another.
    Split(Split),
    StridedCopy(StridedCopy),
    Unary(Unary),
    }
    without gradients: {
    ArgReduce(ArgReduce),
    Attention(Attention),
    Cast(Cast),
    CumSum(CumSum),
    DeformIm2col(DeformIm2col),
    GlobalMaxPool(GlobalMaxPool),
    Im2col(Im2col),
    RoiAlignMax(RoiAlignMax),
    ScatterElements(ScatterElements),
    ScatterNd(ScatterNd),
    Select(Select),
    TopK(TopK),
    }
    tested as any:
        ArgReduce, Attention, BatchNorm, BilinearSample, Binary, Cast, Concat, ConvTranspose2d, CrossEntropy, CumSum, DeformConvV3, DeformConvV3Layer, DeformConvV4, DeformConvV4Layer,
        DeformIm2col, DeformPsRoiPool, DeformRoiPool, DeformRoiPoolLayer, Gather, GatherElements, GatherNd, GlobalAveragePool, GlobalMaxPool,
        GridSample, GroupNorm, Im2col, LayerNorm, MultiScaleDeformAttn, MultiScaleDeformAttnLayer, Pool, Reduce, Resize, RoiAlign, RoiAlignMax, ScatterElements, ScatterNd, Select,
        Softmax, Split, StridedCopy, TopK, Unary;
    differentiated as any:
        BatchNorm, BilinearSample, Binary, Conv2d, ConvTranspose2d, CrossEntropy, DeformConv2d, DeformConvV3, DeformConvV3Layer, DeformConvV4, DeformConvV4Layer, DeformPsRoiPool, DeformRoiPool, DeformRoiPoolLayer,
        Gather, GatherElements, GatherNd, GlobalAveragePool, GridSample, GroupNorm, LayerNorm, Matmul, MultiScaleDeformAttn, MultiScaleDeformAttnLayer, Pool, Reduce, Resize, RoiAlign, Softmax,
        Split, StridedCopy, Unary;
}

/// Elements in front of and behind an output that nobody may write.
const GUARD: u64 = 64;
const POISON: u32 = 0x7fc0_dead;

impl Problem {
    /// The output by definition, or why there is none.
    pub fn reference(&self) -> Result<Reference> {
        each!(self, |op, inputs| reference_of(op, inputs))
    }

    /// The gradients that there are by definition, by the names of the inputs, of a loss whose gradient by the output is `grad_output`.
    pub fn gradients(&self, grad_output: &Array) -> Result<Vec<(&'static str, Reference)>> {
        each!(self, |op, inputs| gradients_of(op, inputs, grad_output))
    }

    /// Changes every input, by name.
    pub fn change(&mut self, mut change: impl FnMut(&'static str, &mut Array)) {
        *self = each!(&*self => |op, inputs| changed(op, inputs, &mut change));
    }

    /// The inputs that there are.
    pub fn arrays(&self) -> usize {
        each!(self, |op, inputs| count(op, inputs))
    }

    /// Op and shapes, without the elements.
    pub fn describe(&self) -> String {
        each!(self, |op, inputs| description(op, inputs))
    }

    /// The problem with its inputs rounded as they are when stored so.
    pub fn stored(&self, storage: Storage) -> Self {
        each!(self => |op, inputs| stored(op, inputs, storage))
    }

    /// Whether strategies make a difference.
    pub fn has_strategies(&self) -> bool {
        matches!(self, Self::Conv2d(..) | Self::DeformConv2d(..))
    }

    /// The reference as the output of an implementation is held to it: with the tolerance of operands that are rounded to f16 where the plan's kernels
    /// are cooperative, and of the largest sum of a tile where they sum by tiles.
    pub fn expected(&self, mut reference: Reference, implementation: Implementation<'_>) -> Result<Expected> {
        let strategy = self.strategy(implementation)?;
        if let (Some(Strategy::Winograd), Self::Conv2d(op, inputs)) = (strategy, self) {
            let output = op.geometry(&inputs.map(|array| array.shape))?.output_shape();
            for (magnitude, of_tile) in reference.magnitude.iter_mut().zip(magnitudes_of_tiles(op, inputs, output)) {
                // A tile that is not finite is summed up pixel by pixel.
                if of_tile.is_finite() {
                    *magnitude = of_tile;
                }
            }
        }
        let operands = if strategy == Some(Strategy::FusedCooperative) { 2 } else { 0 };
        Ok(Expected::of_rounded_operands(reference, operands))
    }

    /// The strategy of an implementation's plan, where it makes a difference to the tolerance.
    fn strategy(&self, implementation: Implementation<'_>) -> Result<Option<Strategy>> {
        let Implementation::Device { gpu, strategy, storage } = implementation else { return Ok(None) };
        let by_tiles = match self {
            Self::Conv2d(_, inputs) => inputs.weight.shape.extents().ends_with(&[3, 3]),
            _ => false,
        };
        if !by_tiles && !gpu.capabilities().features.contains(Gpu::COOPERATIVE_FEATURES) {
            return Ok(None);
        }
        each!(self, |op, inputs| strategy_of(op, inputs, gpu, strategy, storage))
    }

    /// The output, by any implementation.
    pub async fn run(&self, implementation: Implementation<'_>) -> Result<Vec<f32>> {
        match implementation {
            Implementation::Reference => Ok(self.reference()?.value.iter().map(|&value| value as f32).collect()),
            Implementation::Device { gpu, strategy, storage } => {
                each!(self, |op, inputs| run_on(op, inputs, gpu, strategy, storage).await)
            }
        }
    }

    /// The gradients that a device computes, in the order of those of the reference, in as many ways as there are. Empty where it has no
    /// backward pass.
    pub async fn backward_on(
        &self,
        gpu: &Gpu,
        strategy: Option<Strategy>,
        storage: Storage,
        grad_output: &Array,
        ways: Ways,
    ) -> Result<Vec<Differentiated>> {
        each!(
            self,
            |op, inputs| differentiated(op, inputs, (gpu, strategy), storage, grad_output, ways).await,
            without gradients: Ok(Vec::new())
        )
    }
}

fn geometry<O: Op>(op: &O, inputs: &Of<O::Inputs, Array>) -> Result<O::Geometry> {
    op.geometry(&O::Inputs::map(inputs, |array| array.shape))
}

fn slices<'a, O: Op>(_: &O, inputs: &'a Of<O::Inputs, Array>) -> Of<O::Inputs, &'a [f32]> {
    O::Inputs::map(inputs, |array| &array.elements[..])
}

fn reference_of<O: Defined>(op: &O, inputs: &Of<O::Inputs, Array>) -> Result<Reference> {
    let outputs = O::reference(&geometry(op, inputs)?, &slices(op, inputs))?;
    let none = Reference { value: Vec::new(), magnitude: Vec::new(), terms: 0 };
    Ok(O::Outputs::present(&outputs).fold(none, |mut all, (_, output)| {
        all.value.extend(&output.value);
        all.magnitude.extend(&output.magnitude);
        all.terms = all.terms.max(output.terms);
        all
    }))
}

fn gradients_of<O: Defined>(
    op: &O,
    inputs: &Of<O::Inputs, Array>,
    grad_output: &Array,
) -> Result<Vec<(&'static str, Reference)>> {
    let geometry = geometry(op, inputs)?;
    let mut rest = &grad_output.elements[..];
    let grad_outputs = O::Outputs::map(&O::output_shapes(&geometry), |shape| {
        let (first, behind) = rest.split_at(shape.elements() as usize);
        rest = behind;
        first
    });
    O::reference_gradients(&geometry, &slices(op, inputs), &grad_outputs)
}

fn changed<O: Op>(
    _: &O,
    inputs: &Of<O::Inputs, Array>,
    change: &mut impl FnMut(&'static str, &mut Array),
) -> Of<O::Inputs, Array> {
    let changed = O::Inputs::try_map_named(inputs, |name, array| {
        let mut array = array.clone();
        change(name, &mut array);
        Ok::<_, Infallible>(array)
    });
    changed.unwrap_or_else(|never| match never {})
}

fn count<O: Op>(_: &O, inputs: &Of<O::Inputs, Array>) -> usize {
    O::Inputs::present(inputs).count()
}

fn description<O: Op>(op: &O, inputs: &Of<O::Inputs, Array>) -> String {
    let shapes: Vec<_> = O::Inputs::present(inputs).map(|(name, array)| (name, array.shape)).collect();
    format!("{op:?} {shapes:?}")
}

/// Each input with how it is stored.
fn as_stored<O: Op, U, E>(
    _: &O,
    inputs: &Of<O::Inputs, Array>,
    storage: Storage,
    mut f: impl FnMut(&Array, DType) -> Result<U, E>,
) -> Result<Of<O::Inputs, U>, E> {
    let mut index = 0;
    O::Inputs::try_map_named(inputs, |name, array| {
        index += 1;
        f(array, storage.of(name, if O::Inputs::LIST { index - 1 } else { 0 }))
    })
}

fn stored<O: Op>(op: &O, inputs: &Of<O::Inputs, Array>, storage: Storage) -> Of<O::Inputs, Array> {
    let stored = as_stored(op, inputs, storage, |array, dtype| Ok::<_, Infallible>(array.stored(dtype)));
    stored.unwrap_or_else(|never| match never {})
}

/// How each input is stored.
fn specs<O: Op>(op: &O, inputs: &Of<O::Inputs, Array>, storage: Storage) -> Result<Of<O::Inputs, TensorSpec>> {
    as_stored(op, inputs, storage, |array, dtype| Ok(TensorSpec { shape: array.shape, dtype }))
}

/// The sum that the rounding error of each output element is measured against by tiles of 4 x 4: over channels, of the largest of the 6 x 6 pixels of the
/// tile times the weights of the channel, all absolute, and the bias.
fn magnitudes_of_tiles(op: &Conv2d, inputs: &Conv2dInputs<Array>, output: Shape) -> Vec<f64> {
    let extents = |shape: Shape| shape.extents().iter().map(|&extent| extent as usize).collect::<Vec<_>>();
    let (input, output) = (extents(inputs.input.shape), extents(output));
    let (&[batch, channels, height, width], &[_, out_channels, out_height, out_width]) = (&input[..], &output[..])
    else {
        return Vec::new();
    };
    let groups = op.groups as usize;
    let (group_channels, group_rows) = (channels / groups, out_channels / groups);
    let [top, left] = [op.padding[0], op.padding[1]].map(|extent| extent as usize);
    let taps = inputs.weight.elements.len() / (out_channels * group_channels);
    let weights: Vec<f64> =
        inputs.weight.elements.chunks(taps).map(|taps| taps.iter().map(|&x| f64::from(x).abs()).sum()).collect();
    // The pixels along an axis that the tile of one output pixel takes, without padding.
    let within = |pixel: usize, before: usize, extent: usize| {
        let first = pixel / 4 * 4;
        first.saturating_sub(before).min(extent)..(first + 6).saturating_sub(before).min(extent)
    };
    let largest = |image: usize, channel: usize, y: usize, x: usize| {
        let plane = &inputs.input.elements[(image * channels + channel) * height * width..][..height * width];
        let rows = within(y, top, height);
        let row = |y: usize| &plane[y * width..][within(x, left, width)];
        let size = |&x: &f32| if x.is_finite() { f64::from(x).abs() } else { f64::INFINITY };
        rows.flat_map(row).map(size).fold(0.0, f64::max)
    };
    let [rows, columns] = [out_height, out_width].map(|extent| extent.div_ceil(4));
    let mut magnitudes = vec![0.0; batch * out_channels * out_height * out_width];
    for (image, tile) in (0..batch).flat_map(|image| (0..rows * columns).map(move |tile| (image, tile))) {
        let (y, x) = (tile / columns * 4, tile % columns * 4);
        let inputs_of: Vec<f64> = (0..channels).map(|channel| largest(image, channel, y, x)).collect();
        for out_channel in 0..out_channels {
            let group = out_channel / group_rows;
            let own = &inputs_of[group * group_channels..][..group_channels];
            let terms = own.iter().zip(&weights[out_channel * group_channels..]).map(|(x, w)| x * w);
            let bias = inputs.bias.as_ref().map_or(0.0, |bias| f64::from(bias.elements[out_channel]).abs());
            let magnitude = terms.sum::<f64>() + bias;
            for y in y..out_height.min(y + 4) {
                let row = ((image * out_channels + out_channel) * out_height + y) * out_width;
                magnitudes[row + x..row + out_width.min(x + 4)].fill(magnitude);
            }
        }
    }
    magnitudes
}

fn strategy_of<O: Tested>(
    op: &O,
    inputs: &Of<O::Inputs, Array>,
    gpu: &Gpu,
    strategy: Option<Strategy>,
    storage: Storage,
) -> Result<Option<Strategy>> {
    Ok(O::strategy(&O::bound(gpu, op, &specs(op, inputs, storage)?, strategy)?))
}

/// The output that a device computes, in the second of two runs: before it, whatever the first left in the workspace is poisoned, and so
/// are the outputs with the words around them. The first, in another way, must give the same.
async fn run_on<O: Tested>(
    op: &O,
    inputs: &Of<O::Inputs, Array>,
    gpu: &Gpu,
    strategy: Option<Strategy>,
    storage: Storage,
) -> Result<Vec<f32>> {
    let plan = O::bound(gpu, op, &specs(op, inputs, storage)?, strategy)?;
    let inputs = as_stored(op, inputs, storage, |array, dtype| array.upload_as(gpu, dtype))?;
    let mut recorder = Recorder::new(gpu);
    let outputs = O::first(&plan, &mut recorder, &inputs)?;
    recorder.submit()?;
    drop(recorder);
    let planned = plan.output_spec();
    let specs = O::Outputs::present(&planned).map(|(_, spec)| *spec);
    assert!(specs.eq(O::Outputs::present(&outputs).map(|(_, output)| output.spec())), "{plan:?}");

    gpu.poison_workspace()?;
    let guarded = O::Outputs::try_map(&outputs, |output| Guarded::new(gpu, output.spec()))?;
    let mut recorder = Recorder::new(gpu);
    let into = O::Outputs::map(&guarded, |guarded| guarded.output.clone());
    plan.forward_into::<Tensor, Tensor>(&mut recorder, &inputs, &into)?;
    recorder.submit()?;
    let mut all = Vec::new();
    for ((_, output), (_, guarded)) in O::Outputs::present(&outputs).zip(O::Outputs::present(&guarded)) {
        let (first, second) = (elements(output).await?, guarded.elements().await?);
        let same = first.iter().zip(&second).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "two runs differ");
        all.extend(second);
    }
    Ok(all)
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
    /// The gradient added to [`before`]; empty where there is one way.
    pub added: Vec<f32>,
}

/// The value that a gradient is added to, by element: numbers that every element type holds.
pub fn before(element: usize) -> f32 {
    (element % 13) as f32 - 4.0
}

/// The gradients that a device makes, by `backward_into`. They must be those that `backward` gives, whatever was left in the workspace
/// and in the outputs, and each those that it is when it is asked for alone.
async fn differentiated<O: TestedBackward>(
    op: &O,
    inputs: &Of<O::Inputs, Array>,
    (gpu, strategy): (&Gpu, Option<Strategy>),
    storage: Storage,
    grad_output: &Array,
    ways: Ways,
) -> Result<Vec<Differentiated>> {
    let plan = O::bound(gpu, op, &specs(op, inputs, storage)?, strategy)?;
    let inputs = as_stored(op, inputs, storage, |array, dtype| array.upload_as(gpu, dtype))?;
    let mut rest = &grad_output.elements[..];
    let grad_outputs = O::Outputs::try_map(&plan.output_spec(), |spec| {
        let (first, behind) = rest.split_at(spec.shape.elements() as usize);
        rest = behind;
        Array { shape: spec.shape, elements: first.to_vec() }.upload_as(gpu, spec.dtype)
    })?;
    let mut recorder = Recorder::new(gpu);
    let gradients = O::first_gradients(&plan, &mut recorder, &inputs, &grad_outputs)?;
    recorder.submit()?;
    drop(recorder);
    let names: Vec<_> = O::Gradients::present(&gradients).map(|(name, gradient)| (name, gradient.clone())).collect();
    if ways == Ways::One {
        let mut results = Vec::new();
        for (name, gradient) in names {
            let value = elements(&gradient).await?;
            results.push(Differentiated { name, dtype: gradient.dtype(), value, added: Vec::new() });
        }
        return Ok(results);
    }

    let into = |destinations: Vec<Option<Destination>>| {
        gpu.poison_workspace()?;
        let mut recorder = Recorder::new(gpu);
        if let Some(destinations) = O::destinations(&gradients, destinations.into_iter()) {
            plan.backward_into::<Tensor, Tensor, Destination>(&mut recorder, &inputs, &grad_outputs, &destinations)?;
        }
        recorder.submit()
    };
    let guarded = || names.iter().map(|(_, gradient)| Guarded::new(gpu, gradient.spec())).collect::<Result<Vec<_>>>();

    let (all, alone, added) = (guarded()?, guarded()?, guarded()?);
    into(all.iter().map(|guarded| Some(Destination::Write(&guarded.output))).collect())?;
    for (wanted, guarded) in alone.iter().enumerate() {
        let destination = |index| (index == wanted).then_some(Destination::Write(&guarded.output));
        into((0..alone.len()).map(destination).collect())?;
    }
    added.iter().for_each(|guarded| guarded.fill(gpu, before));
    into(added.iter().map(|guarded| Some(Destination::Add(&guarded.output))).collect())?;

    let mut results = Vec::new();
    for (index, (name, gradient)) in names.iter().enumerate() {
        let value = all[index].elements().await?;
        for (what, other) in [("allocated", elements(gradient).await?), ("alone", alone[index].elements().await?)] {
            let same = value.iter().zip(&other).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{name} differs when it is {what}");
        }
        results.push(Differentiated { name, dtype: gradient.dtype(), value, added: added[index].elements().await? });
    }
    Ok(results)
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
            DType::I32 => (0..self.output.shape().elements() as usize)
                .flat_map(|index| (element(index) as i32).to_ne_bytes())
                .collect(),
            _ => words(&|element| bf16::from_f32(element).to_bits()),
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
        DType::I32 => tensor.download::<i32>()?.await?.into_iter().map(|element| element as f32).collect(),
        _ => tensor.download::<bf16>()?.await?.into_iter().map(bf16::to_f32).collect(),
    })
}
