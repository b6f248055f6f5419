use crate::gpu::{Binding, Fit, Loops, Recorder, wgsl};
use crate::kernels::movement::strided_copy::Word;
use crate::kernels::{kernel, params};

kernel!("copy_tiles", 64, Params, |word: Word| [
    wgsl!["shared/grid.wgsl"],
    word.files(),
    wgsl!["movement/parts/tile.wgsl"],
    match word {
        Word::One => wgsl!["movement/parts/tile_1.wgsl"],
        Word::Four => wgsl!["movement/parts/tile_4.wgsl"],
    },
    wgsl!["movement/copy_tiles.wgsl"],
]);

params!(
    /// An axis of a copy by tiles, and the tiles along it: shaders/movement/parts/tile.wgsl.
    struct TileAxis {
        extent,
        tiles,
        source_stride,
        output_stride,
    }
);

params!(
    outer_0: TileAxis,
    outer_1: TileAxis,
    outer_2: TileAxis,
    outer_3: TileAxis,
    along: TileAxis,
    across: TileAxis,
    source_first,
    output_first,
);

/// The extent of a tile along its two axes.
pub(crate) const TILE: u32 = 32;

impl Loops for Params {}

/// Records a copy, whose strides and `first` are counted in `word`s; `first` is where the output begins in the source, from the binding's first
/// word on.
pub(crate) fn copy_tiles(
    recorder: &mut Recorder,
    word: Word,
    outer: [TileAxis; 4],
    [along, across]: [TileAxis; 2],
    first: u32,
    [source, output]: [&Binding; 2],
) -> Fit {
    let [outer_0, outer_1, outer_2, outer_3] = outer;
    let params = Params {
        outer_0,
        outer_1,
        outer_2,
        outer_3,
        along,
        across,
        source_first: (source.first / word.words()).wrapping_add(first),
        output_first: output.first / word.words(),
    };
    let all = || outer.into_iter().chain([along, across]);
    let tiles: u64 = all().map(|axis| u64::from(axis.tiles)).product();
    let elements = all().map(|axis| u64::from(axis.extent)).product();
    recorder.dispatch::<Kernel>(word, &params, &[source, output], 64 * tiles, elements)
}
