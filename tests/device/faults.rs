//! Faults are told, by a sentence, at the call or at the next download; nothing stale comes back; a new device works.
//!
//! | fault | test | told as, where |
//! | --- | --- | --- |
//! | the device is destroyed | `a_destroyed_device_is_told_and_a_new_one_works` | `DeviceLost` at every later call |
//! | the caller's device is destroyed | `a_destroyed_device_of_the_callers_is_told` | `DeviceLost` at every later call |
//! | a download waits meanwhile | `a_download_that_waits_when_the_callers_device_is_destroyed_is_told` | `DeviceLost` from the download |
//! | and other threads are at work | `no_call_succeeds_in_any_thread_after_a_loss_was_told` | `DeviceLost` at every later call |
//! | the device is lost by its own doing (injected) | `a_lost_device_stays_lost` | `DeviceLost` at every later call |
//! | no memory for a buffer (injected, at each of them) | `out_of_memory_is_told_and_leaves_nothing` | `OutOfMemory` at the call |
//! | a buffer was destroyed | `a_destroyed_buffer_is_told` | `Validation` at the call |
//! | a buffer is mapped | `a_mapped_buffer_is_refused_until_it_is_read` | `Validation` at the submission |
//! | a second consuming download of a tensor | `downloads::a_second_consuming_download_leaves_the_first_alone` | `Validation` at the call |
//! | a download of what was not submitted | `downloads::what_was_recorded_and_not_submitted_is_not_downloaded` | `NotSubmitted` at the call |
//! | a call of the caller's own fails on pliant's device | `an_error_of_the_callers_own_comes_out_once` | `Validation` at the next call, once |
//! | a device below wgpu's default limits | `embedding::a_device_below_the_default_limits_is_refused` | `Limit` at once |
//! | a tensor beyond the largest buffer | `limits::a_tensor_beyond_the_largest_buffer_is_an_error` | `Limit` at the call |
//! | more than can be bound | `limits::an_op_that_fails_records_nothing` | `Limit` at the call |
//! | a buffer that is too small, or that lacks a usage | `buffers_that_do_not_fit_are_refused` | `Shape` or `Attribute` at the call |
//! | a tensor of another device | `calls::what_belongs_to_another_device_is_refused` | `Device` at the call |
//! | no adapter | `calls::an_adapter_that_is_not_there_is_told` | `NoAdapter` at once |

use pliant::*;
use pliant::{Conv2dPlan, DType, Error, Gpu, Recorder, Tensor, wgpu};

use crate::calls::convolution;
use crate::embedding::foreign;
use crate::gpu;
use crate::support::problem::Array;

fn new_gpu() -> Gpu {
    pollster::block_on(Gpu::new()).unwrap()
}

/// The whole way of a call.
fn output(gpu: &Gpu, inputs: &Conv2dInputs<Tensor>, plan: &Conv2dPlan) -> pliant::Result<Vec<f32>> {
    let mut recorder = Recorder::new(gpu);
    let output = plan.forward(&mut recorder, inputs)?;
    recorder.submit()?;
    output.download_blocking()
}

/// On a device of its own, so that nothing is left over from what went wrong elsewhere.
fn a_new_device_works() {
    let gpu = new_gpu();
    let (inputs, plan) = convolution(&gpu);
    assert!(output(&gpu, &inputs, &plan).unwrap().iter().all(|element| element.is_finite()));
}

#[test]
fn a_destroyed_device_is_told_and_a_new_one_works() {
    let gpu = new_gpu();
    let (inputs, plan) = convolution(&gpu);
    let waiting = inputs.input.download::<f32>().unwrap();
    gpu.device().destroy();
    let lost = output(&gpu, &inputs, &plan);
    assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
    for _ in 0..2 {
        let lost = inputs.input.download::<f32>().and_then(pollster::block_on);
        assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
        let lost = Tensor::new(&gpu, [1], DType::F32);
        assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
        let lost = inputs.input.clone().into_download::<f32>().and_then(pollster::block_on);
        assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
    }
    let lost = pollster::block_on(waiting);
    assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
    a_new_device_works();
}

#[test]
fn a_destroyed_device_of_the_callers_is_told() {
    let (device, queue) = foreign(wgpu::Limits::default(), wgpu::Features::empty());
    let gpu = Gpu::from_wgpu(device.clone(), queue, None).unwrap();
    let (inputs, plan) = convolution(&gpu);
    let (waiting, recorder) = (inputs.input.download::<f32>().unwrap(), Recorder::new(&gpu));
    device.destroy();
    // The first call that is made, and the next.
    let lost = Tensor::new(&gpu, [1], DType::F32);
    assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
    let lost = pollster::block_on(waiting);
    assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
    let lost = recorder.submit();
    assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
    let lost = gpu.wait();
    assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
    for _ in 0..2 {
        let lost = output(&gpu, &inputs, &plan);
        assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
        let lost = Tensor::new(&gpu, [1], DType::F32);
        assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
        let lost = inputs.input.download::<f32>().and_then(pollster::block_on);
        assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
    }
    a_new_device_works();
}

#[test]
fn a_download_that_waits_when_the_callers_device_is_destroyed_is_told() {
    for poll in [false, true] {
        let (device, queue) = foreign(wgpu::Limits::default(), wgpu::Features::empty());
        let gpu = Gpu::from_wgpu(device.clone(), queue, None).unwrap();
        let (inputs, _) = convolution(&gpu);
        let waiting = inputs.input.download::<f32>().unwrap();
        device.destroy();
        if poll {
            let _ = device.poll(wgpu::PollType::Poll);
        }
        let lost = pollster::block_on(waiting);
        assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
        let lost = Tensor::new(&gpu, [1], DType::F32);
        assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
    }
}

/// Whoever has been told of the loss tells the others: what begins after that fails, in every thread.
#[test]
fn no_call_succeeds_in_any_thread_after_a_loss_was_told() {
    use std::sync::atomic::{AtomicBool, Ordering};
    for _ in 0..20 {
        let (device, queue) = foreign(wgpu::Limits::default(), wgpu::Features::empty());
        let gpu = Gpu::from_wgpu(device.clone(), queue, None).unwrap();
        let (inputs, plan) = convolution(&gpu);
        let told = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0.. {
                        let before = told.load(Ordering::SeqCst);
                        let mut recorder = Recorder::new(&gpu);
                        let results = [
                            plan.forward(&mut recorder, &inputs).map(drop),
                            recorder.submit(),
                            inputs.input.download_blocking::<f32>().map(drop),
                        ];
                        for result in results {
                            match result {
                                Ok(()) => assert!(!before),
                                Err(Error::DeviceLost(_)) => told.store(true, Ordering::SeqCst),
                                Err(error) => panic!("{error:?}"),
                            }
                        }
                        if before {
                            break;
                        }
                        if round == 3 {
                            device.destroy();
                        }
                    }
                });
            }
        });
    }
}

#[test]
fn a_lost_device_stays_lost() {
    let gpu = new_gpu();
    let (inputs, plan) = convolution(&gpu);
    let waiting = inputs.input.download::<f32>().unwrap();
    gpu.inject_device_lost();
    let lost = pollster::block_on(waiting);
    assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
    for _ in 0..2 {
        let lost = output(&gpu, &inputs, &plan);
        assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
        let lost = gpu.wait();
        assert!(matches!(lost, Err(Error::DeviceLost(_))), "{lost:?}");
    }
    a_new_device_works();
}

#[test]
fn out_of_memory_is_told_and_leaves_nothing() {
    let gpu = new_gpu();
    let (inputs, plan) = convolution(&gpu);
    let expected = output(&gpu, &inputs, &plan).unwrap();
    // From nothing, each of the buffers that the call makes fails in turn.
    let mut failures = 0;
    for before in 0.. {
        drop(output(&gpu, &inputs, &plan));
        gpu.trim();
        let bytes = gpu.counts().buffer_bytes;
        let mut recorder = Recorder::new(&gpu);
        gpu.inject_out_of_memory(before);
        let result = plan.forward(&mut recorder, &inputs).and_then(|output| {
            recorder.submit()?;
            output.download_blocking::<f32>()
        });
        match result {
            Err(Error::OutOfMemory(_)) => failures += 1,
            Ok(elements) => {
                assert_eq!(elements, expected);
                break;
            }
            Err(error) => panic!("{error:?}"),
        }
        drop(recorder);
        gpu.trim();
        assert_eq!(gpu.counts().buffer_bytes, bytes);
        assert_eq!(output(&gpu, &inputs, &plan).unwrap(), expected);
    }
    // The output, three workspaces, the staging buffer of the download.
    assert!(failures >= 5, "{failures}");

    // Making a plan makes buffers too.
    let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    gpu.inject_out_of_memory(0);
    let error = Conv2dPlan::new(&gpu, &op, &inputs).map(drop).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory(_)), "{error:?}");
    gpu.inject_out_of_memory(0);
    let error = Tensor::upload(&gpu, [1], &[1.0f32]).map(drop).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory(_)), "{error:?}");
}

#[test]
fn a_destroyed_buffer_is_told() {
    let (inputs, plan) = convolution(gpu());
    inputs.weight.buffer().destroy();
    let error = output(gpu(), &inputs, &plan).unwrap_err();
    assert!(matches!(error, Error::Validation(_)), "{error:?}");
    let error = inputs.weight.download_blocking::<f32>().unwrap_err();
    assert!(matches!(error, Error::Validation(_)), "{error:?}");
    // Nothing is left of it.
    let (inputs, plan) = convolution(gpu());
    assert!(output(gpu(), &inputs, &plan).is_ok());
}

#[test]
fn a_mapped_buffer_is_refused_until_it_is_read() {
    if !gpu().capabilities().mappable_tensors() {
        return;
    }
    let (inputs, plan) = convolution(gpu());
    let references = inputs.as_ref();
    let mut recorder = Recorder::new(gpu());
    let first = plan.forward(&mut recorder, &references).unwrap();
    recorder.submit().unwrap();
    let download = first.into_download::<f32>().unwrap();
    let error = recorder.submit().unwrap_err();
    assert!(matches!(error, Error::Validation(_)), "{error:?}");
    assert!(download.wait().is_ok());
    recorder.submit().unwrap();
    gpu().wait().unwrap();
}

#[test]
fn an_error_of_the_callers_own_comes_out_once() {
    let gpu = new_gpu();
    let tensor = Tensor::upload(&gpu, [1], &[1.0f32]).unwrap();
    // More than the device makes, outside any error scope.
    let size = gpu.capabilities().limits.max_buffer_size + 4;
    let usage = wgpu::BufferUsages::STORAGE;
    drop(gpu.device().create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false }));
    assert!(matches!(tensor.download_blocking::<f32>(), Err(Error::Validation(_))));
    assert_eq!(tensor.download_blocking::<f32>().unwrap(), [1.0]);
}

#[test]
fn buffers_that_do_not_fit_are_refused() {
    let buffer = |usage| {
        gpu().device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 64,
            usage,
            mapped_at_creation: false,
        })
    };
    let error = Tensor::from_buffer(gpu(), buffer(Tensor::USAGES), 2, [1], DType::F32).unwrap_err();
    assert_eq!(error.to_string(), "the offset is 2 bytes; it must be a multiple of 4");
    let error = Tensor::from_buffer(gpu(), buffer(Tensor::USAGES), 8, [15], DType::F32).unwrap_err();
    assert_eq!(error.to_string(), "15 elements of f32 from byte 8 on end at byte 68; the buffer has 64");
    let error = Tensor::from_buffer(gpu(), buffer(wgpu::BufferUsages::COPY_DST), 0, [1], DType::F32).unwrap_err();
    assert!(error.to_string().contains("STORAGE is needed"), "{error}");
    let tensor = Tensor::from_buffer(gpu(), buffer(wgpu::BufferUsages::STORAGE), 0, [1], DType::F32).unwrap();
    let error = tensor.download::<f32>().map(drop).unwrap_err();
    assert!(error.to_string().contains("COPY_SRC is needed"), "{error}");
    let error = Array::filled([1], 1.0).upload(gpu()).unwrap().download::<half::bf16>().map(drop).unwrap_err();
    assert_eq!(error.to_string(), "the tensor holds f32; bf16 was asked for");
}
