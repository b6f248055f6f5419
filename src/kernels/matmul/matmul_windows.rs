use crate::error::Result;
use crate::gpu::{Axis as _, Binding, Fit, Gpu, Iterations, Loops, Recorder, Subgroup, axis, wgsl};
use crate::kernels::activation::Ending;
use crate::kernels::matmul::end::End;
use crate::kernels::matmul::subgroup_tile::{self, Updates, ends};
use crate::kernels::stores::Stores;
use crate::kernels::window::{Offsets, Window};
use crate::kernels::{SUBGROUPS, kernel, params};

kernel!("matmul_windows", subgroup.invocations(), Params, |((window, stores), (ending, subgroup)): Axes| [
    SUBGROUPS,
    ending.files(),
    wgsl![
        "shared/grid.wgsl",
        "shared/window.wgsl",
        "shared/taps.wgsl",
        "shared/panels/layout.wgsl",
        "shared/panels/packed.wgsl",
        "matmul/parts/end.wgsl",
        "matmul/subgroup/tile.wgsl",
        "matmul/parts/matmul.wgsl",
        "matmul/base/bias.wgsl",
        "matmul/subgroup/a_texture.wgsl",
        "matmul/subgroup/a_along.wgsl",
    ],
    subgroup.tile_file(),
    subgroup_tile::store_files(stores),
    Updates::Replaces.files(),
    match window {
        WindowKind::Plain => wgsl!["matmul/windows/plain.wgsl"],
        WindowKind::Deformable => wgsl![
            "shared/border.wgsl",
            "shared/bilinear.wgsl",
            "shared/panels/offsets.wgsl",
            "shared/modulated.wgsl",
            "matmul/windows/deformable.wgsl",
        ],
    },
    wgsl!["matmul/matmul_windows.wgsl"],
]);

type Axes = ((WindowKind, Stores), (Ending, Subgroup));

/// Where the taps of a window lie, by the file that finds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowKind {
    Plain,
    Deformable,
}

axis!(WindowKind { Plain: "", Deformable: "deformable" });

params!(
    window: Window,
    offsets: Offsets,
    end: End,
    border,
    modulated,
    rows,
    columns,
    depth,
    batch,
    a_first,
    a_batch,
    a_row,
    a_quad,
    a_quads,
    group_first,
    zero,
    run_quads,
    offset_group_quads,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let Window { taps, quads_per_group, .. } = self.window;
        let run = Iterations::of(self.run_quads);
        Iterations::each(taps, Iterations::each(quads_per_group.div_ceil(self.run_quads.max(1)), run)) + ends()
    }
}

/// Compiles the variants of these subgroups that end with bounds.
pub(crate) fn compile(gpu: &Gpu, window: WindowKind, subgroup: Subgroup) -> Result<()> {
    Stores::all()
        .into_iter()
        .try_for_each(|stores| gpu.compile::<Kernel>(((window, stores), (Ending::Bounds, subgroup))))
}

/// Records a convolution with the rows, columns and output of a product, of which `tile` tells; of a deformable window where offsets and masks are given.
pub(crate) fn matmul_windows(
    recorder: &mut Recorder,
    subgroup: Subgroup,
    tile: subgroup_tile::Params,
    params: Params,
    [weight, packed, bias, output]: [&Binding; 4],
    points: Option<&Binding>,
) -> Fit {
    let tile = subgroup_tile::Params { end: tile.end.bound(bias, output), ..tile };
    let params = Params {
        end: tile.end,
        rows: tile.rows,
        columns: tile.columns,
        depth: tile.depth,
        batch: tile.batch,
        a_first: tile.a_first,
        a_batch: tile.a_batch,
        a_row: tile.a_row,
        a_quad: tile.a_quad,
        a_quads: tile.a_quads,
        ..params
    };
    let window = if points.is_some() { WindowKind::Deformable } else { WindowKind::Plain };
    let bindings: Vec<_> = [weight, packed, bias, output].into_iter().chain(points).collect();
    recorder.dispatch_workgroups::<Kernel>(
        ((window, tile.stores()), (tile.end.activation.ending(), subgroup)),
        &params,
        &bindings,
        tile.tiles(subgroup),
        tile.work(subgroup),
        params.iterations(),
    )
}
