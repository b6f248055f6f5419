use crate::dtype::DType;
use crate::gpu::{Binding, Fit, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("convert", 64, Params, ["shared/grid.wgsl", "shared/dtype.wgsl", "movement/convert.wgsl"]);

params!(
    columns,
    source_dtype,
    source_first,
    source_row,
    runs,
    run,
    destination_dtype,
    destination_first,
    destination_run
);

impl Loops for Params {}

/// `DType` as shaders know it: shared/dtype.wgsl. Integers are never converted.
pub(crate) fn number(dtype: DType) -> u32 {
    match dtype {
        DType::F32 | DType::I32 => 0,
        DType::F16 => 1,
        DType::BF16 => 2,
    }
}

pub(crate) fn convert(
    recorder: &mut Recorder,
    params: Params,
    (source, source_dtype): (&Binding, DType),
    (destination, destination_dtype): (&Binding, DType),
) -> Fit {
    let params = Params {
        source_dtype: number(source_dtype),
        source_first: source.first,
        destination_dtype: number(destination_dtype),
        destination_first: destination.first,
        ..params
    };
    // A run of 16 bits may begin and end amid a word.
    let words = if destination_dtype == DType::F32 { params.run } else { params.run / 2 + 1 };
    let invocations = u64::from(params.runs) * u64::from(words);
    let elements = u64::from(params.runs) * u64::from(params.run);
    recorder.dispatch::<Kernel>((), &params, &[source, destination], invocations, elements)
}
