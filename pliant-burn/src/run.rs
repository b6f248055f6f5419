//! Runs pliant's work on tensors of burn's, where they lie.

use burn_cubecl::cubecl::wgpu::{AutoCompiler, WgpuResource, WgpuServer};
use burn_cubecl::tensor::CubeTensor;
use pliant::wgpu::CommandEncoderDescriptor;
use pliant::{DType, Error, Recorder, Result, Shape, Tensor};

use crate::call::dtype_of;
use crate::device::Shared;

/// Submits what `record` records on `read` and `written`, behind all work of burn's that was given to it before. Nothing waits for the device.
///
/// # Panics
/// Where the device fails, as burn's own operations do: their types have no room for an error.
#[allow(clippy::panic, reason = "there is nobody to give the error to")]
pub(crate) fn run(
    shared: &Shared,
    read: &[CubeTensor],
    written: &[CubeTensor],
    record: impl FnOnce(&mut Recorder, &[Tensor], &[Tensor]) -> Result<()>,
) {
    if let Err(error) = try_run(shared, read, written, record) {
        panic!("pliant: {error}");
    }
}

fn try_run(
    shared: &Shared,
    read: &[CubeTensor],
    written: &[CubeTensor],
    record: impl FnOnce(&mut Recorder, &[Tensor], &[Tensor]) -> Result<()>,
) -> Result<()> {
    let gpu = &shared.gpu;
    let all_placed =
        |tensors: &[CubeTensor]| tensors.iter().map(|tensor| placed(shared, tensor)).collect::<Result<Vec<_>>>();
    let (read_at, written_at) = (all_placed(read)?, all_placed(written)?);
    flush(read.iter().chain(written))?;

    let [read, written] =
        [&read_at, &written_at].map(|at| at.iter().map(|(tensor, _)| tensor.clone()).collect::<Vec<_>>());
    // What lies in a buffer that is read is computed elsewhere, and copied there.
    let apart = |written: &Tensor| match read.iter().any(|read| read.buffer() == written.buffer()) {
        true => Tensor::new(gpu, written.shape(), written.dtype()),
        false => Ok(written.clone()),
    };
    let outputs = written.iter().map(apart).collect::<Result<Vec<_>>>()?;
    let mut recorder = Recorder::new(gpu);
    record(&mut recorder, &read, &outputs)?;
    recorder.submit()?;

    let mut copied = outputs.iter().zip(&written).filter(|(output, to)| output.buffer() != to.buffer()).peekable();
    if copied.peek().is_some() {
        let mut encoder =
            gpu.device().create_command_encoder(&CommandEncoderDescriptor { label: Some("pliant copies") });
        for (output, to) in copied {
            encoder.copy_buffer_to_buffer(output.buffer(), 0, to.buffer(), to.offset(), output.buffer().size());
            shared.count_copy();
        }
        gpu.queue().submit([encoder.finish()]);
    }
    Ok(())
}

/// Gives a tensor where burn has placed it, and what has burn leave it there as long as that lives. Behind what was submitted burn may do as it likes.
fn placed(shared: &Shared, tensor: &CubeTensor) -> Result<(Tensor, impl Sized + use<>)> {
    let resource = tensor
        .client
        .get_resource::<WgpuServer<AutoCompiler>>(tensor.handle.clone())
        .map_err(|error| Error::Unsupported(format!("burn does not give the memory of a tensor: {error}")))?;
    let WgpuResource { buffer, offset, .. } = resource.resource();
    let shape = Shape::new(tensor.meta.shape().as_slice())?;
    let dtype = dtype_of(tensor.dtype).unwrap_or(DType::F32);
    let tensor = Tensor::from_buffer(&shared.gpu, buffer.clone(), *offset, shape, dtype)?;
    Ok((tensor, resource))
}

/// Has burn submit what it has pending on the streams of these tensors, and on this thread's.
fn flush<'a>(tensors: impl Iterator<Item = &'a CubeTensor>) -> Result<()> {
    let mut flushed = Vec::new();
    for tensor in tensors {
        let stream = tensor.handle.stream;
        if !flushed.contains(&stream) {
            stream
                .executes(|| tensor.client.flush())
                .map_err(|error| Error::Unsupported(format!("burn does not submit its work: {error}")))?;
            flushed.push(stream);
        }
    }
    Ok(())
}
