// The most quads of a run: shared/col2im.wgsl. Adapters that execute both sides of a branch would load quads that no run has.
const MOST_QUADS = 2u;
