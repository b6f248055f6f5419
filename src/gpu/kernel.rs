//! Shaders as data, and the pipelines made of them.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::{Gpu, lock};
use crate::error::Result;

/// A shader: whole WGSL files, concatenated, with one entry point. Which files there are makes the variant.
///
/// Binding 0 is the uniform `Params`; the others follow in the order in which the kernel's Rust function names them.
pub(crate) struct Kernel {
    /// File stem, entry point and Rust function.
    pub(crate) name: &'static str,
    /// The variant's name among kernels of one name; empty where there is one.
    pub(crate) variant: &'static str,
    /// The files, by name and text.
    pub(crate) files: &'static [(&'static str, &'static str)],
    /// Invocations of a workgroup.
    pub(crate) workgroup_size: u32,
}

impl Kernel {
    pub(crate) fn source(&self) -> String {
        self.files.iter().map(|(_, text)| *text).collect::<Vec<_>>().join("\n")
    }

    /// The bindings that the shader writes, of buffers.
    pub(crate) fn written(&self) -> Vec<u32> {
        let lines = self.files.iter().flat_map(|(_, text)| text.lines());
        let written = lines.filter(|line| line.contains("var<storage, read_write>"));
        written.filter_map(|line| line.split_once("@binding(")?.1.split_once(')')?.0.parse().ok()).collect()
    }

    /// The label of the kernel's pipeline: `name` or `name.variant`.
    pub(crate) fn label(&self) -> String {
        if self.variant.is_empty() { self.name.to_string() } else { format!("{}.{}", self.name, self.variant) }
    }
}

/// The `Params` of kernels that loop in the same way.
pub(crate) trait Loops: bytemuck::NoUninit {
    /// The most iterations of all loops of an invocation together: see
    /// [`Capabilities::iterations_per_invocation`](super::Capabilities::iterations_per_invocation).
    fn iterations(&self) -> Iterations {
        Iterations::NONE
    }
}

/// An upper bound of the iterations of a shader's loops, or of those of a part of it.
///
/// An iteration is an evaluation of a loop's condition, the last of which ends the loop. Invocations of a subgroup loop together, as long as
/// one of them does: what counts is the longest of them in each loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Iterations {
    /// Iterations where an invocation runs the part.
    pub(crate) taken: u64,
    /// Iterations where no invocation runs it: lavapipe runs each loop once, in a branch that none takes and in the last iteration of the
    /// loop around.
    pub(crate) skipped: u64,
}

impl Iterations {
    pub(crate) const NONE: Self = Self { taken: 0, skipped: 0 };

    /// A loop that does its body so many times, and no loops within.
    pub(crate) fn of(times: impl Into<u64>) -> Self {
        Self::each(times, Self::NONE)
    }

    /// A loop that does `body` so many times.
    pub(crate) fn each(times: impl Into<u64>, body: Self) -> Self {
        let skipped = 1 + body.skipped;
        Self { taken: times.into().saturating_mul(1 + body.taken).saturating_add(skipped), skipped }
    }
}

impl std::ops::Add for Iterations {
    type Output = Self;

    fn add(self, after: Self) -> Self {
        Self { taken: self.taken.saturating_add(after.taken), skipped: self.skipped + after.skipped }
    }
}

/// A test's addition to kernels, which counts the iterations of their loops.
#[doc(hidden)]
pub trait LoopCounters: wgpu::WasmNotSendSync {
    /// The kernel with a counter, bound behind what it has.
    fn shader(&self, kernel: &str, source: String) -> wgpu::ShaderSource<'static>;

    /// The counter of a dispatch whose loops take so many iterations at most.
    fn counter(&self, kernel: &str, iterations: u64) -> wgpu::Buffer;
}

/// The files of a kernel, by their paths under `shaders/`.
macro_rules! wgsl {
    ($($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file)))),+]
    };
}
pub(crate) use wgsl;

pub(super) struct Pipeline {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
    pub(super) label: String,
    pub(super) written: Vec<u32>,
}

/// Each pipeline behind a lock of its own, so that whoever needs one that is being compiled waits for it, and nobody else does.
#[derive(Default)]
pub(super) struct PipelineCache {
    slots: Mutex<HashMap<PipelineKey, Arc<Slot>>>,
}

type Slot = Mutex<Option<Arc<Pipeline>>>;

/// Name and variant of the kernel.
type PipelineKey = (&'static str, &'static str);

impl Gpu {
    /// The pipeline of a kernel, compiled now if it was not before.
    pub(super) fn pipeline(&self, kernel: &'static Kernel) -> Result<Arc<Pipeline>> {
        let key = (kernel.name, kernel.variant);
        let slot = Arc::clone(lock(&self.inner.pipelines.slots).entry(key).or_default());
        let mut slot = lock(&slot);
        if let Some(pipeline) = &*slot {
            return Ok(Arc::clone(pipeline));
        }
        let (label, counters) = (kernel.label(), self.loop_counters());
        let source = match counters {
            None => wgpu::ShaderSource::Wgsl(kernel.source().into()),
            Some(counters) => counters.shader(&label, kernel.source()),
        };
        let pipeline = self.guarded(|| {
            let module =
                self.device().create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(&label), source });
            let pipeline = self.device().create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(&label),
                layout: None,
                module: &module,
                entry_point: Some(kernel.name),
                compilation_options: wgpu::PipelineCompilationOptions {
                    // Every kernel writes its workgroup memory before it reads it.
                    zero_initialize_workgroup_memory: counters.is_some(),
                    ..wgpu::PipelineCompilationOptions::default()
                },
                cache: None,
            });
            let layout = pipeline.get_bind_group_layout(0);
            Pipeline { pipeline, layout, label, written: kernel.written() }
        })?;
        self.inner.counters.shader_modules.fetch_add(1, Ordering::Relaxed);
        self.inner.counters.pipelines.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::clone(slot.insert(Arc::new(pipeline))))
    }

    /// Compiles a kernel ahead of its first use.
    pub(crate) fn compile(&self, kernel: &'static Kernel) -> Result<()> {
        self.pipeline(kernel).map(drop)
    }
}
