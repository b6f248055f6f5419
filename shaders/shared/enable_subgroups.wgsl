// Subgroup operations, as browsers want them enabled. Stands first in kernels that use them, in a browser only: naga, which translates
// WGSL everywhere else, knows no such directive.

enable subgroups;
