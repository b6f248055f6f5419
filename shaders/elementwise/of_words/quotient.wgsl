// Quotients of integers, rounded towards 0, and what is left: 0 where the divisor is 0.
const DIV = 0u;
// With the sign of a.
const FMOD = 1u;
// With the sign of b.
const MOD = 2u;

fn function(a: i32, b: i32) -> i32 {
    let divisor = select(b, 1, b == 0);
    let quotient = a / divisor;
    let rest = a - quotient * divisor;
    let moved = rest + select(0, divisor, (rest != 0) & ((rest ^ divisor) < 0));
    let value = select(select(quotient, rest, params.operation == FMOD), moved, params.operation == MOD);
    return select(value, 0, b == 0);
}
