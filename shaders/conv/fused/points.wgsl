// The points of the pixels of a tile, for kernels that do DEPTH terms at a time: a point is worked out once for each pixel, and kept as long as its
// terms last: DEPTH points are, in a ring.

// (point % DEPTH, pixel)
var<workgroup> factors: array<Factor, DEPTH * PIXELS>;
var<workgroup> corners: array<u32, DEPTH * PIXELS>;

// A point: its tap, and its offset group, counted in the group. Points are numbered by tap.
struct NextPoint {
    number: u32,
    tap: Tap,
    offset_group: u32,
}

// The point of a term that starts a tile.
fn point_at(group: Group, term: Term) -> NextPoint {
    let offset_group = channel_quads[group.quad_first + term.quad].z - group.offset_group;
    return NextPoint(term.tap * group.points + offset_group, tap_at(term.tap), offset_group);
}

// The number of a term's point, given the offset group of the term.
fn point_number(group: Group, term: Term, offset_group: u32) -> u32 {
    return term.tap * group.points + offset_group - group.offset_group;
}

// Works out the points up to `end`, for all pixels.
fn keep_points(tile: Tile, group: Group, next: ptr<function, NextPoint>, end: u32, lane: u32) {
    while (*next).number < end {
        let ring = (*next).number % DEPTH * PIXELS;
        for (var i = lane; i < PIXELS; i += LANES) {
            let made = point_of(place_of(tile.pixel + i), (*next).tap, group.offset_group + (*next).offset_group);
            factors[ring + i] = made.factor;
            corners[ring + i] = made.corner;
        }
        (*next).number++;
        (*next).offset_group++;
        if (*next).offset_group == group.points {
            (*next).offset_group = 0u;
            (*next).tap = tap_behind((*next).tap);
        }
    }
}
