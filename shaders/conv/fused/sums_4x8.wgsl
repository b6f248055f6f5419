// What an invocation does of a tile: four rows and eight pixels. It keeps 32 sums and 16 weights in registers, half of what eight rows take,
// so that chips with few registers hold twice as many invocations.
//
// A term takes 4 x 8 x 4 multiplications with an addition, 10.7 for each quad that is loaded from workgroup memory.
const HALVES = 1u;

struct Sums {
    rows: array<vec4<f32>, 8>,
}

// Adds a term to the sums.
fn multiply(sums: ptr<function, Sums>, term: u32, pixel: u32, quad: u32) {
    let weights = weights_at(term, 0u, quad);
    (*sums).rows[0] = add((*sums).rows[0], sample_tile[term].pixels[0][pixel], weights);
    (*sums).rows[1] = add((*sums).rows[1], sample_tile[term].pixels[1][pixel], weights);
    (*sums).rows[2] = add((*sums).rows[2], sample_tile[term].pixels[2][pixel], weights);
    (*sums).rows[3] = add((*sums).rows[3], sample_tile[term].pixels[3][pixel], weights);
    (*sums).rows[4] = add((*sums).rows[4], sample_tile[term].pixels[4][pixel], weights);
    (*sums).rows[5] = add((*sums).rows[5], sample_tile[term].pixels[5][pixel], weights);
    (*sums).rows[6] = add((*sums).rows[6], sample_tile[term].pixels[6][pixel], weights);
    (*sums).rows[7] = add((*sums).rows[7], sample_tile[term].pixels[7][pixel], weights);
}

// Stores the sums: few sites of stores, in a loop, since lavapipe compiles each for long.
fn store_sums(tile: Tile, sums: ptr<function, Sums>, pixel: u32, quad: u32) {
    let row = tile.row + 4u * quad;
    for (var i = 0u; i < 8u; i++) {
        let at = tile.pixel + pixel + i * ACROSS;
        store(tile, at, row, (*sums).rows[0]);
        (*sums).rows[0] = (*sums).rows[1];
        (*sums).rows[1] = (*sums).rows[2];
        (*sums).rows[2] = (*sums).rows[3];
        (*sums).rows[3] = (*sums).rows[4];
        (*sums).rows[4] = (*sums).rows[5];
        (*sums).rows[5] = (*sums).rows[6];
        (*sums).rows[6] = (*sums).rows[7];
    }
}
