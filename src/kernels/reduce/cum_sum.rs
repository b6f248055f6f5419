use crate::dtype::DType;
use crate::gpu::{Binding, File, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::{kernel, params};

/// The type of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    F32,
    I32,
}

axis!(Number { F32: "", I32: "i32" });

impl From<DType> for Number {
    fn from(dtype: DType) -> Self {
        if dtype.is_float() { Number::F32 } else { Number::I32 }
    }
}

impl Number {
    fn files(self) -> &'static [File] {
        match self {
            Number::F32 => wgsl!["reduce/parts/number_f32.wgsl"],
            Number::I32 => wgsl!["reduce/parts/number_i32.wgsl"],
        }
    }
}

kernel!("cum_sum", 64, Params, |number: Number| [
    wgsl!["shared/grid.wgsl"],
    number.files(),
    wgsl!["reduce/cum_sum.wgsl"],
]);

params!(
    planes,
    extent,
    columns,
    segments,
    length,
    plane,
    row,
    width,
    run,
    exclusive,
    reverse,
    starts,
    writes,
    input_first,
    before_first,
    output_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let run = Iterations::of(self.run);
        let written = if self.writes == 0 { Iterations::of(0u32) } else { run };
        run + Iterations::of(6u32) + written
    }
}

pub(crate) fn cum_sum(
    recorder: &mut Recorder,
    number: Number,
    params: Params,
    [input, before, output]: [&Binding; 3],
) -> Fit {
    let params = Params { input_first: input.first, before_first: before.first, output_first: output.first, ..params };
    let segments = params.planes * params.segments * params.columns;
    let invocations = 64 * u64::from(segments.div_ceil(params.width));
    let elements = u64::from(params.planes) * u64::from(params.extent) * u64::from(params.columns);
    recorder.dispatch::<Kernel>(number, &params, &[input, before, output], invocations, elements)
}
