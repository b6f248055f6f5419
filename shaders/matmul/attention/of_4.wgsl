// Attention by subgroups of 4 invocations, each of which loads two of eight quads: see matmul/attention/subgroup.wgsl.

const INVOCATIONS = 4u;

fn spread(quad: vec4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        subgroupBroadcast(quad, 0u), subgroupBroadcast(quad, 1u), subgroupBroadcast(quad, 2u), subgroupBroadcast(quad, 3u),
    );
}

fn key_eight(place: Place, key: u32, eight: u32) -> Eight {
    let quad = 8u * eight + place.lane;
    return Eight(spread(key_quad(place, key, quad)), spread(key_quad(place, key, quad + 4u)));
}

fn value_eight(place: Place, key: u32, eight: u32) -> Eight {
    let quad = 8u * eight + place.lane;
    return Eight(spread(value_quad(place, key, quad)), spread(value_quad(place, key, quad + 4u)));
}
