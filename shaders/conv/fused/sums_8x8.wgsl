// What an invocation does of a tile: two times four rows, half a tile apart, and eight pixels. It keeps 64 sums and 32 weights in registers.
//
// A term takes 8 x 8 x 4 multiplications with an addition, 16 for each quad that is loaded from workgroup memory.
const HALVES = 2u;

struct Sums {
    upper: array<vec4<f32>, 8>,
    lower: array<vec4<f32>, 8>,
}

// Adds a term to the sums.
fn multiply(sums: ptr<function, Sums>, term: u32, pixel: u32, quad: u32) {
    let upper = weights_at(term, 0u, quad);
    let lower = weights_at(term, 1u, quad);
    let sample0 = sample_tile[term].pixels[0][pixel];
    (*sums).upper[0] = add((*sums).upper[0], sample0, upper);
    (*sums).lower[0] = add((*sums).lower[0], sample0, lower);
    let sample1 = sample_tile[term].pixels[1][pixel];
    (*sums).upper[1] = add((*sums).upper[1], sample1, upper);
    (*sums).lower[1] = add((*sums).lower[1], sample1, lower);
    let sample2 = sample_tile[term].pixels[2][pixel];
    (*sums).upper[2] = add((*sums).upper[2], sample2, upper);
    (*sums).lower[2] = add((*sums).lower[2], sample2, lower);
    let sample3 = sample_tile[term].pixels[3][pixel];
    (*sums).upper[3] = add((*sums).upper[3], sample3, upper);
    (*sums).lower[3] = add((*sums).lower[3], sample3, lower);
    let sample4 = sample_tile[term].pixels[4][pixel];
    (*sums).upper[4] = add((*sums).upper[4], sample4, upper);
    (*sums).lower[4] = add((*sums).lower[4], sample4, lower);
    let sample5 = sample_tile[term].pixels[5][pixel];
    (*sums).upper[5] = add((*sums).upper[5], sample5, upper);
    (*sums).lower[5] = add((*sums).lower[5], sample5, lower);
    let sample6 = sample_tile[term].pixels[6][pixel];
    (*sums).upper[6] = add((*sums).upper[6], sample6, upper);
    (*sums).lower[6] = add((*sums).lower[6], sample6, lower);
    let sample7 = sample_tile[term].pixels[7][pixel];
    (*sums).upper[7] = add((*sums).upper[7], sample7, upper);
    (*sums).lower[7] = add((*sums).lower[7], sample7, lower);
}

// Stores the sums: few sites of stores, in a loop, since lavapipe compiles each for long.
fn store_sums(tile: Tile, sums: ptr<function, Sums>, pixel: u32, quad: u32) {
    let row = tile.row + 4u * quad;
    for (var i = 0u; i < 8u; i++) {
        let at = tile.pixel + pixel + i * ACROSS;
        store(tile, at, row, (*sums).upper[0]);
        store(tile, at, row + ROWS / 2u, (*sums).lower[0]);
        (*sums).upper[0] = (*sums).upper[1];
        (*sums).upper[1] = (*sums).upper[2];
        (*sums).upper[2] = (*sums).upper[3];
        (*sums).upper[3] = (*sums).upper[4];
        (*sums).upper[4] = (*sums).upper[5];
        (*sums).upper[5] = (*sums).upper[6];
        (*sums).upper[6] = (*sums).upper[7];
        (*sums).lower[0] = (*sums).lower[1];
        (*sums).lower[1] = (*sums).lower[2];
        (*sums).lower[2] = (*sums).lower[3];
        (*sums).lower[3] = (*sums).lower[4];
        (*sums).lower[4] = (*sums).lower[5];
        (*sums).lower[5] = (*sums).lower[6];
        (*sums).lower[6] = (*sums).lower[7];
    }
}
