//! Devices that burn and pliant share.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::backend::DispatchDevice;
use burn::tensor::Device;
use burn::tensor::wgpu::{MemoryConfiguration, WgpuSetup};
use pliant::wgpu::Features;
use pliant::{DType, Error, Gpu, GpuOptions, Result, Tensor};

use crate::run::{memory, submit};

/// The features of an adapter that burn's kernels take for granted.
pub const FEATURES: Features = Features::SHADER_F16
    .union(Features::SHADER_F64)
    .union(Features::SHADER_INT64)
    .union(Features::SHADER_FLOAT32_ATOMIC)
    .union(Features::TIMESTAMP_QUERY);

/// A device of burn's with pliant's view of it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gpu: Gpu,
    device: DispatchDevice,
    copies: AtomicU64,
}

impl Shared {
    pub(crate) fn count_copy(&self) {
        self.copies.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn copies(&self) -> u64 {
        self.copies.load(Ordering::Relaxed)
    }
}

/// The devices that are shared. burn's own are global, and its backends are types without values: there is no other place for them.
static DEVICES: Mutex<Vec<Arc<Shared>>> = Mutex::new(Vec::new());

/// Locks, whether or not another thread panicked: the list is whole at every moment. Whoever adds a device holds the lock from the look-up on.
fn devices() -> MutexGuard<'static, Vec<Arc<Shared>>> {
    DEVICES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Finds the entry of the device that an argument names or lies on, whether or not it differentiates.
pub(crate) fn shared(argument: &'static str, device: &DispatchDevice) -> Result<Arc<Shared>> {
    find(&devices(), device).cloned().ok_or_else(|| Error::Device {
        argument,
        message: format!(
            "{argument} is on {device:?}, which pliant does not share; open it by pliant_burn::open, set burn up by pliant_burn::device, or name it to \
             pliant_burn::share"
        ),
    })
}

fn find<'a>(devices: &'a [Arc<Shared>], device: &DispatchDevice) -> Option<&'a Arc<Shared>> {
    // burn compares devices by what they compute on, not by whether they differentiate.
    devices.iter().find(|shared| shared.device == *device)
}

fn entry(device: &Device, gpu: &Gpu) -> Arc<Shared> {
    let device = device.as_dispatch().clone().inner();
    Arc::new(Shared { gpu: gpu.clone(), device, copies: AtomicU64::new(0) })
}

/// Opens the best adapter that satisfies the options, with [`FEATURES`] besides, for both: [`Gpu::with_options`], then [`device`].
///
/// ```no_run
/// # async fn example() -> pliant::Result<()> {
/// use burn::tensor::Tensor;
/// use pliant::GpuOptions;
///
/// let (gpu, device) = pliant_burn::open(&GpuOptions::default()).await?;
/// let image = Tensor::<4>::zeros([1, 64, 56, 56], &device);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::NoAdapter`] where no adapter satisfies the options, [`Error::Unsupported`] where it gives no device or burn refuses it.
pub async fn open(options: &GpuOptions) -> Result<(Gpu, Device)> {
    let gpu = Gpu::with_options(&GpuOptions { others: options.others | FEATURES, ..options.clone() }).await?;
    let device = device(&gpu)?;
    Ok((gpu, device))
}

/// Sets burn up on the device of a `Gpu`, with a page of memory for each tensor, so that none is ever copied for pliant. Called again, it gives the
/// same device.
///
/// ```no_run
/// # async fn example() -> pliant::Result<()> {
/// use pliant::{Gpu, GpuOptions};
///
/// let gpu = Gpu::with_options(&GpuOptions { others: pliant_burn::FEATURES, ..GpuOptions::default() }).await?;
/// let device = pliant_burn::device(&gpu)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Unsupported`] where pliant has not opened the device itself, where it lacks some of [`FEATURES`] that its adapter has, and where burn
/// refuses it.
pub fn device(gpu: &Gpu) -> Result<Device> {
    let mut devices = devices();
    if let Some(shared) = devices.iter().find(|shared| shared.gpu == *gpu) {
        return Ok(Device::from(shared.device.clone()));
    }
    let (Some(instance), Some(adapter)) = (gpu.instance(), gpu.adapter()) else {
        let message = "burn needs the instance of the device, which Gpu::from_wgpu is not given; set burn up by Device::wgpu_options().setup, and \
                       name both to pliant_burn::share";
        return Err(Error::Unsupported(message.to_string()));
    };
    let missing = (adapter.features() & FEATURES) - gpu.device().features();
    if !missing.is_empty() {
        let message = format!(
            "the device lacks {missing:?}, which its adapter has and burn takes for granted; name pliant_burn::FEATURES as GpuOptions::others"
        );
        return Err(Error::Unsupported(message));
    }
    let setup = WgpuSetup {
        instance: instance.clone(),
        adapter: adapter.clone(),
        device: gpu.device().clone(),
        queue: gpu.queue().clone(),
        backend: adapter.get_info().backend,
    };
    let options = Device::wgpu_options().setup(setup).memory_config(MemoryConfiguration::ExclusivePages);
    let device = options.init().map_err(|error| Error::Unsupported(format!("burn refuses the device: {error}")))?;
    devices.push(entry(&device, gpu));
    Ok(device)
}

/// Shares a device of burn's, with the handles that burn gave or was given for it. Called again, it gives the same `Gpu`.
///
/// burn may place several tensors in one buffer, unless it was set up with `MemoryConfiguration::ExclusivePages`. wgpu lets no kernel write a buffer
/// that it reads, so a result that burn places beside an argument is computed elsewhere and copied: [`copies`] counts.
///
/// ```no_run
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use burn::tensor::Device;
/// use burn::tensor::wgpu::MemoryConfiguration;
///
/// let (device, setup) = Device::wgpu_options().memory_config(MemoryConfiguration::ExclusivePages).init_with_setup()?;
/// let gpu = pliant_burn::share(&device, &setup)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Limit`] where the device has less than wgpu's default limits of what pliant uses; [`Error::Device`] where the setup is that of another
/// device, which is not seen in a browser; [`Error::Unsupported`] where the device is not one of wgpu's.
///
/// # Panics
/// Where the setup is that of a device of another [`wgpu::Instance`](pliant::wgpu::Instance), wgpu may panic: it counts buffers by instance.
pub fn share(device: &Device, setup: &WgpuSetup) -> Result<Gpu> {
    let mut devices = devices();
    if let Some(shared) = find(&devices, device.as_dispatch()) {
        return Ok(shared.gpu.clone());
    }
    let gpu = Gpu::from_wgpu(setup.device.clone(), setup.queue.clone(), Some(&setup.adapter))?;
    #[cfg(not(target_family = "wasm"))]
    check_setup(device, &gpu)?;
    devices.push(entry(device, &gpu));
    Ok(gpu)
}

/// Refuses a `Gpu` on another device than burn's. Neither burn nor wgpu tells the device of a buffer, so a few bytes of burn's are read by the `Gpu`.
#[cfg(not(target_family = "wasm"))]
fn check_setup(device: &Device, gpu: &Gpu) -> Result<()> {
    let DispatchDevice::Cube(cube) = device.as_dispatch().clone().inner() else {
        return Err(Error::Unsupported(format!("the device is {device:?}; pliant shares those of wgpu")));
    };
    let client = cube.client();
    let random = RandomState::new().hash_one(0);
    let written = [random as i32, (random >> 32) as i32];
    let (buffer, offset, _kept) = memory(&client, client.create_from_slice(&random.to_le_bytes()))?;
    submit(&client)?;
    match Tensor::from_buffer(gpu, buffer, offset, [2], DType::I32)?.download_blocking::<i32>() {
        Ok(read) if read == written => Ok(()),
        Ok(_) | Err(Error::Validation(_)) => {
            let message = format!(
                "setup is that of another device than {device:?}; the one that burn gave or was given for it is needed"
            );
            Err(Error::Device { argument: "setup", message })
        }
        Err(error) => Err(error),
    }
}

/// The results that were copied so far, because burn had placed them in the buffer of an argument: none on a device with a page for each tensor.
///
/// ```no_run
/// # fn example(device: &burn::tensor::Device) -> pliant::Result<()> {
/// assert_eq!(pliant_burn::copies(device)?, 0);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Device`] where the device is not shared.
pub fn copies(device: &Device) -> Result<u64> {
    Ok(shared("device", device.as_dispatch())?.copies())
}
