use crate::gpu::{Binding, File, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::layout::ReadFrom;
use crate::kernels::points::placement::{Lanes, Placement, PointBindings, Points, Value, Weighted, files};
use crate::kernels::{kernel, params};

kernel!("point_sums_direct", 64, Params, |((weighted, value), block): ((Weighted, ReadFrom), Block)| [
    &files(Placement::Weighted(weighted)),
    &Value::from(value).files(),
    block.files(),
    wgsl!["points/point_sums_direct.wgsl"],
]);

params!(
    points: Points,
    lanes,
    point_first,
    round,
    accumulate,
    value_image,
    value_pixel,
    value_first,
    output_image,
    output_query,
    output_first,
);

impl From<ReadFrom> for Value {
    fn from(value: ReadFrom) -> Self {
        match value {
            ReadFrom::Buffer => Self::Buffer(Lanes::Four),
            ReadFrom::Texture => Self::Texture,
        }
    }
}

/// Quads of channels that an invocation does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    One,
    Four,
}

axis!(Block { One: "1", Four: "4" });

impl Block {
    /// The larger one where it divides the quads of a head.
    pub(crate) fn of(quads: u32) -> Self {
        if quads.is_multiple_of(Self::Four.quads()) { Self::Four } else { Self::One }
    }

    fn quads(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Four => 4,
        }
    }

    fn files(self) -> &'static [File] {
        match self {
            Self::One => wgsl!["points/parts/block_1.wgsl"],
            Self::Four => wgsl!["points/parts/block_4.wgsl"],
        }
    }
}

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(self.round)
    }
}

pub(crate) fn point_sums_direct(
    recorder: &mut Recorder,
    of: (Weighted, ReadFrom),
    params: Params,
    own: [&Binding; 2],
    points: &PointBindings,
) -> Fit {
    let Points { images, queries, heads, .. } = params.points;
    let block = Block::of(params.lanes);
    let blocks = u64::from(images) * u64::from(queries) * u64::from(heads) * u64::from(params.lanes / block.quads());
    let elements = blocks * u64::from(block.quads() * 4) * u64::from(params.round);
    recorder.dispatch::<Kernel>((of, block), &params, &points.behind(&own), blocks, elements)
}
