use crate::error::Result;
use crate::gpu::{Axis, Binding, Fit, Gpu, Recorder, Subgroup, axis, wgsl};
use crate::kernels::activation::Ending;
use crate::kernels::matmul::subgroup_tile::{Params, TILED, Updates, dispatch, store_files};
use crate::kernels::stores::Stores;
use crate::kernels::{SUBGROUPS, kernel};

kernel!(
    "matmul_subgroup",
    subgroup.invocations(),
    Params,
    |((operands, (stores, updates)), (ending, subgroup)): Axes| [
        SUBGROUPS,
        ending.files(),
        subgroup.tile_file(),
        TILED,
        wgsl![
            "matmul/parts/matmul.wgsl",
            "matmul/base/bias.wgsl",
            "matmul/subgroup/a_texture.wgsl",
            "matmul/subgroup/b_texture.wgsl",
        ],
        match operands {
            Operands::Panels | Operands::LinesB => wgsl!["matmul/subgroup/a_along.wgsl"],
            Operands::LinesA | Operands::Lines => wgsl!["matmul/subgroup/a_lines.wgsl"],
        },
        match operands {
            Operands::Panels | Operands::LinesA => wgsl!["matmul/subgroup/b_along.wgsl"],
            Operands::LinesB | Operands::Lines => wgsl!["matmul/subgroup/b_lines.wgsl"],
        },
        store_files(stores),
        updates.files(),
        wgsl!["matmul/matmul_subgroup.wgsl"],
    ]
);

type Axes = ((Operands, (Stores, Updates)), (Ending, Subgroup));

/// How a and b lie: in panels in a texture, but for those that are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operands {
    Panels,
    /// a in lines, which are its rows.
    LinesA,
    /// b in lines, of which one has an element of each column.
    LinesB,
    /// Both in lines.
    Lines,
}

axis!(Operands { Panels: "panels", LinesA: "lines_a", LinesB: "lines_b", Lines: "lines" });

/// Compiles the variants of these subgroups that end with bounds.
pub(crate) fn compile(gpu: &Gpu, updates: Updates, subgroup: Subgroup) -> Result<()> {
    <(Operands, Stores)>::all().into_iter().try_for_each(|(operands, stores)| {
        gpu.compile::<Kernel>(((operands, (stores, updates)), (Ending::Bounds, subgroup)))
    })
}

/// Records a product of operands in textures.
pub(crate) fn matmul_subgroup(
    recorder: &mut Recorder,
    subgroup: Subgroup,
    operands: Operands,
    params: Params,
    bindings: [&Binding; 4],
) -> Fit {
    let [_, _, bias, output] = bindings;
    let params = Params { end: params.end.bound(bias, output), ..params };
    let axes = ((operands, (params.stores(), params.updates())), (params.end.activation.ending(), subgroup));
    dispatch::<Kernel>(recorder, subgroup, axes, params, &bindings)
}
