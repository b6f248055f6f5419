// The most quads of a run of shared/col2im.wgsl. Adapters that follow no branch do what is behind it for none.
const MOST_QUADS = 1u;
