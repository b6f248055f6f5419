// Shares of points beside their gradients, for a walk over the same points: (image, query, head, point), dense, as point_shares.wgsl makes them.
@group(0) @binding(8) var<storage, read_write> shares: array<Shares>;

fn put_shares(point: vec4<u32>, place: Place, corners: Corners) {
    shares[number_of(point)] = shares_of(place, corners);
}
