use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{
    BroadcastAxis, GroupNorm, GroupNormGeometry, GroupNormGradients, GroupNormInputs, LayerNorm, LayerNormGradients,
    LayerNormInputs,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::reduce::Rows;
use crate::kernels::reduce::fold::{self, Finish, Fold};
use crate::kernels::reduce::group_norm::{self, EACH, Params, group_norm};
use crate::ops::elementwise::broadcast::gradient;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, in_pieces};
use crate::ops::reduce::folds::Folding;
use crate::shape::MAX_RANK;

const MOMENTS: Folding = Folding { fold: Fold::Moments, operation: 0, finish: Finish::Nothing, scale: 1.0, count: 0 };

impl Kernels for GroupNorm {
    type Compiled = ();

    fn compile(gpu: &Gpu, _: &GroupNormGeometry, _: &GroupNormInputs<TensorSpec>) -> Result<()> {
        gpu.compile::<fold::Kernel>(Fold::Moments)?;
        gpu.compile::<group_norm::Kernel>(())
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &GroupNormInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let GroupNormInputs { input, scale, shift } = inputs.try_map(|input| input.tensor())?;
        let &GroupNormGeometry { epsilon, batch, groups, channels, pixels, .. } = plan.geometry();
        if batch == 0 {
            return Ok(());
        }
        let per_group = channels / groups;
        let statistics = recorder.workspace([batch * groups, 3])?;
        MOMENTS.record_states(recorder, [batch * groups, per_group * pixels, 1], input, &statistics)?;
        let width = Rows::width(pixels, 1, EACH);
        let lanes = 64 / width;
        let chunk = EACH * lanes;
        in_pieces([0..batch * channels, 0..pixels.div_ceil(chunk)], &mut |[planes, chunks]| {
            let (start, last) = (chunks.start * chunk, u64::from(planes.end - 1) * u64::from(pixels));
            let end = (u64::from(chunks.end) * u64::from(chunk)).min(pixels.into());
            let elements = u64::from(planes.start) * u64::from(pixels) + u64::from(start)..last + end;
            let [input, output] =
                [("input", input), ("output", output)].map(|(name, tensor)| tensor.binding(name, elements.clone()));
            let rows = planes.start / per_group..(planes.end - 1) / per_group + 1;
            let statistics = statistics.binding("statistics", 3 * u64::from(rows.start)..3 * u64::from(rows.end))?;
            let [scale, shift] =
                [("scale", scale), ("shift", shift)].map(|(name, tensor)| tensor.binding(name, 0..channels.into()));
            let params = Params {
                planes: planes.end - planes.start,
                pixels: (end - u64::from(start)) as u32,
                chunks: chunks.end - chunks.start,
                width,
                lanes,
                channels,
                per_group,
                first_plane: planes.start,
                first_row: rows.start,
                epsilon,
                ..Default::default()
            };
            let elements = u64::from(params.planes) * u64::from(params.pixels);
            recorder.gpu().capabilities().check_elements("input", elements)?;
            group_norm(recorder, params, [&input?, &statistics, &scale?, &shift?, &output?])
        })
    }

    fn same(&self, other: &Self) -> bool {
        (self.groups, self.epsilon.to_bits()) == (other.groups, other.epsilon.to_bits())
    }

    fn smallest() -> (Self, GroupNormInputs<TensorSpec>) {
        let of_channels = TensorSpec { shape: [1].into(), dtype: DType::F32 };
        let input = TensorSpec { shape: [1; 3].into(), ..of_channels };
        (Self::default(), GroupNormInputs { input, scale: of_channels, shift: of_channels })
    }
}

/// The vector-Jacobian products. A group of an image is a row of a [`LayerNorm`] without scale and shift, and these are those of a channel: the input's
/// is that of the row for `grad_output * scale`, the scale's the sum of `grad_output` times the normalised input, and the shift's that of `grad_output`,
/// over batch and pixels.
impl Differentiable for GroupNorm {
    type Gradients = GroupNormGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &GroupNormInputs<Argument>,
        grad_output: &Tensor,
        destinations: &GroupNormGradients<Destination>,
    ) -> Result<()> {
        let &GroupNormGeometry { epsilon, batch, groups, channels, pixels, .. } = plan.geometry();
        let mut axes = [BroadcastAxis { extent: 1, strides: [0; 2] }; MAX_RANK];
        axes[MAX_RANK - 3] = BroadcastAxis { extent: batch, strides: [channels * pixels, 0] };
        axes[MAX_RANK - 2] = BroadcastAxis { extent: channels, strides: [pixels, 1] };
        axes[MAX_RANK - 1] = BroadcastAxis { extent: pixels, strides: [1, 0] };
        if let Some(shift) = destinations.shift {
            gradient(recorder, &axes, 1, None, grad_output, shift)?;
        }
        if batch == 0 {
            return destinations.scale.map_or(Ok(()), |scale| gradient(recorder, &axes, 1, None, grad_output, scale));
        }
        let shape = [batch * groups, channels / groups * pixels];
        let rows = LayerNormInputs { input: inputs.input.wide(recorder)?.reshaped(shape), scale: None, shift: None };
        let of_rows = Plan::<LayerNorm>::new(recorder.gpu(), &LayerNorm { axes: 1, epsilon }, &rows)?;
        if let Some(scale) = destinations.scale {
            let normal = recorder.workspace(shape)?;
            of_rows.forward_into::<Tensor, Tensor>(recorder, &rows, &normal)?;
            gradient(recorder, &axes, 1, Some(&normal), grad_output, scale)?;
        }
        let Some(input) = destinations.input else { return Ok(()) };
        let (scale, scaled) = (inputs.scale.wide(recorder)?, recorder.workspace(shape)?);
        gradient(recorder, &axes, 0, Some(&scale), grad_output, Destination::Write(&scaled))?;
        let to = input.tensor().reshaped(shape);
        let destinations = LayerNormGradients { input: Some(input.into_tensor(&to)), scale: None, shift: None };
        of_rows.backward_into::<Tensor, Tensor, Destination>(recorder, &rows, &scaled, &destinations)
    }
}
