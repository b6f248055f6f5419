//! The kernels of Winograd's convolution: shaders/conv/winograd.

pub(crate) mod winograd_input;
pub(crate) mod winograd_output;
pub(crate) mod winograd_weight;

/// The elements of an input tile, which is 6 x 6 pixels of a channel.
pub(crate) const ELEMENTS: u32 = 36;

/// Rows and columns of an output tile.
pub(crate) const TILE: u32 = 4;

/// Tiles that follow one another in invocations: TILES_TOGETHER.
const TILES_TOGETHER: u32 = 8;

/// The invocations that do so many quads of some tiles.
fn invocations(tiles: u32, quads: u32) -> u64 {
    u64::from(tiles.next_multiple_of(TILES_TOGETHER)) * u64::from(quads)
}
