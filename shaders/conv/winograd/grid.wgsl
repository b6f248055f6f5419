// The tiles that a kernel of conv/winograd/points.wgsl does.
//
// Those of a dispatch are numbered by image, row and column: `tiles` of them from tile_first on, and of each `quads` quads from quad_first
// on. Those of a strip, strip_tiles by all dispatches together, begin at strip_first.

// Which tiles of which planes a kernel does. The struct takes a multiple of 16 bytes, so that a uniform may hold it.
struct TileGrid {
    tile_first: u32,
    tiles: u32,
    strip_first: u32,
    strip_tiles: u32,
    image_tiles: u32,
    row_tiles: u32,
    height: u32,
    width: u32,
    out_height: u32,
    out_width: u32,
    padding_top: u32,
    padding_left: u32,
    groups: u32,
    group_channels: u32,
    group_quads: u32,
    quad_first: u32,
    quads: u32,
    input_first: u32,
    input_image: u32,
    input_plane: u32,
}

// Where a tile lies: its image, and its first output pixel there.
struct Place {
    image: u32,
    y: u32,
    x: u32,
}

fn place_of(tile: u32) -> Place {
    let by_image = divide(tile, params.grid.image_tiles);
    let by_row = divide(by_image.y, params.grid.row_tiles);
    return Place(by_image.x, 4u * by_row.x, 4u * by_row.y);
}

// Where four channels of an image begin, and which of them there are.
struct Planes {
    first: vec4<u32>,
    exist: vec4<bool>,
}

// A quad of a group, of an image.
fn planes_of(image: u32, group: u32, quad: u32) -> Planes {
    let channel = 4u * quad + vec4<u32>(0u, 1u, 2u, 3u);
    let start = params.grid.input_first + image * params.grid.input_image + group * params.grid.group_channels * params.grid.input_plane;
    return Planes(start + channel * params.grid.input_plane, channel < vec4<u32>(params.grid.group_channels));
}
