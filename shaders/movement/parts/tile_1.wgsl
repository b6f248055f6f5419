// An invocation's part of a tile, word by word: every eighth along both axes, so that neighbours load and store neighbours.

fn copy_word(first: vec2<u32>, along: u32, across: u32) {
    if along < params.along.extent && across < params.across.extent {
        let place = first + places(params.along, along) + places(params.across, across);
        output[place.y] = source[place.x];
    }
}

fn copy_row(first: vec2<u32>, along: u32, across: u32) {
    copy_word(first, along, across);
    copy_word(first, along + 8u, across);
    copy_word(first, along + 16u, across);
    copy_word(first, along + 24u, across);
}

// The part of a lane of a tile, both along and across.
fn copy_part(first: vec2<u32>, tile: vec2<u32>, lane: vec2<u32>) {
    let start = 32u * tile + lane;
    copy_row(first, start.x, start.y);
    copy_row(first, start.x, start.y + 8u);
    copy_row(first, start.x, start.y + 16u);
    copy_row(first, start.x, start.y + 24u);
}
