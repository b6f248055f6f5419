// Elements of a row for reduce/pool.wgsl, loaded one by one: shared/planes. Outside, they are what is neutral.

fn one_at(row: Row, x: u32) -> f32 {
    let inside = row.inside && x < params.x.extent;
    return select(neutral().x, load_input(select(0u, row.first + x, inside)), inside);
}

fn four_at(row: Row, x: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(one_at(row, x.x), one_at(row, x.y), one_at(row, x.z), one_at(row, x.w));
}
