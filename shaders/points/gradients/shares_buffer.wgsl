// Shares of points in a buffer: points/parts/shares.wgsl.
@group(0) @binding(3) var<storage, read> shares: array<Shares>;

fn load_shares(point: u32) -> Shares {
    return shares[point];
}
