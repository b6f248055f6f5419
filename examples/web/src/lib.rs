//! The page's work on the device, for the worker of `page/worker.js`.

#![allow(missing_debug_implementations, reason = "JavaScript prints none")]

mod lens;
mod model;
mod self_test;

use pliant::{DType, Gpu, Tensor};
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

    /// Whether the adapter runs on the CPU.
    #[wasm_bindgen(getter)]
    pub fn software(&self) -> bool {
        self.gpu.capabilities().software()
    }

    /// Lines of a report about the device.
    pub fn report(&self) -> String {
        let capabilities = self.gpu.capabilities();
        let limits = &capabilities.limits;
        [
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
