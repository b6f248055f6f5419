// Shares of points in a texture of words: points/parts/shares.wgsl.
@group(0) @binding(3) var shares: texture_storage_2d<rgba32uint, read>;

fn load_shares(point: u32) -> Shares {
    let factor = textureLoad(shares, texel(2u * point + 1u));
    return Shares(textureLoad(shares, texel(2u * point)), bitcast<vec4<f32>>(factor));
}
