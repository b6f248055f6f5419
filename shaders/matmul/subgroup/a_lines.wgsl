// a of a product by subgroups, read along its rows, which are lines, by a_texture.wgsl: quad k / 4 of a row is texel batch * a_batch + row *
// a_quads + k / 4. See tile.wgsl.

fn a_within(i: u32, invocation: u32) -> u32 {
    return INVOCATIONS * i + invocation;
}

// Where an invocation's rows begin; rows beyond the last are the last.
fn a_start(batch: u32, row: u32) -> Addresses {
    let rows = min(rows_from(row), Addresses(params.rows - 1u));
    return batch * params.a_batch + rows * params.a_quads;
}

// Four k of an invocation's rows.
fn a_rows(start: Addresses, k: u32) -> Vectors {
    return loaded(start + k / 4u);
}
