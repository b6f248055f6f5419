// Functions of four elements, which lie side by side, and one for all of them. Nothing is added to what the output holds.

alias A = vec4<f32>;
alias B = f32;

// The elements of an A, and of a B.
const TOGETHER_A = 4u;
const TOGETHER_B = 1u;

fn of_elements(a: A, b: B) -> A {
    return activated_four(params.scale * vec4<f32>(function(a.x, b), function(a.y, b), function(a.z, b), function(a.w, b)), params.activation);
}

fn store(at: u32, value: A) {
    output[at / 4u] = value;
}
