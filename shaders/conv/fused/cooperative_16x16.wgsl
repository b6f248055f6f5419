// Cooperative matrices of 16 x 16: rows by lanes, lanes by pixels, and rows by pixels.
const SIDE = 16u;
alias Weights = coop_mat16x16<f16, A>;
alias Samples = coop_mat16x16<f16, B>;
alias Sums = coop_mat16x16<f32, C>;
