use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::points::placement::{Placement, PointBindings, Points, Value, Weighted, files};
use crate::kernels::{kernel, params};

kernel!("point_gradients", 64, Params, |((weighted, value), gradients): ((Weighted, Value), Gradients)| [
    &files(Placement::Weighted(weighted)),
    &value.files(),
    match value {
        Value::Buffer(_) => wgsl!["points/gradients/outputs_buffer.wgsl"],
        Value::Texture => wgsl!["points/gradients/heads_texture.wgsl"],
    },
    match gradients {
        Gradients::Kept => wgsl!["points/gradients/kept.wgsl", "points/gradients/unshared.wgsl"],
        Gradients::Given => wgsl!["points/gradients/given.wgsl", "points/gradients/unshared.wgsl"],
        Gradients::Shared => {
            wgsl![
                "points/gradients/given.wgsl",
                "points/parts/shares.wgsl",
                "points/parts/shares_of.wgsl",
                "points/gradients/shared.wgsl"
            ]
        }
    },
    wgsl!["shared/gradient_terms.wgsl", "points/point_gradients.wgsl"],
]);

params!(
    points: Points,
    lanes,
    head_lanes,
    accumulate,
    last,
    edge_zero,
    value_image,
    value_pixel,
    value_first,
    output_image,
    output_query,
    output_first,
    grad_positions_first,
    grad_weights_first,
    positions_add,
    weights_add,
    parts,
    each,
);

/// Where gradients of points go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gradients {
    /// Into workspace, for the sums of several dispatches.
    Kept,
    /// To where their tensors want them.
    Given,
    /// There too, with the shares of points beside them.
    Shared,
}

axis!(Gradients { Kept: "kept", Given: "", Shared: "shared" });

/// Bindings of gradients: where they are kept, or those of positions and of weights, and of shares where they are wanted.
pub(crate) enum GradientBindings<'a> {
    Kept(Binding),
    Given([Binding; 2], Option<&'a Binding>),
}

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::each(self.each, Iterations::of(self.lanes))
    }
}

pub(crate) fn point_gradients(
    recorder: &mut Recorder,
    axes @ (_, value): (Weighted, Value),
    params: Params,
    [values, grad_output]: [&Binding; 2],
    gradients: &GradientBindings<'_>,
    points: &PointBindings,
) -> Fit {
    let params = Params { parts: params.points.points / params.each, ..params };
    let invocations = params.points.all() / u64::from(params.each);
    let elements = params.points.all() * u64::from(params.lanes * value.lanes().elements());
    match gradients {
        GradientBindings::Kept(each) => {
            let bindings = points.behind(&[values, grad_output, each]);
            recorder.dispatch::<Kernel>((axes, Gradients::Kept), &params, &bindings, invocations, elements)
        }
        GradientBindings::Given([positions, weights], shares) => {
            let params = Params { grad_positions_first: positions.first, grad_weights_first: weights.first, ..params };
            let mut bindings = points.behind(&[values, grad_output, positions]);
            bindings.push(weights);
            bindings.extend(*shares);
            let into = if shares.is_some() { Gradients::Shared } else { Gradients::Given };
            recorder.dispatch::<Kernel>((axes, into), &params, &bindings, invocations, elements)
        }
    }
}
