pub(crate) mod matmul_subgroup;
pub(crate) mod matmul_subgroup_nn;
pub(crate) mod matmul_subgroup_tn;
pub(crate) mod matmul_tiled;
pub(crate) mod pack_panels;
pub(crate) mod subgroup_tile;
