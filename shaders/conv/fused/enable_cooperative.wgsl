// Cooperative matrices and f16. Stands first in kernels that use them.

enable f16;
enable wgpu_cooperative_matrix;

