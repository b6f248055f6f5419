use crate::geometry::SampleMode;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::points::grid_position::{GridRule, Images, files};
use crate::kernels::{kernel, params};

kernel!("grid_gradient", 64, Params, |(interpolation, images): (Interpolation, Images)| [
    &files(interpolation.mode(), images),
    match images {
        Images::Planes | Images::Quads => wgsl!["points/gradients/outputs_buffer.wgsl"],
        Images::Texels => wgsl!["points/gradients/outputs_texture.wgsl"],
    },
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
    /// The mode as one in which a sample depends on its position, where it does.
    pub(crate) fn of(mode: SampleMode) -> Option<Self> {
        match mode {
            SampleMode::Bilinear => Some(Self::Bilinear),
            SampleMode::Bicubic => Some(Self::Bicubic),
            SampleMode::Nearest => None,
        }
    }

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
    lanes,
    out_pixels,
    pixels,
    accumulate,
    input_image,
    input_pixel,
    input_lane,
    output_image,
    output_pixel,
    output_lane,
    input_first,
    grid_first,
    grad_output_first,
    grad_grid_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.lanes)
    }
}

/// Bindings are the input, the gradient of the output, the grid and its gradient. The gradient of no channels is 0.
pub(crate) fn grid_gradient(
    recorder: &mut Recorder,
    axes @ (_, images): (Interpolation, Images),
    params: Params,
    bindings: [&Binding; 4],
) -> Fit {
    let [input, grad_output, grid, grad_grid] = bindings;
    let lanes = images.lanes().elements();
    let params = Params {
        input_first: input.first / lanes,
        grid_first: grid.first,
        grad_output_first: grad_output.first / lanes,
        grad_grid_first: grad_grid.first,
        ..params
    };
    let invocations = u64::from(params.images) * u64::from(params.pixels);
    let elements = invocations * u64::from((params.lanes * lanes).max(1));
    recorder.dispatch::<Kernel>(axes, &params, &bindings, invocations, elements)
}
