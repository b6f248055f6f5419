use crate::dtype::DType;
use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::conv::winograd::TileGrid;
use crate::kernels::layout::Storage;
use crate::kernels::movement::convert::number;
use crate::kernels::{kernel, params};

kernel!("winograd_input", 64, Params, |pixels: Pixels| [
    wgsl!["shared/grid.wgsl", "conv/winograd/points.wgsl", "conv/winograd/grid.wgsl"],
    match pixels {
        Pixels::Bits32 => Storage::Bits32.files(),
        Pixels::Bits16 => Storage::Bits16.files(),
        Pixels::Texels => wgsl!["shared/panels/layout.wgsl"],
    },
    match pixels {
        Pixels::Bits32 | Pixels::Bits16 => wgsl!["conv/winograd/planes.wgsl"],
        Pixels::Texels => wgsl!["conv/winograd/texels.wgsl"],
    },
    wgsl!["shared/rows/made.wgsl", "conv/winograd/stored.wgsl", "conv/winograd/winograd_input.wgsl"],
]);

/// How pixels are loaded: from a buffer of such elements, or four by four from a texture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pixels {
    Bits32,
    Bits16,
    Texels,
}

axis!(Pixels { Bits32: "", Bits16: "16", Texels: "texels" });

impl From<Storage> for Pixels {
    fn from(storage: Storage) -> Self {
        match storage {
            Storage::Bits32 => Self::Bits32,
            Storage::Bits16 => Self::Bits16,
        }
    }
}

params!(
    grid: TileGrid,
    dtype,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        Iterations::of(6u32)
    }
}

/// `bindings` are input, a buffer or, of f32, texels, and tiles.
pub(crate) fn winograd_input(
    recorder: &mut Recorder,
    (dtype, texels): (DType, bool),
    params: Params,
    bindings: [&Binding; 2],
) -> Fit {
    let params = Params { dtype: number(dtype), ..params };
    let pixels = if texels { Pixels::Texels } else { Storage::from(dtype).into() };
    recorder.dispatch::<Kernel>(pixels, &params, &bindings, params.grid.invocations(), params.grid.elements())
}
