//! The command `adapters`: what this machine has, best first.

use std::process::ExitCode;

use pliant::{Capabilities, Gpu, GpuOptions, wgpu};
use pliant_support::device::Backend;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Look at this backend only; GL is looked at only where it is named
    #[arg(long, value_enum)]
    backend: Option<Backend>,
}

pub(crate) async fn main(arguments: Arguments) -> Result<ExitCode, crate::Failure> {
    let backends = arguments.backend.map_or(wgpu::Backends::PRIMARY, Backend::backends);
    let adapters = Gpu::adapters(backends).await;
    if adapters.is_empty() {
        // The error says how to get an adapter.
        Gpu::with_options(&GpuOptions { backends, ..GpuOptions::default() }).await?;
    }
    for adapter in &adapters {
        print_adapter(adapter);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_adapter(adapter: &Capabilities) {
    let Capabilities { info, features, limits, cooperative_matrices } = adapter;
    let subgroups = match (features.contains(wgpu::Features::SUBGROUP), adapter.subgroup_size()) {
        (false, _) => "no".to_string(),
        (true, Some(size)) => format!("of {size} invocations"),
        (true, None) => format!("of {} to {} invocations", info.subgroup_min_size, info.subgroup_max_size),
    };
    println!("{}", info.name);
    let facts = [
        ("backend", info.backend.to_string()),
        ("driver", format!("{} {}", info.driver, info.driver_info)),
        ("kind", kind(info.device_type).to_string()),
        ("subgroups", subgroups),
        ("cooperative sizes", sizes(cooperative_matrices)),
        ("timestamps", if adapter.timestamps() { "yes" } else { "no" }.to_string()),
        ("largest binding", bytes(adapter.max_binding())),
        ("largest buffer", bytes(limits.max_buffer_size)),
        ("workgroup memory", bytes(limits.max_compute_workgroup_storage_size.into())),
        ("largest workgroup", format!("{} invocations", limits.max_compute_invocations_per_workgroup)),
    ];
    for (name, fact) in facts {
        println!("  {name:<18} {}", fact.trim());
    }
}

fn sizes(matrices: &[wgpu::CooperativeMatrixProperties]) -> String {
    let size = |m: &wgpu::CooperativeMatrixProperties| {
        format!("{}x{}x{} {:?} to {:?}", m.m_size, m.n_size, m.k_size, m.ab_type, m.cr_type)
    };
    if matrices.is_empty() { "none".to_string() } else { matrices.iter().map(size).collect::<Vec<_>>().join(", ") }
}

fn kind(device_type: wgpu::DeviceType) -> &'static str {
    match device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete GPU",
        wgpu::DeviceType::IntegratedGpu => "integrated GPU",
        wgpu::DeviceType::VirtualGpu => "virtual GPU",
        wgpu::DeviceType::Cpu => "CPU (software)",
        wgpu::DeviceType::Other => "unknown",
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..0x400 => format!("{count} bytes"),
        0x400..0x10_0000 => format!("{:.0} KiB", count as f64 / 1024.0),
        0x10_0000..0x4000_0000 => format!("{:.0} MiB", count as f64 / 1024.0 / 1024.0),
        _ => format!("{:.1} GiB", count as f64 / 1024.0 / 1024.0 / 1024.0),
    }
}
