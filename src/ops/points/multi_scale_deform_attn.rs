use std::borrow::Cow;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{
    AttentionSampling, MultiScaleDeformAttn, MultiScaleDeformAttnGeometry, MultiScaleDeformAttnGradients,
    MultiScaleDeformAttnInputs,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::movement::unmasked_rows::{self, Params, unmasked_rows};
use crate::kernels::points::placement::Weighted;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, in_pieces};
use crate::ops::points::sampling::{Extents, PointInputs, PointSampling};

impl Kernels for MultiScaleDeformAttn {
    type Compiled = PointSampling;

    fn compile(
        gpu: &Gpu,
        geometry: &MultiScaleDeformAttnGeometry,
        inputs: &MultiScaleDeformAttnInputs<TensorSpec>,
    ) -> Result<PointSampling> {
        if inputs.padding_mask.is_some() {
            gpu.compile::<unmasked_rows::Kernel>(())?;
        }
        let &MultiScaleDeformAttnGeometry { ref op, batch, queries, heads, channels, .. } = geometry;
        let kernel = match op.sampling {
            AttentionSampling::Bilinear => Weighted::Attention,
            AttentionSampling::Discrete => Weighted::Discrete,
        };
        let levels = op.levels.iter().map(|level| (level.height, level.width, level.points));
        let extents = Extents { images: batch, queries, heads, channels };
        PointSampling::in_levels(gpu, kernel, extents, levels, op.edge_derivative)
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &MultiScaleDeformAttnInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let inputs = inputs.try_map(|input| input.tensor())?;
        let value = unmasked(plan, recorder, &inputs)?;
        let points = PointInputs { positions: inputs.locations, weights: Some(inputs.weights) };
        plan.compiled().sums(recorder, &value, &points, output)
    }

    fn smallest() -> (Self, MultiScaleDeformAttnInputs<TensorSpec>) {
        let shapes = MultiScaleDeformAttnInputs {
            value: [1; 4].into(),
            locations: [1, 1, 1, 1, 2].into(),
            weights: [1; 4].into(),
            padding_mask: Some([1; 2].into()),
        };
        (Self::new([[1; 2]], 1), shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 }))
    }
}

/// The vector-Jacobian products of value, locations and weights. At whole numbers the derivative of a sample is the right-hand one; at exactly -1,
/// [`EdgeDerivative`](crate::EdgeDerivative) says. A sample whose location is not finite has none, and gives none.
impl Differentiable for MultiScaleDeformAttn {
    type Gradients = MultiScaleDeformAttnGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &MultiScaleDeformAttnInputs<Argument>,
        grad_output: &Tensor,
        destinations: &MultiScaleDeformAttnGradients<Destination>,
    ) -> Result<()> {
        let wide = inputs.try_map(|input| input.wide(recorder))?;
        let inputs = wide.as_ref();
        let value = unmasked(plan, recorder, &inputs)?;
        let points = PointInputs { positions: inputs.locations, weights: Some(inputs.weights) };
        let sampling = plan.compiled();
        let of_points = [destinations.locations, destinations.weights];
        let (Some(destination), Some(mask)) = (destinations.value, inputs.padding_mask) else {
            return sampling.gradients(recorder, (&value, &points), grad_output, of_points, destinations.value);
        };
        let all = recorder.workspace(destination.tensor().shape())?;
        let of_value = Some(Destination::Write(&all));
        sampling.gradients(recorder, (&value, &points), grad_output, of_points, of_value)?;
        copy_unmasked(plan, recorder, mask, &all, destination)
    }
}

/// The value, with zeros where the padding mask has it.
fn unmasked<'a>(
    plan: &Plan<MultiScaleDeformAttn>,
    recorder: &mut Recorder,
    inputs: &MultiScaleDeformAttnInputs<&'a Tensor>,
) -> Result<Cow<'a, Tensor>> {
    let Some(mask) = inputs.padding_mask else { return Ok(Cow::Borrowed(inputs.value)) };
    let unmasked = recorder.workspace(inputs.value.shape())?;
    copy_unmasked(plan, recorder, mask, inputs.value, Destination::Write(&unmasked))?;
    Ok(Cow::Owned(unmasked))
}

fn copy_unmasked(
    plan: &Plan<MultiScaleDeformAttn>,
    recorder: &mut Recorder,
    mask: &Tensor,
    from: &Tensor,
    to: Destination,
) -> Result<()> {
    let &MultiScaleDeformAttnGeometry { batch, pixels, heads, channels, .. } = plan.geometry();
    let (whole, columns) = (0..batch * pixels, heads * channels);
    in_pieces([whole], &mut |[rows]| {
        let of_rows = u64::from(rows.start)..u64::from(rows.end);
        let elements = of_rows.start * u64::from(columns)..of_rows.end * u64::from(columns);
        recorder.gpu().capabilities().check_elements("value", elements.end - elements.start)?;
        let bindings = [
            &mask.binding("padding_mask", of_rows)?,
            &from.binding("value", elements.clone())?,
            &to.tensor().binding("value", elements)?,
        ];
        let rows = rows.end - rows.start;
        unmasked_rows(
            recorder,
            Params { rows, columns, accumulate: to.accumulates().into(), ..Default::default() },
            bindings,
        )
    })
}
