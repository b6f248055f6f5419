// a^b of integers, modulo 2^32. A negative exponent has the whole part of the reciprocal: 0 but for 1 and -1.
fn function(a: i32, b: i32) -> i32 {
    var power = 1;
    var square = a;
    var left = bitcast<u32>(b);
    for (var step = 0u; step < params.steps; step++) {
        power *= select(1, square, (left & 1u) != 0u);
        square *= square;
        left >>= 1u;
    }
    let reciprocal = select(0, select(1, a, (b & 1) != 0), (a == 1) | (a == -1));
    return select(power, reciprocal, b < 0);
}
