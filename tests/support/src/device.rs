//! Which device a command uses, and how.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use pliant::{Gpu, GpuOptions, Strategy, wgpu};

#[derive(Args)]
pub struct Device {
    /// Use this backend only
    #[arg(long, value_enum)]
    backend: Option<Backend>,
    /// Use the adapter whose name contains this
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// Use an adapter that runs on the CPU
    #[arg(long)]
    software: bool,
    /// Use cooperative matrices where the adapter has them, which wgpu calls experimental
    #[arg(long)]
    cooperative_matrices: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Backend {
    Vulkan,
    Metal,
    Dx12,
    Gl,
}

impl Backend {
    pub fn backends(self) -> wgpu::Backends {
        match self {
            Self::Vulkan => wgpu::Backends::VULKAN,
            Self::Metal => wgpu::Backends::METAL,
            Self::Dx12 => wgpu::Backends::DX12,
            Self::Gl => wgpu::Backends::GL,
        }
    }
}

impl Device {
    pub async fn gpu(&self) -> pliant::Result<Gpu> {
        let mut options = GpuOptions {
            adapter: self.adapter.clone(),
            software: self.software,
            cooperative_matrices: self.cooperative_matrices,
            ..GpuOptions::default()
        };
        if let Some(backend) = self.backend {
            options.backends = backend.backends();
        }
        Gpu::with_options(&options).await
    }
}

#[derive(Args)]
pub struct StrategyChoice {
    /// Use this family of kernels, whatever the device and the shape
    #[arg(long, value_name = "NAME", value_parser = strategy())]
    strategy: Option<Strategy>,
    /// Use each strategy in turn, and not the plan's own choice
    #[arg(long, conflicts_with = "strategy")]
    every_strategy: bool,
}

impl StrategyChoice {
    pub fn every(&self) -> bool {
        self.every_strategy
    }

    /// The strategies to force, one after another; `None` leaves it to the plan.
    pub fn choices(&self) -> Vec<Option<Strategy>> {
        if self.every_strategy { Strategy::ALL.iter().copied().map(Some).collect() } else { vec![self.strategy] }
    }
}

/// Takes one of the strategies, and lists them in the help.
fn strategy() -> impl TypedValueParser<Value = Strategy> {
    let find = |name: String| Strategy::ALL.iter().copied().find(|strategy| strategy.name() == name);
    PossibleValuesParser::new(Strategy::ALL.iter().map(|strategy| strategy.name()))
        .try_map(move |name| find(name).ok_or("there is no such strategy"))
}

/// The element types as the help lists them.
pub const DTYPES: &str = "f32|f16|bf16";

/// Starts the program again with an `XDG_RUNTIME_DIR` where there is none. Mesa complains of that on standard error, once for each
/// Vulkan instance, and without unsafe code a program cannot change its own environment.
pub fn set_runtime_dir() {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;
        let is_set = std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|dir| std::path::Path::new(&dir).is_absolute());
        // It is set from then on, to an absolute path with nothing for Mesa in it: the program starts again once at most.
        if let (false, Ok(program)) = (is_set, std::env::current_exe()) {
            let arguments = std::env::args_os().skip(1);
            // Where that fails, the program goes on as it is.
            let _ = std::process::Command::new(&program).args(arguments).env("XDG_RUNTIME_DIR", &program).exec();
        }
    }
}
