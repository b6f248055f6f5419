use crate::error::Result;
use crate::gpu::{Axis, Binding, Fit, Gpu, Iterations, Loops, Recorder, Subgroup, wgsl};
use crate::kernels::matmul::end::End;
use crate::kernels::matmul::subgroup_tile::{self, stores};
use crate::kernels::stores::Stores;
use crate::kernels::window::Window;
use crate::kernels::{SUBGROUPS, activation, kernel, params};

kernel!("matmul_windows", subgroup.invocations(), Params, |(stores, subgroup): (Stores, Subgroup)| [
    SUBGROUPS,
    activation::BOUNDS,
    wgsl![
        "shared/grid.wgsl",
        "shared/window.wgsl",
        "shared/panels/layout.wgsl",
        "matmul/parts/end.wgsl",
        "matmul/subgroup/tile.wgsl",
        "matmul/parts/matmul.wgsl",
        "matmul/subgroup/a_texture.wgsl",
        "matmul/subgroup/a_along.wgsl",
    ],
    subgroup.tile_file(),
    subgroup_tile::store_files(stores),
    wgsl!["matmul/matmul_windows.wgsl"],
]);

params!(
    window: Window,
    end: End,
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
    zero_row,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let Window { taps, quads_per_group, .. } = self.window;
        Iterations::each(taps, Iterations::of(quads_per_group)) + stores()
    }
}

/// Compiles all variants of these subgroups.
pub(crate) fn compile(gpu: &Gpu, subgroup: Subgroup) -> Result<()> {
    Stores::all().into_iter().try_for_each(|stores| gpu.compile::<Kernel>((stores, subgroup)))
}

/// Records a convolution with the rows, columns and output of a product; `tile` says what `params` has in common with one.
pub(crate) fn matmul_windows(
    recorder: &mut Recorder,
    subgroup: Subgroup,
    tile: subgroup_tile::Params,
    (window, group_first, zero_row): (Window, u32, u32),
    bindings: [&Binding; 4],
) -> Fit {
    let [_, _, bias, output] = bindings;
    let tile = subgroup_tile::Params { end: tile.end.bound(bias, output), ..tile };
    let params = Params {
        window,
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
        group_first,
        zero_row,
    };
    recorder.dispatch_workgroups::<Kernel>(
        (tile.stores(), subgroup),
        &params,
        &bindings,
        tile.tiles(subgroup),
        tile.work(subgroup),
        params.iterations(),
    )
}
