use crate::gpu::{Binding, Fit, Loops, Recorder, wgsl};
use crate::kernels::points::placement::{Placement, PointBindings, Points, files};
use crate::kernels::{kernel, params};

kernel!("point_shares", 64, Params, |placement: Placement| [
    &files(placement),
    match placement {
        Placement::Weighted(_) => wgsl!["points/parts/weighted_2.wgsl"],
        Placement::Grid(_) => &[],
    },
    wgsl!["points/parts/shares.wgsl", "points/parts/shares_of.wgsl", "points/point_shares.wgsl"],
]);

params!(points: Points);

impl Loops for Params {}

/// Words of what a point is part of: `Shares` in points/parts/shares.wgsl.
pub(crate) const SHARE_WORDS: u32 = 8;

pub(crate) fn point_shares(
    recorder: &mut Recorder,
    placement: Placement,
    points: Points,
    shares: &Binding,
    bindings: &PointBindings,
) -> Fit {
    let invocations = points.all();
    let elements = u64::from(SHARE_WORDS) * invocations;
    recorder.dispatch::<Kernel>(placement, &Params { points }, &bindings.behind(&[shares]), invocations, elements)
}
