// Functions of integers that take an instruction or a few, by number.
const ADD = 0u;
const SUB = 1u;
const MUL = 2u;
const MIN = 3u;
const MAX = 4u;
const AND = 5u;
const OR = 6u;
const XOR = 7u;
const COMPARE = 8u;
const COMPARE_FLOATS = 9u;

fn function(a: i32, b: i32) -> i32 {
    let found = select(relation_of_integers(a, b), relation_of_floats(a, b), params.operation == COMPARE_FLOATS);

    // Computed all and chosen from without a branch: see matmul/parts/matmul.wgsl.
    var value = i32((params.relations >> found) & 1u);
    value = select(value, a + b, params.operation == ADD);
    value = select(value, a - b, params.operation == SUB);
    value = select(value, a * b, params.operation == MUL);
    value = select(value, min(a, b), params.operation == MIN);
    value = select(value, max(a, b), params.operation == MAX);
    value = select(value, a & b, params.operation == AND);
    value = select(value, a | b, params.operation == OR);
    return select(value, a ^ b, params.operation == XOR);
}
