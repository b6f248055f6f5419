use crate::geometry::SampleMode;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::points::grid_position::{GridRule, files};
use crate::kernels::{kernel, params};

kernel!("grid_gradient", 64, Params, |interpolation: Interpolation| [
    &files(interpolation.mode()),
    match interpolation {
        Interpolation::Bilinear => wgsl!["points/grid/grid_gradient_bilinear.wgsl"],
        Interpolation::Bicubic => wgsl!["points/grid/grid_gradient_bicubic.wgsl"],
    },
    wgsl!["points/grid_gradient.wgsl"],
]);

/// The modes in which a sample depends on its position.
#[derive(Clone, Copy)]
pub(crate) enum Interpolation {
    Bilinear,
    Bicubic,
}

axis!(Interpolation { Bilinear: "bilinear", Bicubic: "bicubic" });

impl Interpolation {
    fn mode(self) -> SampleMode {
        match self {
            Self::Bilinear => SampleMode::Bilinear,
            Self::Bicubic => SampleMode::Bicubic,
        }
    }
}

params!(
    rule: GridRule,
    images,
    channels,
    out_pixels,
    pixels,
    accumulate,
    input_first,
    grid_first,
    grad_output_first,
    grad_grid_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.channels)
    }
}

/// The gradient of no channels is 0.
pub(crate) fn grid_gradient(
    recorder: &mut Recorder,
    interpolation: Interpolation,
    params: Params,
    bindings: [&Binding; 4],
) -> Fit {
    let [input_first, grid_first, grad_output_first, grad_grid_first] = bindings.map(|binding| binding.first);
    let params = Params { input_first, grid_first, grad_output_first, grad_grid_first, ..params };
    let invocations = u64::from(params.images) * u64::from(params.pixels);
    let elements = invocations * u64::from(params.channels.max(1));
    recorder.dispatch::<Kernel>(interpolation, &params, &bindings, invocations, elements)
}
