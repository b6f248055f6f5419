// Functions of two elements, one by one.

alias A = f32;
alias B = f32;

// The elements of an A, and of a B.
const TOGETHER_A = 1u;
const TOGETHER_B = 1u;

fn of_elements(a: A, b: B) -> A {
    return activated(params.scale * function(a, b), params.activation);
}

fn store(at: u32, value: A) {
    output[at] = select(value, output[at] + value, params.accumulate != 0u);
}
