//! Runs pliant's work on tensors of burn's, where they lie.

use burn_cubecl::cubecl::MemoryScope;
use burn_cubecl::cubecl::client::Client;
use burn_cubecl::cubecl::server::Handle;
use burn_cubecl::cubecl::wgpu::{AutoCompiler, WgpuResource, WgpuServer};
use burn_cubecl::tensor::CubeTensor;
use pliant::wgpu::{Buffer, CommandEncoderDescriptor};
use pliant::{Error, Recorder, Result, Tensor, TensorSpec};

use crate::call::spec;
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
    submit_all(&read[0].client)?;

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

    // Where a tensor without elements lies, another may begin.
    let elsewhere = |(output, to): &(&Tensor, &Tensor)| output.buffer() != to.buffer() && to.shape().elements() > 0;
    let mut copied = outputs.iter().zip(&written).filter(elsewhere).peekable();
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
    let (buffer, offset, kept) = memory(&tensor.client, tensor.handle.clone())?;
    let TensorSpec { shape, dtype } = spec("tensor", tensor.dtype, tensor.meta.shape().as_slice())?;
    Ok((Tensor::from_buffer(&shared.gpu, buffer, offset, shape, dtype)?, kept))
}

/// The buffer that burn's memory lies in, the byte where it begins, and what has burn leave it there as long as that lives.
pub(crate) fn memory(client: &Client, handle: Handle) -> Result<(Buffer, u64, impl Sized + use<>)> {
    let kept = client
        .get_resource::<WgpuServer<AutoCompiler>>(handle)
        .map_err(|error| Error::Unsupported(format!("burn does not give the memory of a tensor: {error}")))?;
    let WgpuResource { buffer, offset, .. } = kept.resource();
    Ok((buffer.clone(), *offset, kept))
}

/// Submits what burn has pending on all streams. Each thread has its own, and may have changed in place what is counted to the stream of another.
/// Burn names its streams only in its report of memory, for which this call asks burn's own thread; neither waits for the device.
fn submit_all(client: &Client) -> Result<()> {
    let streams = client.memory_report(MemoryScope::Device).streams;
    streams.iter().try_for_each(|report| report.stream.executes(|| submit(client)))
}

/// Submits what burn has pending on the stream of this thread.
pub(crate) fn submit(client: &Client) -> Result<()> {
    client.flush().map_err(|error| Error::Unsupported(format!("burn does not submit its work: {error}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "of tests alone")]
mod tests {
    use burn::backend::DispatchDevice;
    use burn::tensor::DType as BurnDType;
    use burn_cubecl::CubeDevice;
    use pliant::{DType, DeformConv2d, DeformConv2dGradients, DeformConv2dInputs, GpuOptions, Plan, wgpu};

    use super::*;
    use crate::device::shared;

    fn op() -> DeformConv2d {
        DeformConv2d { padding: [1; 4], groups: 3, ..DeformConv2d::default() }
    }

    /// Input, offset, weight, mask, bias and the gradient of the output, each of an odd number of elements but the offset.
    const SHAPES: [&[usize]; 6] = [&[1, 3, 5, 3], &[1, 18, 5, 3], &[3, 1, 3, 3], &[1, 9, 5, 3], &[3], &[1, 3, 5, 3]];
    const UNTOUCHED: u8 = 0xab;
    const PAGE: usize = 4096;
    /// Between tensors in a page: a word that is nobody's.
    const GAP: usize = 4;

    struct Page {
        handle: Handle,
        used: usize,
        ranges: Vec<std::ops::Range<usize>>,
    }

    impl Page {
        fn new(client: &Client, contents: &[u8]) -> Self {
            Self { handle: client.create_from_slice(contents), used: 0, ranges: Vec::new() }
        }

        /// A range behind those before, and its handle.
        fn place(&mut self, bytes: usize) -> Handle {
            let first = self.used + GAP;
            self.used = (first + bytes).next_multiple_of(4);
            self.ranges.push(first..first + bytes);
            self.handle.clone().offset_start(first as u64).offset_end((PAGE - first - bytes) as u64)
        }
    }

    fn elements(index: usize, dtype: DType) -> Vec<u8> {
        let mut rng = fastrand::Rng::with_seed(index as u64);
        let count = SHAPES[index].iter().product();
        let numbers = std::iter::repeat_with(|| rng.f32() - 0.5).take(count);
        match dtype {
            DType::F16 => numbers.flat_map(|number| pliant::half::f16::from_f32(number).to_le_bytes()).collect(),
            _ => numbers.flat_map(f32::to_le_bytes).collect(),
        }
    }

    /// The five gradients, written side by side into one page, where inputs lie in pages of their own, or in that one too; and the number of copies.
    fn gradients(device: &DispatchDevice, dtype: DType, read_in_page: bool) -> (Vec<Vec<u8>>, u64) {
        let DispatchDevice::Cube(cube) = device else { panic!("{device:?}") };
        let (client, shared) = (cube.client(), shared("device", device).unwrap());
        let of_burns = if dtype == DType::F16 { BurnDType::F16 } else { BurnDType::F32 };
        let tensor = |index: usize, handle| {
            let (client, device): (Client, CubeDevice) = (client.clone(), cube.clone());
            CubeTensor::new_contiguous(client, device, SHAPES[index].to_vec().into(), handle, of_burns)
        };
        let of = |index| elements(index, dtype);
        let sizes: Vec<_> = (0..6).map(|index| of(index).len()).collect();

        let mut contents = vec![UNTOUCHED; PAGE];
        let mut plan = Page::new(&client, &contents);
        for (index, &size) in sizes.iter().enumerate() {
            plan.place(size);
            contents[plan.ranges[index].clone()].copy_from_slice(&of(index));
        }
        let before = if read_in_page { contents } else { vec![UNTOUCHED; PAGE] };
        let mut page = Page::new(&client, &before);
        let read: Vec<_> = (0..6)
            .map(|index| {
                let in_page = page.place(sizes[index]);
                tensor(index, if read_in_page { in_page } else { client.create_from_slice(&of(index)) })
            })
            .collect();
        let written: Vec<_> = (0..5).map(|index| tensor(index, page.place(sizes[index]))).collect();

        let copied = shared.copies();
        run(&shared, &read, &written, |recorder, read, written| {
            let [input, offset, weight, mask, bias, grad_output] = read else { panic!("{} inputs", read.len()) };
            let inputs = DeformConv2dInputs { input, offset, weight, mask: Some(mask), bias: Some(bias) };
            let specs = DeformConv2dInputs {
                input: input.spec(),
                offset: offset.spec(),
                weight: weight.spec(),
                mask: Some(mask.spec()),
                bias: Some(bias.spec()),
            };
            let gradients = DeformConv2dGradients {
                input: Some(&written[0]),
                offset: Some(&written[1]),
                weight: Some(&written[2]),
                mask: Some(&written[3]),
                bias: Some(&written[4]),
            };
            Plan::cached(&shared.gpu, &op(), &specs)?.backward_into(recorder, &inputs, grad_output, &gradients)
        });
        let after = client.read_one(page.handle.clone()).unwrap();
        let of_gradients = &page.ranges[6..];
        // A tensor owns whole words.
        let owned =
            |at: usize| of_gradients.iter().any(|range| (range.start..range.end.next_multiple_of(4)).contains(&at));
        for (at, (after, before)) in after.iter().zip(&before).enumerate() {
            assert!(owned(at) || after == before, "byte {at} of the page is {after} and was {before}");
        }
        (of_gradients.iter().map(|range| after[range.clone()].to_vec()).collect(), shared.copies() - copied)
    }

    /// Gradients may lie in one buffer, side by side, at any word; with what they are made of in it they are copied, and touch nothing beside.
    #[test]
    fn gradients_share_a_buffer() {
        let (gpu, device) = pollster::block_on(crate::open(&GpuOptions::default())).unwrap();
        let mut dtypes = vec![DType::F32];
        if gpu.device().features().contains(wgpu::Features::SHADER_F16) {
            dtypes.push(DType::F16);
        }
        for dtype in dtypes {
            let (apart, none) = gradients(device.as_dispatch(), dtype, false);
            let (together, all) = gradients(device.as_dispatch(), dtype, true);
            assert_eq!((none, all), (0, 5), "{dtype}");
            assert_eq!(apart, together, "{dtype}");
            assert!(apart.iter().all(|gradient| gradient.iter().any(|byte| *byte != 0)), "{dtype}: {apart:?}");
        }
    }

    /// A result without elements is not copied, for where it lies another may begin.
    #[test]
    fn nothing_is_written_without_elements() {
        let (_, device) = pollster::block_on(crate::open(&GpuOptions::default())).unwrap();
        let shared = shared("device", device.as_dispatch()).unwrap();
        let DispatchDevice::Cube(cube) = device.as_dispatch() else { panic!("{device:?}") };
        let client = cube.client();
        let mut page = Page::new(&client, &[UNTOUCHED; PAGE]);
        let [read, written] = [page.place(0), page.place(0)].map(|handle| {
            CubeTensor::new_contiguous(client.clone(), cube.clone(), vec![0].into(), handle, BurnDType::F32)
        });
        run(&shared, &[read], &[written], |_, _, _| Ok(()));
        let after = client.read_one(page.handle).unwrap();
        assert!(after.iter().all(|byte| *byte == UNTOUCHED), "{after:?}");
    }
}
