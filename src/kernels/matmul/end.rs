//! How products end: matmul/parts/end.wgsl.

use crate::gpu::Binding;
use crate::kernels::activation::Activation;
use crate::kernels::params;

params!(
    /// The bias of a product, the function behind, and where it is stored.
    struct End {
        output_first,
        output_batch,
        output_row,
        row_first,
        column_first,
        plane,
        output_plane,
        row_biased,
        column_biased,
        accumulate,
        bias_first,
        bias_batch,
        activation: Activation,
    }
);

impl End {
    /// The end with the first elements of what is bound.
    pub(crate) fn bound(self, bias: &Binding, output: &Binding) -> Self {
        Self { bias_first: bias.first, output_first: output.first, ..self }
    }
}
