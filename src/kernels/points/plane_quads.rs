use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::{kernel, params};

kernel!("plane_quads", 64, Params, |direction: Direction| [
    wgsl!["shared/grid.wgsl"],
    match direction {
        Direction::ToQuads => wgsl!["points/grid/planes_to_quads.wgsl"],
        Direction::ToPlanes => wgsl!["points/grid/quads_to_planes.wgsl"],
    },
    wgsl!["points/plane_quads.wgsl"],
]);

/// Which of the two is made of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    ToQuads,
    ToPlanes,
}

axis!(Direction { ToQuads: "to_quads", ToPlanes: "to_planes" });

params!(images, quads, run_quads, runs, fours, accumulate, planes_first, quads_first);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.run_quads)
    }
}

/// Quads of four pixels that an invocation does at most: they fill a line of a cache. More would go to planes whose lines drive each other from it.
const RUN: u32 = 4;

/// Bindings are the planes and the quads, each of so many images, channels and pixels, and of multiples of four.
pub(crate) fn plane_quads(
    recorder: &mut Recorder,
    direction: Direction,
    [images, channels, pixels]: [u32; 3],
    accumulate: bool,
    bindings: [&Binding; 2],
) -> Fit {
    let quads = channels / 4;
    let run_quads = RUN.min(quads);
    let params = Params {
        images,
        quads,
        run_quads,
        runs: quads.div_ceil(run_quads),
        fours: pixels / 4,
        accumulate: accumulate.into(),
        planes_first: bindings[0].first / 4,
        quads_first: bindings[1].first / 4,
    };
    let invocations = u64::from(images) * u64::from(params.runs) * u64::from(params.fours);
    let elements = u64::from(images) * u64::from(channels) * u64::from(pixels);
    recorder.dispatch::<Kernel>(direction, &params, &bindings, invocations, elements)
}
