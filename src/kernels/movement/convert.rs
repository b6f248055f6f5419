use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Kernel, Loops, Part, Recorder, wgsl};
use crate::kernels::params;

pub(crate) static CONVERT: Kernel = Kernel {
    name: "convert",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "shared/dtype.wgsl", "movement/convert.wgsl"],
    workgroup_size: 64,
};

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

/// `DType` as shaders know it: shared/dtype.wgsl.
pub(crate) fn number(dtype: DType) -> u32 {
    match dtype {
        DType::F32 => 0,
        DType::F16 => 1,
        DType::BF16 => 2,
    }
}

pub(crate) fn convert(
    recorder: &mut Recorder,
    params: Params,
    (source, source_dtype): (&Part, DType),
    (destination, destination_dtype): (&Part, DType),
) -> Result<()> {
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
    recorder.dispatch(&CONVERT, &params, &[source, destination], invocations, elements)
}
