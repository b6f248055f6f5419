use crate::geometry::PadMode;
use crate::gpu::{Binding, File, Fit, Loops, Recorder, axis, wgsl};
use crate::kernels::{kernel, params};

kernel!("strided_copy", 64, Params, |(places, word): (Places, Word)| [
    wgsl!["shared/grid.wgsl", "movement/parts/copy_axis.wgsl"],
    match places {
        Places::Inside => wgsl!["movement/parts/place_inside.wgsl"],
        Places::Outside => wgsl!["movement/parts/place_outside.wgsl"],
    },
    word.files(),
    wgsl!["movement/strided_copy.wgsl"],
]);

params!(
    /// An axis of the output of a copy: shaders/movement/parts/copy_axis.wgsl.
    struct CopyAxis {
        extent,
        stride,
        first,
        source_extent,
    }
);

params!(
    axis_0: CopyAxis,
    axis_1: CopyAxis,
    axis_2: CopyAxis,
    axis_3: CopyAxis,
    axis_4: CopyAxis,
    axis_5: CopyAxis,
    outside_0,
    outside_1,
    outside_2,
    outside_3,
    outside_4,
    outside_5,
    rows,
    parts,
    source_first,
    output_first,
    constant,
);

/// Whether axes of a copy leave its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Places {
    Inside,
    Outside,
}

axis!(Places { Inside: "inside", Outside: "outside" });

/// How many words are moved at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    One,
    Four,
}

axis!(Word { One: "1", Four: "4" });

impl Word {
    pub(crate) fn files(self) -> &'static [File] {
        match self {
            Self::One => wgsl!["movement/parts/word.wgsl"],
            Self::Four => wgsl!["movement/parts/four_words.wgsl"],
        }
    }

    pub(crate) fn words(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Four => 4,
        }
    }
}

impl Loops for Params {}

/// Number of the rule for what is outside an axis of the source, as the shader knows it: shaders/movement/parts/place_outside.wgsl.
pub(crate) fn outside(mode: Option<PadMode>) -> u32 {
    match mode {
        None => 0,
        Some(PadMode::Constant(_)) => 1,
        Some(PadMode::Edge) => 2,
        Some(PadMode::Reflect) => 3,
        Some(PadMode::Wrap) => 4,
    }
}

/// Records a copy into as many elements as the axes have. Extents along the last axis, strides along the others and the first elements are
/// counted in `word`s; `first` is where the output begins in the source, from the binding's first word on.
pub(crate) fn strided_copy(
    recorder: &mut Recorder,
    (places, word): (Places, Word),
    axes: [CopyAxis; 6],
    outside: [u32; 6],
    (first, constant): (u32, u32),
    [source, output]: [&Binding; 2],
) -> Fit {
    let rows: u32 = axes[..5].iter().map(|axis| axis.extent).product();
    let parts = axes[5].extent.div_ceil(4);
    let [axis_0, axis_1, axis_2, axis_3, axis_4, axis_5] = axes;
    let [outside_0, outside_1, outside_2, outside_3, outside_4, outside_5] = outside;
    let params = Params {
        axis_0,
        axis_1,
        axis_2,
        axis_3,
        axis_4,
        axis_5,
        outside_0,
        outside_1,
        outside_2,
        outside_3,
        outside_4,
        outside_5,
        rows,
        parts,
        source_first: (source.first / word.words()).wrapping_add(first),
        output_first: output.first / word.words(),
        constant,
    };
    let elements = u64::from(rows) * u64::from(axes[5].extent) * u64::from(word.words());
    recorder.dispatch::<Kernel>(
        (places, word),
        &params,
        &[source, output],
        u64::from(rows) * u64::from(parts),
        elements,
    )
}
