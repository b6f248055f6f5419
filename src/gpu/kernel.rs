//! Shaders as data, and the pipelines made of them.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::{Gpu, lock};
use crate::error::Result;

/// A file of WGSL: its path under `shaders/`, and its text.
pub(crate) type File = (&'static str, &'static str);

/// A shader: whole WGSL files, concatenated, with one entry point. Which files there are makes the variant.
///
/// Binding 0 is the uniform `Params`; the others follow in the order in which the kernel's Rust function names them.
pub(crate) trait Shader: 'static {
    /// The type of binding 0.
    type Params: bytemuck::NoUninit;

    /// The axes along which variants differ: `()` where there is one variant.
    type Axes: Axis;

    /// File stem, entry point and Rust function.
    const NAME: &'static str;

    /// The files of a variant, in their order.
    fn files(axes: Self::Axes) -> Vec<File>;

    /// Invocations of a workgroup.
    fn workgroup_size(axes: Self::Axes) -> u32;
}

/// A shader that the tests of shaders know. No other can be compiled.
pub(crate) trait Listed: Shader {}

/// An axis along which the variants of a kernel differ.
pub(crate) trait Axis: Copy + 'static {
    /// How many values there are.
    const COUNT: usize;

    /// All values, each at its index.
    fn all() -> Vec<Self>;

    fn index(self) -> usize;

    /// The value's part of a label; empty for what needs no name.
    fn label(self) -> String;
}

impl Axis for () {
    const COUNT: usize = 1;

    fn all() -> Vec<Self> {
        vec![()]
    }

    fn index(self) -> usize {
        0
    }

    fn label(self) -> String {
        String::new()
    }
}

impl<A: Axis, B: Axis> Axis for (A, B) {
    const COUNT: usize = A::COUNT * B::COUNT;

    fn all() -> Vec<Self> {
        A::all().into_iter().flat_map(|a| B::all().into_iter().map(move |b| (a, b))).collect()
    }

    fn index(self) -> usize {
        self.0.index() * B::COUNT + self.1.index()
    }

    fn label(self) -> String {
        joined(&[self.0.label(), self.1.label()])
    }
}

/// The parts of a label that are not empty.
fn joined(parts: &[String]) -> String {
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(".")
}

/// Makes an enum an axis, by the label of each value.
macro_rules! axis {
    ($axis:ident { $($value:ident: $label:literal),+ $(,)? }) => {
        impl $crate::gpu::Axis for $axis {
            const COUNT: usize = [$($label),+].len();

            fn all() -> Vec<Self> {
                vec![$(Self::$value),+]
            }

            fn index(self) -> usize {
                self as usize
            }

            fn label(self) -> String {
                match self {
                    $(Self::$value => $label.to_string(),)+
                }
            }
        }
    };
}
pub(crate) use axis;

/// A variant of a kernel.
#[derive(Clone, Copy)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) index: usize,
    pub(crate) workgroup_size: u32,
    source: fn(usize) -> Source,
}

/// The source that a variant is compiled from.
pub(crate) struct Source {
    /// Its name and that of the variant.
    pub(crate) label: String,
    pub(crate) files: Vec<File>,
}

impl Variant {
    /// All variants of a kernel.
    pub(crate) fn all<K: Listed>() -> Vec<Self> {
        K::Axes::all().into_iter().map(Self::of::<K>).collect()
    }

    pub(crate) fn of<K: Listed>(axes: K::Axes) -> Self {
        let source = |index: usize| {
            let axes = K::Axes::all()[index];
            Source { label: joined(&[K::NAME.to_string(), axes.label()]), files: K::files(axes) }
        };
        Self { name: K::NAME, index: axes.index(), workgroup_size: K::workgroup_size(axes), source }
    }

    pub(crate) fn source(&self) -> Source {
        (self.source)(self.index)
    }
}

impl Source {
    pub(crate) fn text(&self) -> String {
        self.files.iter().map(|(_, text)| *text).collect::<Vec<_>>().join("\n")
    }

    /// The shader with its `Params` copied to a private variable by the entry point's first statement.
    ///
    /// Lavapipe loads a uniform in loops and behind an early return for each invocation by itself, by some 25 instructions each. Browsers refuse a
    /// barrier behind what depends on a private variable.
    pub(crate) fn text_with_private_params(&self) -> String {
        const UNIFORM: &str = "var<uniform> params: Params;";
        const COPIED: &str = "var<uniform> given_params: Params;\nvar<private> params: Params;";
        let text = self.text().replacen(UNIFORM, COPIED, 1);
        let (head, entry_point) = text.split_once("@compute").unwrap_or_default();
        let (signature, body) = entry_point.split_once(") {\n").unwrap_or_default();
        format!("{head}@compute{signature}) {{\n    params = given_params;\n{body}")
    }

    /// The bindings that the shader writes, of buffers.
    pub(crate) fn written(&self) -> Vec<u32> {
        let lines = self.files.iter().flat_map(|(_, text)| text.lines());
        let written = lines.filter(|line| line.contains("var<storage, read_write>"));
        written.filter_map(|line| line.split_once("@binding(")?.1.split_once(')')?.0.parse().ok()).collect()
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
/// An iteration is a run of a loop's body, the last of which may do no more than end the loop. Invocations of a subgroup loop together, as long as
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

/// Files, by their paths under `shaders/`.
macro_rules! wgsl {
    ($($file:expr),+ $(,)?) => {{
        const FILES: &[$crate::gpu::File] =
            &[$(($file, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file)))),+];
        FILES
    }};
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

/// The name of a kernel, and the index of its variant.
type PipelineKey = (&'static str, usize);

impl Gpu {
    /// The pipeline of a kernel, compiled now if it was not before.
    pub(super) fn pipeline(&self, kernel: Variant) -> Result<Arc<Pipeline>> {
        let key = (kernel.name, kernel.index);
        let slot = Arc::clone(lock(&self.inner.pipelines.slots).entry(key).or_default());
        let mut slot = lock(&slot);
        if let Some(pipeline) = &*slot {
            return Ok(Arc::clone(pipeline));
        }
        let (source, counters) = (kernel.source(), self.loop_counters());
        let (label, written) = (source.label.clone(), source.written());
        let capabilities = self.capabilities();
        let private = capabilities.textures() && capabilities.info.backend != wgpu::Backend::BrowserWebGpu;
        let text = if private { source.text_with_private_params() } else { source.text() };
        let source = match counters {
            None => wgpu::ShaderSource::Wgsl(text.into()),
            Some(counters) => counters.shader(&label, text),
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
            Pipeline { pipeline, layout, label, written }
        })?;
        self.inner.counters.shader_modules.fetch_add(1, Ordering::Relaxed);
        self.inner.counters.pipelines.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::clone(slot.insert(Arc::new(pipeline))))
    }

    /// Compiles a kernel ahead of its first use.
    pub(crate) fn compile<K: Listed>(&self, axes: K::Axes) -> Result<()> {
        self.pipeline(Variant::of::<K>(axes)).map(drop)
    }

    /// Compiles each variant.
    pub(crate) fn compile_all<K: Listed>(&self) -> Result<()> {
        K::Axes::all().into_iter().try_for_each(|axes| self.compile::<K>(axes))
    }
}
