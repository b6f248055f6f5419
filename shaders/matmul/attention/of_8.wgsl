// Attention by subgroups of 8 invocations, each of which loads one of eight quads: see matmul/attention/subgroup.wgsl.

const INVOCATIONS = 8u;

fn spread(quad: vec4<f32>) -> Eight {
    return Eight(
        mat4x4<f32>(
            subgroupBroadcast(quad, 0u), subgroupBroadcast(quad, 1u), subgroupBroadcast(quad, 2u), subgroupBroadcast(quad, 3u),
        ),
        mat4x4<f32>(
            subgroupBroadcast(quad, 4u), subgroupBroadcast(quad, 5u), subgroupBroadcast(quad, 6u), subgroupBroadcast(quad, 7u),
        ),
    );
}

fn key_eight(place: Place, key: u32, eight: u32) -> Eight {
    return spread(key_quad(place, key, 8u * eight + place.lane));
}

fn value_eight(place: Place, key: u32, eight: u32) -> Eight {
    return spread(value_quad(place, key, 8u * eight + place.lane));
}
