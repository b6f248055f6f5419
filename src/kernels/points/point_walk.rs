use crate::error::Result;
use crate::gpu::{Axis as _, Binding, Fit, Gpu, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::layout::ReadFrom;
use crate::kernels::points::placement::Lanes;
use crate::kernels::{kernel, params};

kernel!("point_walk", 8, Params, |(walked, shares): (Walked, ReadFrom)| [
    wgsl!["shared/grid.wgsl", "points/parts/shares.wgsl"],
    walked.lanes().files(),
    wgsl!["shared/panels/layout.wgsl"],
    match shares {
        ReadFrom::Buffer => wgsl!["points/gradients/shares_buffer.wgsl"],
        ReadFrom::Texture => wgsl!["points/gradients/shares_texture.wgsl"],
    },
    match walked {
        Walked::One | Walked::Four => wgsl!["points/gradients/outputs_buffer.wgsl"],
        Walked::Quads => wgsl!["points/gradients/heads_texture.wgsl"],
        Walked::Planes => wgsl!["points/gradients/walked_planes.wgsl"],
    },
    wgsl!["points/point_walk.wgsl"],
]);

params!(
    images,
    queries,
    heads,
    points,
    lanes,
    value_image,
    value_pixel,
    value_lane,
    value_first,
    output_image,
    output_query,
    output_lane,
    output_first,
    output_plane,
);

/// How the gradient of the output is read: lanes in a buffer, or four in a texture of quads or of planes in one of elements, where
/// shares are in a texture too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walked {
    One,
    Four,
    Quads,
    Planes,
}

axis!(Walked { One: "1", Four: "4", Quads: "quads", Planes: "planes" });

impl From<Lanes> for Walked {
    fn from(lanes: Lanes) -> Self {
        match lanes {
            Lanes::One => Self::One,
            Lanes::Four => Self::Four,
        }
    }
}

impl Walked {
    fn lanes(self) -> Lanes {
        match self {
            Self::One => Lanes::One,
            Self::Four | Self::Quads | Self::Planes => Lanes::Four,
        }
    }
}

/// Compiles what the device may need.
pub(crate) fn compile_all(gpu: &Gpu) -> Result<()> {
    let textures = gpu.capabilities().textures();
    let all = Walked::all().into_iter().filter(|walked| textures || matches!(walked, Walked::One | Walked::Four));
    all.into_iter().try_for_each(|walked| gpu.compile::<Kernel>((walked, ReadFrom::fast(gpu))))
}

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(u64::from(self.queries) * u64::from(self.points))
    }
}

/// Bindings are the gradient of the value, that of the output, and the shares of points.
pub(crate) fn point_walk(
    recorder: &mut Recorder,
    axes @ (walked, _): (Walked, ReadFrom),
    params: Params,
    bindings: [&Binding; 3],
) -> Fit {
    let invocations = u64::from(params.images) * u64::from(params.heads) * u64::from(params.lanes);
    let points = u64::from(params.queries) * u64::from(params.points);
    let elements = 4 * points * invocations * u64::from(walked.lanes().elements());
    recorder.dispatch::<Kernel>(axes, &params, &bindings, invocations, elements)
}
