//! Which device a command uses.

use clap::{Args, ValueEnum};
use pliant::{Gpu, GpuOptions, Strategy, wgpu};

#[derive(Args)]
pub(crate) struct Device {
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
pub(crate) enum Backend {
    Vulkan,
    Metal,
    Dx12,
    Gl,
}

impl Backend {
    pub(crate) fn backends(self) -> wgpu::Backends {
        match self {
            Self::Vulkan => wgpu::Backends::VULKAN,
            Self::Metal => wgpu::Backends::METAL,
            Self::Dx12 => wgpu::Backends::DX12,
            Self::Gl => wgpu::Backends::GL,
        }
    }
}

impl Device {
    pub(crate) async fn gpu(&self) -> pliant::Result<Gpu> {
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
pub(crate) struct StrategyChoice {
    /// Use this family of kernels, whatever the device and the shape
    #[arg(long, value_name = "NAME", value_parser = strategy)]
    strategy: Option<Strategy>,
    /// Use each strategy in turn, and not the plan's own choice
    #[arg(long, conflicts_with = "strategy")]
    every_strategy: bool,
}

impl StrategyChoice {
    pub(crate) fn every(&self) -> bool {
        self.every_strategy
    }

    /// What to force, one after another; `None` leaves it to the plan.
    pub(crate) fn choices(&self) -> Vec<Option<Strategy>> {
        if self.every_strategy { Strategy::ALL.iter().copied().map(Some).collect() } else { vec![self.strategy] }
    }
}

fn strategy(name: &str) -> Result<Strategy, String> {
    Strategy::ALL.iter().copied().find(|strategy| strategy.name() == name).ok_or_else(|| {
        let names: Vec<_> = Strategy::ALL.iter().map(|strategy| strategy.name()).collect();
        format!("it is one of {}", names.join(", "))
    })
}
