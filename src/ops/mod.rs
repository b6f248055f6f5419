//! Ops: which kernels, in which pieces.
//!
//! Shapes have been checked by the geometry; what all ops have in common is in [`plan`].

pub(crate) mod conv;
pub(crate) mod elementwise;
#[cfg(feature = "onnx")]
mod ends;
mod matmul;
mod movement;
mod packing;
pub(crate) mod plan;
mod planes;
mod points;
mod reduce;
mod roi;
mod sample;
mod train;

pub use conv::strategy::Strategy;
#[cfg(not(target_arch = "wasm32"))]
pub use conv::strategy::{Candidate, Outcome, Tuned};
pub use packing::PackedWeight;
pub use plan::{Argument, Destination, Differentiable, Kernels, Plan, ToArgument, ToDestination, ToSpec};

#[cfg(feature = "onnx")]
pub(crate) use crate::kernels::activation::Activation;
#[cfg(feature = "onnx")]
pub(crate) use ends::Ends;
#[cfg(feature = "onnx")]
pub(crate) use packing::Packs;
#[cfg(feature = "onnx")]
pub(crate) use plan::output_specs;

use crate::error::Result;
use crate::geometry::{
    Adam, ArgReduce, Attention, BatchNorm, BilinearSample, Binary, Cast, Concat, Conv2d, ConvTranspose2d, CrossEntropy,
    CumSum, DeformConv2d, DeformConvV3, DeformConvV4, DeformIm2col, DeformPsRoiPool, DeformRoiPool, Gather,
    GatherElements, GatherNd, GlobalAveragePool, GlobalMaxPool, GridSample, GroupNorm, Im2col, LayerNorm, Matmul,
    MultiScaleDeformAttn, Pool, Reduce, Resize, RoiAlign, RoiAlignMax, ScatterElements, ScatterNd, Select, Sgd,
    Softmax, Split, StridedCopy, TopK, Unary,
};
use crate::gpu::{Gpu, Recorder};

/// Names the plan of each op, gives the op its short way, and lists the functions that warm it up. The comment on an entry is that of the
/// plan: the shapes of inputs and output, and an example.
macro_rules! ops {
    (
        forward: $($(#[$forward_doc:meta])* $forward:ident => $forward_plan:ident),+;
        and backward: $($(#[$both_doc:meta])* $both:ident => $both_plan:ident),+;
        steps: $($(#[$step_doc:meta])* $step:ident => $step_plan:ident),+;
    ) => {
        $($crate::ops::plan_of!($(#[$forward_doc])* $forward => $forward_plan);)+
        $($crate::ops::plan_of!($(#[$both_doc])* $both => $both_plan);)+
        $($crate::ops::plan_of!($(#[$step_doc])* $step => $step_plan);)+
        $($crate::ops::short_way!($forward);)+
        $($crate::ops::short_way!($both);)+
        $($crate::ops::short_way_back!($both);)+

        /// Functions that record the smallest problem of each op: forward, and backward or a step.
        const FORWARD: &[fn(&Gpu, &mut Recorder) -> Result<()>] =
            &[$(plan::warm_up::<$forward>,)+ $(plan::warm_up::<$both>,)+];
        const BACKWARD: &[fn(&Gpu, &mut Recorder) -> Result<()>] =
            &[$(plan::warm_up_backward::<$both>,)+ $(plan::warm_up::<$step>,)+];
    };
}

/// Names the plan of an op or a layer, with a comment on its shapes and an example.
macro_rules! plan_of {
    ($(#[$doc:meta])* $op:ident => $plan:ident) => {
        #[doc = concat!("Plan of a [`", stringify!($op), "`]: the op bound to a device, shapes and element types.")]
        #[doc = ""]
        $(#[$doc])*
        pub type $plan = $crate::ops::Plan<$op>;
    };
}
pub(crate) use plan_of;

macro_rules! short_way {
    ($op:ident) => {
        impl $op {
            /// Computes the op in new tensors and submits it, by a plan that is kept for tensors like these: see [`Plan`](crate::Plan).
            ///
            /// # Errors
            /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute) with the two figures that disagree;
            /// [`Error::Device`](crate::Error::Device) where the tensors lie on several devices; [`Error::Limit`](crate::Error::Limit),
            /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
            pub fn forward<A: $crate::ops::ToArgument>(
                &self,
                inputs: &$crate::geometry::Of<<Self as $crate::geometry::Op>::Inputs, A>,
            ) -> $crate::error::Result<
                $crate::geometry::Of<<Self as $crate::geometry::Op>::Outputs, $crate::gpu::Tensor>,
            > {
                $crate::ops::plan::forward::<Self, A>(self, inputs)
            }
        }
    };
}
pub(crate) use short_way;

macro_rules! short_way_back {
    ($op:ident) => {
        impl $op {
            /// Computes the vector-Jacobian products of `grad_output` with every input that there is and that has one, in new tensors, and
            /// submits it.
            ///
            /// # Errors
            /// [`Error::Shape`](crate::Error::Shape), [`Error::Attribute`](crate::Error::Attribute), [`Error::DType`](crate::Error::DType)
            /// with the two figures that disagree; [`Error::Device`](crate::Error::Device) where the tensors lie on several devices;
            /// [`Error::Limit`](crate::Error::Limit), [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
            pub fn backward<A: $crate::ops::ToArgument, T: std::borrow::Borrow<$crate::gpu::Tensor>>(
                &self,
                inputs: &$crate::geometry::Of<<Self as $crate::geometry::Op>::Inputs, A>,
                grad_output: &$crate::geometry::Of<<Self as $crate::geometry::Op>::Outputs, T>,
            ) -> $crate::error::Result<
                $crate::geometry::Of<<Self as $crate::ops::Differentiable>::Gradients, $crate::gpu::Tensor>,
            > {
                $crate::ops::plan::backward::<Self, A, T>(self, inputs, grad_output)
            }

            /// Computes the vector-Jacobian products that are wanted, in new tensors, and submits it.
            ///
            /// # Errors
            /// [`Error::Shape`](crate::Error::Shape) with the two figures that disagree, and for the gradient of an input that is absent;
            /// [`Error::Attribute`](crate::Error::Attribute), [`Error::DType`](crate::Error::DType);
            /// [`Error::Device`](crate::Error::Device) where the tensors lie on several devices; [`Error::Limit`](crate::Error::Limit),
            /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) where the device is too small.
            pub fn backward_of<A: $crate::ops::ToArgument, T: std::borrow::Borrow<$crate::gpu::Tensor>>(
                &self,
                inputs: &$crate::geometry::Of<<Self as $crate::geometry::Op>::Inputs, A>,
                grad_output: &$crate::geometry::Of<<Self as $crate::geometry::Op>::Outputs, T>,
                wanted: &$crate::geometry::Of<
                    <Self as $crate::ops::Differentiable>::Gradients,
                    $crate::geometry::Wanted,
                >,
            ) -> $crate::error::Result<
                $crate::geometry::Of<<Self as $crate::ops::Differentiable>::Gradients, $crate::gpu::Tensor>,
            > {
                $crate::ops::plan::backward_of::<Self, A, T>(self, inputs, grad_output, wanted)
            }
        }
    };
}
pub(crate) use short_way_back;

ops! {
    forward:
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, height, width) |
        /// | output, the columns | (batch, out_height, out_width, taps, channels) |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Im2col, Im2colPlan, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let op = Im2col { kernel: [3, 3], padding: [1; 4], ..Im2col::default() };
        /// let plan = Im2colPlan::new(gpu, &op, &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let columns = plan.forward(&mut recorder, &input)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Im2col => Im2colPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, height, width) |
        /// | `offset` | (batch, 2 or 3 · offset_groups · taps, out_height, out_width), by [`OffsetLayout`](crate::OffsetLayout) |
        /// | `mask` | (batch, offset_groups · taps, out_height, out_width), or absent |
        /// | output, the columns | (batch, out_height, out_width, taps, channels) |
        ///
        /// ```no_run
        /// use pliant::{DeformIm2col, DeformIm2colInputs, DeformIm2colPlan, Gpu, Im2col, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, offset: Tensor) -> pliant::Result<()> {
        /// let window = Im2col { kernel: [3, 3], padding: [1; 4], ..Im2col::default() };
        /// let op = DeformIm2col { window, ..DeformIm2col::default() };
        /// let inputs = DeformIm2colInputs { input: &input, offset: &offset, mask: None };
        /// let plan = DeformIm2colPlan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let columns = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        DeformIm2col => DeformIm2colPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | any |
        /// | output, in `i32` | that of `input` without the axis, or with extent 1 along it |
        ///
        /// ```no_run
        /// use pliant::{ArgReduce, ArgReducePlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let op = ArgReduce { axis: 1, ..ArgReduce::default() };
        /// let plan = ArgReducePlan::new(gpu, &op, &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &input)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        ArgReduce => ArgReducePlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `query` | (batch, heads, queries, elements) |
        /// | `key` | (batch, heads, keys, elements) |
        /// | `value` | (batch, heads, keys, elements of a value) |
        /// | `bias`, `mask` | any that broadcast to (batch, heads, queries, keys) |
        /// | output | (batch, heads, queries, elements of a value) |
        ///
        /// Heads may stand behind positions, and queries, keys and values may be one tensor: [`AttentionLayout`](crate::AttentionLayout).
        ///
        /// ```no_run
        /// use pliant::{Attention, AttentionInputs, AttentionPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> pliant::Result<()> {
        /// let inputs =
        ///     AttentionInputs { query: &query, key: Some(&key), value: Some(&value), bias: Some(&bias), mask: None };
        /// let plan = AttentionPlan::new(gpu, &Attention::default(), &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Attention => AttentionPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | any |
        /// | output | that of `input` |
        ///
        /// ```no_run
        /// use pliant::{CumSum, CumSumPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let op = CumSum { axis: 1, ..CumSum::default() };
        /// let plan = CumSumPlan::new(gpu, &op, &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &input)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        CumSum => CumSumPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | any |
        /// | outputs `values`, and `indices` in `i32` | that of `input`, with extent `k` along the axis |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Recorder, Tensor, TopK, TopKPlan};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let op = TopK { axis: 1, k: 300, largest: true };
        /// let plan = TopKPlan::new(gpu, &op, &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let outputs = plan.forward(&mut recorder, &input)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        TopK => TopKPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, ...) |
        /// | output | (batch, channels, 1, ...) |
        ///
        /// ```no_run
        /// use pliant::{GlobalMaxPool, GlobalMaxPoolPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let plan = GlobalMaxPoolPlan::new(gpu, &GlobalMaxPool, &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &input)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        GlobalMaxPool => GlobalMaxPoolPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | any |
        /// | output | that of `input`, as another type |
        ///
        /// ```no_run
        /// use pliant::{Cast, CastPlan, CastTo, DType, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let plan = CastPlan::new(gpu, &Cast { to: CastTo::Type(DType::I32) }, &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &input)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Cast => CastPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `a`, `b`, `condition` | any that broadcast; the condition in `i32` |
        /// | output | broadcast |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Recorder, Select, SelectInputs, SelectPlan, Tensor};
        ///
        /// # fn example(gpu: &Gpu, a: Tensor, b: Tensor, condition: Tensor) -> pliant::Result<()> {
        /// let inputs = SelectInputs { a: &a, b: &b, condition: &condition };
        /// let plan = SelectPlan::new(gpu, &Select, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Select => SelectPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, height, width) |
        /// | `rois` | (rois, 5): image, x1, y1, x2, y2 |
        /// | output | (rois, channels, pooled_height, pooled_width) |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Recorder, RoiAlignInputs, RoiAlignMax, RoiAlignMaxPlan, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, rois: Tensor) -> pliant::Result<()> {
        /// let op = RoiAlignMax { pooled: [7, 7], sampling_ratio: 2, ..RoiAlignMax::default() };
        /// let inputs = RoiAlignInputs { input: &input, rois: &rois };
        /// let plan = RoiAlignMaxPlan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        RoiAlignMax => RoiAlignMaxPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `data` | any |
        /// | `indices`, integers | no longer than `data` along any axis but that of the op |
        /// | `updates` | that of `indices` |
        /// | output | that of `data` |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Recorder, ScatterElements, ScatterElementsPlan, ScatterInputs, ScatterReduction, Tensor};
        ///
        /// # fn example(gpu: &Gpu, data: Tensor, indices: Tensor, updates: Tensor) -> pliant::Result<()> {
        /// let op = ScatterElements { axis: 1, reduction: ScatterReduction::Add };
        /// let inputs = ScatterInputs { data: &data, indices: &indices, updates: &updates };
        /// let plan = ScatterElementsPlan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        ScatterElements => ScatterElementsPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `data` | (indexed axes, ...) |
        /// | `indices`, integers | (..., parts): a part for each indexed axis |
        /// | `updates` | (... of the indices, ... of the data) |
        /// | output | that of `data` |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Recorder, ScatterInputs, ScatterNd, ScatterNdPlan, Tensor};
        ///
        /// # fn example(gpu: &Gpu, data: Tensor, indices: Tensor, updates: Tensor) -> pliant::Result<()> {
        /// let inputs = ScatterInputs { data: &data, indices: &indices, updates: &updates };
        /// let plan = ScatterNdPlan::new(gpu, &ScatterNd::default(), &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        ScatterNd => ScatterNdPlan;
    and backward:
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, ...) |
        /// | `scale`, `shift` | (channels) |
        /// | output | that of `input` |
        ///
        /// ```no_run
        /// use pliant::{BatchNorm, BatchNormInputs, BatchNormPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, scale: Tensor, shift: Tensor) -> pliant::Result<()> {
        /// let inputs = BatchNormInputs { input: &input, scale: &scale, shift: &shift };
        /// let plan = BatchNormPlan::new(gpu, &BatchNorm, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        BatchNorm => BatchNormPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, height, width) |
        /// | `positions` | (batch, 2, out_height, out_width): a plane of y, then a plane of x |
        /// | output | (batch, channels, out_height, out_width) |
        ///
        /// ```no_run
        /// use pliant::{BilinearSample, BilinearSampleInputs, BilinearSamplePlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, positions: Tensor) -> pliant::Result<()> {
        /// let inputs = BilinearSampleInputs { input: &input, positions: &positions };
        /// let plan = BilinearSamplePlan::new(gpu, &BilinearSample::default(), &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        BilinearSample => BilinearSamplePlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `a`, `b` | any two that broadcast |
        /// | output | the broadcast of both |
        ///
        /// ```no_run
        /// use pliant::{Binary, BinaryInputs, BinaryPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, a: Tensor, b: Tensor) -> pliant::Result<()> {
        /// let inputs = BinaryInputs { a: &a, b: &b };
        /// let plan = BinaryPlan::new(gpu, &Binary::Add, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Binary => BinaryPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | each input | any, the same for all but along the axis |
        /// | output | that of the first, with the sum of the extents along the axis |
        ///
        /// ```no_run
        /// use pliant::{Concat, ConcatPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, a: Tensor, b: Tensor) -> pliant::Result<()> {
        /// let inputs = vec![&a, &b];
        /// let plan = ConcatPlan::new(gpu, &Concat { axis: 1 }, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Concat => ConcatPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, height, width) |
        /// | `weight` | (out_channels, channels / groups, kernel_height, kernel_width) |
        /// | `bias` | (out_channels), or absent |
        /// | output | (batch, out_channels, out_height, out_width) |
        ///
        /// ```no_run
        /// use pliant::{Conv2d, Conv2dInputs, Conv2dPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, weight: Tensor, bias: Tensor) -> pliant::Result<()> {
        /// let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
        /// let inputs = Conv2dInputs { input: &input, weight: &weight, bias: Some(&bias) };
        /// let plan = Conv2dPlan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Conv2d => Conv2dPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `logits` | (batch, classes) |
        /// | `labels` | (batch) |
        /// | output, the loss | a scalar; (batch) without a reduction |
        ///
        /// ```no_run
        /// use pliant::{CrossEntropy, CrossEntropyInputs, CrossEntropyPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, logits: Tensor, labels: Tensor) -> pliant::Result<()> {
        /// let inputs = CrossEntropyInputs { logits: &logits, labels: &labels };
        /// let plan = CrossEntropyPlan::new(gpu, &CrossEntropy::default(), &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let loss = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        CrossEntropy => CrossEntropyPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, height, width) |
        /// | `offset` | (batch, 2 or 3 · offset_groups · taps, out_height, out_width), by [`OffsetLayout`](crate::OffsetLayout) |
        /// | `weight` | (out_channels, channels / groups, kernel_height, kernel_width) |
        /// | `mask` | (batch, offset_groups · taps, out_height, out_width), or absent |
        /// | `bias` | (out_channels), or absent |
        /// | output | (batch, out_channels, out_height, out_width) |
        ///
        /// ```no_run
        /// use pliant::{DeformConv2d, DeformConv2dInputs, DeformConv2dPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, offset: Tensor, mask: Tensor, weight: Tensor) -> pliant::Result<()> {
        /// let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
        /// let inputs = DeformConv2dInputs { input: &input, offset: &offset, weight: &weight, mask: Some(&mask), bias: None };
        /// let plan = DeformConv2dPlan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        DeformConv2d => DeformConv2dPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, height, width, channels) |
        /// | `offset` | (batch, out_height, out_width, groups · taps · 2), x in front of y |
        /// | `mask` | (batch, out_height, out_width, groups · taps) |
        /// | output | (batch, out_height, out_width, channels) |
        ///
        /// ```no_run
        /// use pliant::{DeformConvV3, DeformConvV3Inputs, DeformConvV3Plan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, offset: Tensor, mask: Tensor) -> pliant::Result<()> {
        /// let op = DeformConvV3 { groups: 4, ..DeformConvV3::default() };
        /// let inputs = DeformConvV3Inputs { input: &input, offset: &offset, mask: &mask };
        /// let plan = DeformConvV3Plan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        DeformConvV3 => DeformConvV3Plan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, height, width, channels) |
        /// | `offset_mask` | (batch, out_height, out_width, 3 · groups · taps, rounded up to a multiple of 8) |
        /// | output | (batch, out_height, out_width, channels) |
        ///
        /// ```no_run
        /// use pliant::{DeformConvV3, DeformConvV4, DeformConvV4Inputs, DeformConvV4Plan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, offset_mask: Tensor) -> pliant::Result<()> {
        /// let op = DeformConvV4 { window: DeformConvV3 { groups: 4, ..DeformConvV3::default() } };
        /// let inputs = DeformConvV4Inputs { input: &input, offset_mask: &offset_mask };
        /// let plan = DeformConvV4Plan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        DeformConvV4 => DeformConvV4Plan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, output_dim · group_size², height, width) |
        /// | `rois` | (rois, 5): image, x1, y1, x2, y2 |
        /// | `offset` | (rois, 2 · classes, part_size, part_size), or absent |
        /// | output | (rois, output_dim, pooled_size, pooled_size) |
        ///
        /// ```no_run
        /// use pliant::{DeformPsRoiPool, DeformPsRoiPoolInputs, DeformPsRoiPoolPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, rois: Tensor, offset: Tensor) -> pliant::Result<()> {
        /// let op = DeformPsRoiPool { output_dim: 8, group_size: 7, pooled_size: 7, ..DeformPsRoiPool::default() };
        /// let inputs = DeformPsRoiPoolInputs { input: &input, rois: &rois, offset: Some(&offset) };
        /// let plan = DeformPsRoiPoolPlan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        DeformPsRoiPool => DeformPsRoiPoolPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, height, width) |
        /// | `rois` | (rois, 5): image, x1, y1, x2, y2 |
        /// | `offset` | (rois, 2, pooled_height, pooled_width), or absent |
        /// | output | (rois, channels, pooled_height, pooled_width) |
        ///
        /// ```no_run
        /// use pliant::{DeformRoiPool, DeformRoiPoolInputs, DeformRoiPoolPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, rois: Tensor, offset: Tensor) -> pliant::Result<()> {
        /// let op = DeformRoiPool { pooled: [7, 7], spatial_scale: 0.0625, ..DeformRoiPool::default() };
        /// let inputs = DeformRoiPoolInputs { input: &input, rois: &rois, offset: Some(&offset) };
        /// let plan = DeformRoiPoolPlan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        DeformRoiPool => DeformRoiPoolPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `data` | any |
        /// | `indices`, integers | any |
        /// | output | that of `data`, with the shape of `indices` in place of the axis |
        ///
        /// ```no_run
        /// use pliant::{Gather, GatherPlan, GatherInputs, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, data: Tensor, indices: Tensor) -> pliant::Result<()> {
        /// let inputs = GatherInputs { data: &data, indices: &indices };
        /// let plan = GatherPlan::new(gpu, &Gather { axis: 1 }, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Gather => GatherPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `data` | any |
        /// | `indices`, integers | no longer than `data` along any axis but that of the op |
        /// | output | that of `indices` |
        ///
        /// ```no_run
        /// use pliant::{GatherElements, GatherElementsPlan, GatherInputs, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, data: Tensor, indices: Tensor) -> pliant::Result<()> {
        /// let inputs = GatherInputs { data: &data, indices: &indices };
        /// let plan = GatherElementsPlan::new(gpu, &GatherElements { axis: 1 }, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        GatherElements => GatherElementsPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `data` | (batch axes, indexed axes, ...) |
        /// | `indices`, integers | (batch axes, ..., parts): a part for each indexed axis |
        /// | output | (batch axes, ... of the indices, ... of the data) |
        ///
        /// ```no_run
        /// use pliant::{GatherNd, GatherNdPlan, GatherInputs, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, data: Tensor, indices: Tensor) -> pliant::Result<()> {
        /// let inputs = GatherInputs { data: &data, indices: &indices };
        /// let plan = GatherNdPlan::new(gpu, &GatherNd { batch: 1 }, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        GatherNd => GatherNdPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, height, width) |
        /// | output | (batch, channels, 1, 1) |
        ///
        /// ```no_run
        /// use pliant::{GlobalAveragePool, GlobalAveragePoolPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let plan = GlobalAveragePoolPlan::new(gpu, &GlobalAveragePool, &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &input)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        GlobalAveragePool => GlobalAveragePoolPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, height, width) |
        /// | `grid` | (batch, out_height, out_width, 2): x, then y, of each sample |
        /// | output | (batch, channels, out_height, out_width) |
        ///
        /// ```no_run
        /// use pliant::{Gpu, GridSample, GridSampleInputs, GridSamplePlan, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, grid: Tensor) -> pliant::Result<()> {
        /// let inputs = GridSampleInputs { input: &input, grid: &grid };
        /// let plan = GridSamplePlan::new(gpu, &GridSample::default(), &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        GridSample => GridSamplePlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, ...) |
        /// | `scale`, `shift` | (channels) |
        /// | output | that of `input` |
        ///
        /// ```no_run
        /// use pliant::{Gpu, GroupNorm, GroupNormInputs, GroupNormPlan, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, scale: Tensor, shift: Tensor) -> pliant::Result<()> {
        /// let inputs = GroupNormInputs { input: &input, scale: &scale, shift: &shift };
        /// let plan = GroupNormPlan::new(gpu, &GroupNorm { groups: 32, epsilon: 1e-5 }, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        GroupNorm => GroupNormPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | any |
        /// | `scale`, `shift` | the extents of the axes that are normalised, the last ones; or absent |
        /// | output | that of `input` |
        ///
        /// ```no_run
        /// use pliant::{Gpu, LayerNorm, LayerNormInputs, LayerNormPlan, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, scale: Tensor, shift: Tensor) -> pliant::Result<()> {
        /// let inputs = LayerNormInputs { input: &input, scale: Some(&scale), shift: Some(&shift) };
        /// let plan = LayerNormPlan::new(gpu, &LayerNorm::default(), &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        LayerNorm => LayerNormPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `a` | (batch, rows, depth), or (batch, depth, rows) with `transpose_a` |
        /// | `b` | (batch, depth, columns), or (batch, columns, depth) with `transpose_b` |
        /// | output | (batch, rows, columns) |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Matmul, MatmulInputs, MatmulPlan, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, a: Tensor, b: Tensor) -> pliant::Result<()> {
        /// let inputs = MatmulInputs { a: &a, b: &b, bias: None };
        /// let plan = MatmulPlan::new(gpu, &Matmul::default(), &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Matmul => MatmulPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `value` | (batch, pixels of all levels, heads, channels) |
        /// | `locations` | (batch, queries, heads, points of all levels, 2), x in front of y, or (batch, queries, heads, levels, points, 2) |
        /// | `weights` | the same without the 2 |
        /// | `padding_mask` | (batch, pixels of all levels), or absent |
        /// | output | (batch, queries, heads · channels) |
        ///
        /// ```no_run
        /// use pliant::{Gpu, MultiScaleDeformAttn, MultiScaleDeformAttnInputs, MultiScaleDeformAttnPlan, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, value: Tensor, locations: Tensor, weights: Tensor) -> pliant::Result<()> {
        /// let op = MultiScaleDeformAttn::new([[80, 80], [40, 40], [20, 20]], 4);
        /// let inputs = MultiScaleDeformAttnInputs { value: &value, locations: &locations, weights: &weights, padding_mask: None };
        /// let plan = MultiScaleDeformAttnPlan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        MultiScaleDeformAttn => MultiScaleDeformAttnPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, ...), with one to three more axes |
        /// | `output` | (batch, channels, ...), with other extents along these |
        /// | `indices` | that of `output`, or absent |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Pool, PoolAxis, PoolPlan, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let window = PoolAxis { kernel: 3, stride: 2, padding: [1, 1], ..PoolAxis::default() };
        /// let op = Pool { axes: vec![window; 2], ..Pool::default() };
        /// let plan = PoolPlan::new(gpu, &op, &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &input)?.output;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Pool => PoolPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | any |
        /// | output | that of `input` without the axes, or with extent 1 along them |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Recorder, Reduce, ReduceFunction, ReducePlan, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let op = Reduce { function: ReduceFunction::Mean, axes: [2, 3].into(), keep: true };
        /// let plan = ReducePlan::new(gpu, &op, &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &input)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Reduce => ReducePlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | any |
        /// | output | the same, with other extents along the axes |
        ///
        /// ```no_run
        /// use pliant::{AspectRatio, Gpu, Recorder, Resize, ResizePlan, ResizeTo, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let to = ResizeTo::Sizes(vec![480, 640], AspectRatio::Stretch);
        /// let op = Resize { axes: vec![2, 3], to, ..Resize::default() };
        /// let plan = ResizePlan::new(gpu, &op, &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &input)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Resize => ResizePlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, height, width) |
        /// | `rois` | (rois, 5): image, x1, y1, x2, y2 |
        /// | output | (rois, channels, pooled_height, pooled_width); fewer channels by [`RoiChannels`](crate::RoiChannels) |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Recorder, RoiAlign, RoiAlignInputs, RoiAlignPlan, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, rois: Tensor) -> pliant::Result<()> {
        /// let op = RoiAlign { pooled: [7, 7], spatial_scale: 0.0625, ..RoiAlign::default() };
        /// let inputs = RoiAlignInputs { input: &input, rois: &rois };
        /// let plan = RoiAlignPlan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        RoiAlign => RoiAlignPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | any |
        /// | output | that of `input` |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Recorder, Softmax, SoftmaxPlan, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let plan = SoftmaxPlan::new(gpu, &Softmax { axis: 1, log: false }, &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &input)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Softmax => SoftmaxPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | any |
        /// | each output | that of `input`, with its size along the axis |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Recorder, Split, SplitPlan, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let op = Split { axis: 1, sizes: vec![18, 9] };
        /// let plan = SplitPlan::new(gpu, &op, &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let outputs = plan.forward(&mut recorder, &input)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Split => SplitPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | any |
        /// | output | its elements, moved: by the copy |
        ///
        /// Integers are taken too.
        ///
        /// ```no_run
        /// use pliant::{Gpu, Recorder, StridedCopy, StridedCopyPlan, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let plan = StridedCopyPlan::new(gpu, &StridedCopy::transpose(&[0, 2, 1]), &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &input)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        StridedCopy => StridedCopyPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | any |
        /// | output | that of `input` |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Recorder, Tensor, Unary, UnaryPlan};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor) -> pliant::Result<()> {
        /// let plan = UnaryPlan::new(gpu, &Unary::Relu, &input)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &input)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Unary => UnaryPlan,
        /// | argument | shape |
        /// | --- | --- |
        /// | `input` | (batch, channels, height, width) |
        /// | `weight` | (channels, out_channels / groups, kernel_height, kernel_width) |
        /// | `bias` | (out_channels), or absent |
        /// | output | (batch, out_channels, out_height, out_width) |
        ///
        /// ```no_run
        /// use pliant::{ConvTranspose2d, ConvTranspose2dInputs, ConvTranspose2dPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, input: Tensor, weight: Tensor, bias: Tensor) -> pliant::Result<()> {
        /// let op = ConvTranspose2d { stride: [2, 2], ..ConvTranspose2d::default() };
        /// let inputs = ConvTranspose2dInputs { input: &input, weight: &weight, bias: Some(&bias) };
        /// let plan = ConvTranspose2dPlan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// let output = plan.forward(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        ConvTranspose2d => ConvTranspose2dPlan;
    steps:
        /// A step has no output: it updates the first three arguments in place.
        ///
        /// | argument | shape |
        /// | --- | --- |
        /// | `parameter`, `mean`, `variance` | any, the same for all |
        /// | `gradient` | that of `parameter` |
        /// | `rates` | (3): [`Adam::rates`] of the step |
        ///
        /// ```no_run
        /// use pliant::{Adam, AdamInputs, AdamPlan, Gpu, Recorder, Tensor};
        ///
        /// # fn example(gpu: &Gpu, parameter: Tensor, mean: Tensor, variance: Tensor, gradient: Tensor) -> pliant::Result<()> {
        /// let op = Adam::default();
        /// let rates = Tensor::upload(gpu, [3], &op.rates(0, 1e-3))?;
        /// let inputs = AdamInputs { parameter: &parameter, mean: &mean, variance: &variance, gradient: &gradient, rates: &rates };
        /// let plan = AdamPlan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// plan.step(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Adam => AdamPlan,
        /// A step has no output: it updates the first two arguments in place.
        ///
        /// | argument | shape |
        /// | --- | --- |
        /// | `parameter`, `velocity` | any, the same for both |
        /// | `gradient` | that of `parameter` |
        /// | `learning_rate` | (1) |
        ///
        /// ```no_run
        /// use pliant::{Gpu, Recorder, Sgd, SgdInputs, SgdPlan, Tensor};
        ///
        /// # fn example(gpu: &Gpu, parameter: Tensor, velocity: Tensor, gradient: Tensor) -> pliant::Result<()> {
        /// let op = Sgd { momentum: 0.9, ..Sgd::default() };
        /// let learning_rate = Tensor::upload(gpu, [1], &[0.1f32])?;
        /// let inputs =
        ///     SgdInputs { parameter: &parameter, velocity: &velocity, gradient: &gradient, learning_rate: &learning_rate };
        /// let plan = SgdPlan::new(gpu, &op, &inputs)?;
        /// let mut recorder = Recorder::new(gpu);
        /// plan.step(&mut recorder, &inputs)?;
        /// recorder.submit()?;
        /// # Ok(())
        /// # }
        /// ```
        Sgd => SgdPlan;
}
