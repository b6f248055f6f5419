use crate::gpu::{Binding, Fit, Recorder, Subgroup, wgsl};
use crate::kernels::matmul::end::End;
use crate::kernels::matmul::subgroup_tile::{Params, TILED, Updates, dispatch};
use crate::kernels::{SUBGROUPS, kernel};

kernel!("matmul_subgroup_tn", subgroup.invocations(), Params, |(updates, subgroup): (Updates, Subgroup)| [
    SUBGROUPS,
    wgsl!["shared/activation/params.wgsl"],
    subgroup.tile_file(),
    TILED,
    wgsl![
        "matmul/subgroup/a_texture.wgsl",
        "matmul/subgroup/a_across.wgsl",
        "matmul/subgroup/b_texture.wgsl",
        "matmul/subgroup/b_across.wgsl",
        "matmul/base/no_bias.wgsl",
        "matmul/subgroup/quads.wgsl",
    ],
    updates.files(),
    wgsl!["matmul/matmul_subgroup_tn.wgsl"],
]);

/// The output holds whole quads.
pub(crate) fn matmul_subgroup_tn(
    recorder: &mut Recorder,
    subgroup: Subgroup,
    params: Params,
    bindings: [&Binding; 3],
) -> Fit {
    let end = End { output_first: bindings[2].first, ..params.end };
    let axes = (params.updates(), subgroup);
    dispatch::<Kernel>(recorder, subgroup, axes, Params { end, ..params }, &bindings)
}
