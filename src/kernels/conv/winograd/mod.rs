//! The kernels of Winograd's convolution: shaders/conv/winograd.

use crate::kernels::params;

pub(crate) mod winograd_input;
pub(crate) mod winograd_output;
pub(crate) mod winograd_weight;

/// The elements of an input tile, which is 6 x 6 pixels of a channel.
pub(crate) const ELEMENTS: u32 = 36;

/// Rows and columns of an output tile.
pub(crate) const TILE: u32 = 4;

/// Tiles that follow one another in invocations: TILES_TOGETHER.
const TILES_TOGETHER: u32 = 8;

params!(
    /// Which tiles of which planes a dispatch does: shaders/conv/winograd/grid.wgsl.
    struct TileGrid {
        tile_first,
        tiles,
        strip_first,
        strip_tiles,
        image_tiles,
        row_tiles,
        height,
        width,
        out_height,
        out_width,
        padding_top,
        padding_left,
        groups,
        group_channels,
        group_quads,
        quad_first,
        quads,
        input_first,
        input_image,
        input_plane,
    }
);

impl TileGrid {
    fn invocations(&self) -> u64 {
        u64::from(self.tiles.next_multiple_of(TILES_TOGETHER)) * u64::from(self.quads)
    }

    /// Elements of tiles that a dispatch makes or reads; what is done over, pixel by pixel, is not counted.
    pub(crate) fn elements(&self) -> u64 {
        4 * u64::from(ELEMENTS) * self.invocations()
    }
}
