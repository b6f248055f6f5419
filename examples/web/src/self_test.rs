//! Conformance cases, judged on the device, and all shaders.

use pliant::DType;
use pliant_support::case::{self, Case, Verdict};
use pliant_support::problem::{Implementation, Storage};
use wasm_bindgen::prelude::*;

use crate::{Device, told};

/// A shader as a browser compiles it.
#[wasm_bindgen(getter_with_clone)]
pub struct Shader {
    pub label: String,
    pub wgsl: String,
}

/// Every variant of every kernel, but those of cooperative matrices, which browsers do not have.
#[wasm_bindgen]
pub fn shaders() -> Vec<Shader> {
    let texts = pliant::shader_texts().into_iter().filter(|text| text.entry_point != "fused_cooperative");
    texts.map(|text| Shader { label: text.label, wgsl: text.wgsl }).collect()
}

/// Cases of files.
#[wasm_bindgen]
#[derive(Default)]
pub struct SelfTest {
    cases: Vec<Case>,
}

#[wasm_bindgen]
impl SelfTest {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the cases in a file.
    pub fn add(&mut self, name: &str, file: Vec<u8>) -> Result<(), JsError> {
        self.cases.extend(case::read(name, file).map_err(told)?);
        Ok(())
    }

    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.cases.len()
    }

    /// Why a case fails with its tensors stored as `dtype`; nothing where it passes.
    pub async fn failure(&self, device: &Device, index: usize, dtype: &str) -> Result<Option<String>, JsError> {
        let dtype: DType = dtype.parse()?;
        let case = self.cases.get(index).ok_or_else(|| JsError::new("there is no such case"))?;
        let storage = Storage::new(dtype, dtype);
        let implementation = Implementation::Device { gpu: &device.gpu, strategy: None, storage };
        let why = match case.judge(implementation).await {
            Verdict::Passed => return Ok(None),
            Verdict::Failed(why) | Verdict::NotApplicable(why) | Verdict::Skipped(why) => why,
        };
        // On a lost device no other case can be judged either.
        device.check()?;
        Ok(Some(format!("{} in {dtype}: {why}", case.name)))
    }
}
