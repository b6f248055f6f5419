// Functions of two times four elements, which lie side by side in both operands. Nothing is added to what the output holds.

alias A = vec4<f32>;
alias B = vec4<f32>;

// The elements of an A, and of a B.
const TOGETHER_A = 4u;
const TOGETHER_B = 4u;

fn of_elements(a: A, b: B) -> A {
    return activated_four(params.scale * vec4<f32>(function(a.x, b.x), function(a.y, b.y), function(a.z, b.z), function(a.w, b.w)), params.activation);
}

fn store(at: u32, value: A) {
    output[at / 4u] = value;
}
