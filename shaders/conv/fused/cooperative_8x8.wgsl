// Cooperative matrices of 8 x 8: rows by lanes, lanes by pixels, and rows by pixels.
const SIDE = 8u;
alias Weights = coop_mat8x8<f16, A>;
alias Samples = coop_mat8x8<f16, B>;
alias Sums = coop_mat8x8<f32, C>;
