//! What the page does on the device, for the worker of `page/worker.js`.

#![allow(missing_debug_implementations, reason = "JavaScript prints none")]

mod lens;
mod self_test;

use pliant::{DType, Gpu, Tensor, wgpu};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// The adapter's device.
#[wasm_bindgen]
pub struct Device {
    gpu: Gpu,
}

#[wasm_bindgen]
impl Device {
    pub async fn open() -> Result<Self, JsError> {
        Ok(Self { gpu: Gpu::new().await? })
    }

    /// The adapter as the browser describes it.
    pub fn name(&self) -> String {
        let wgpu::AdapterInfo { name, driver, driver_info, device_type, .. } = &self.gpu.capabilities().info;
        let known = [name, driver, driver_info].into_iter().filter(|part| !part.is_empty());
        let known = known.cloned().collect::<Vec<_>>().join(", ");
        format!("{} ({device_type:?})", if known.is_empty() { "an adapter without a name" } else { &known })
    }

    /// What a report says of the device, in lines.
    pub fn report(&self) -> String {
        let capabilities = self.gpu.capabilities();
        let limits = &capabilities.limits;
        [
            format!("adapter: {}", self.name()),
            format!("features: {:?}", capabilities.features),
            format!("subgroups: {} to {}", capabilities.info.subgroup_min_size, capabilities.info.subgroup_max_size),
            format!("largest binding: {} bytes", limits.max_storage_buffer_binding_size),
            format!("invocations of a workgroup: {}", limits.max_compute_invocations_per_workgroup),
            format!("memory of a workgroup: {} bytes", limits.max_compute_workgroup_storage_size),
        ]
        .join("\n")
    }

    /// Fails where the device is lost: nothing works on it any more.
    pub fn check(&self) -> Result<(), JsError> {
        Tensor::new(&self.gpu, [1], DType::F32)?;
        Ok(())
    }
}

/// A failure of the tests' support, in its words.
fn told(failure: pliant_support::Failure) -> JsError {
    JsError::new(&failure.to_string())
}
