// a of a product by subgroups, read along its rows, by a_texture.wgsl: see tile.wgsl.

fn a_within(i: u32, invocation: u32) -> u32 {
    return INVOCATIONS * i + invocation;
}

// Where an invocation's rows have their first quads. Those beyond the last are it once more: what else lies there may be no normal numbers, which take long to
// multiply.
fn a_start(batch: u32, row: u32) -> Addresses {
    let at = params.a_row + min(rows_from(row), Addresses(params.rows - 1u));
    let panel = at / 32u * params.a_quads + params.a_quad;
    return params.a_first + batch * params.a_batch + panel * 32u + at % 32u;
}

// Four k of an invocation's rows.
fn a_rows(start: Addresses, k: u32) -> Vectors {
    return loaded(start + k * 8u);
}
