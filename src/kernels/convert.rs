use super::params;
use crate::dtype::DType;
use crate::error::Result;
use crate::gpu::{Kernel, Part, Recorder, wgsl};

pub(crate) static CONVERT: Kernel = Kernel {
    name: "convert",
    variant: "",
    files: wgsl!["shared/grid.wgsl", "shared/dtype.wgsl", "convert.wgsl"],
    workgroup_size: 64,
};

params!(elements, source_dtype, source_first, destination_dtype, destination_first);

/// `DType` as shaders know it: shared/dtype.wgsl.
pub(super) fn number(dtype: DType) -> u32 {
    match dtype {
        DType::F32 => 0,
        DType::F16 => 1,
        DType::BF16 => 2,
    }
}

pub(crate) fn convert(
    recorder: &mut Recorder,
    elements: u32,
    (source, source_dtype): (&Part, DType),
    (destination, destination_dtype): (&Part, DType),
) -> Result<()> {
    let params = Params {
        elements,
        source_dtype: number(source_dtype),
        source_first: source.first,
        destination_dtype: number(destination_dtype),
        destination_first: destination.first,
    };
    let words = (u64::from(elements) * destination_dtype.size()).div_ceil(4);
    recorder.dispatch(&CONVERT, &params, &[source, destination], words, elements.into())
}
