//! Which adapter, and what of it.

/// How [`Gpu::with_options`](super::Gpu::with_options) finds its adapter and what it asks of it.
///
/// ```no_run
/// # async fn example() -> pliant::Result<()> {
/// use pliant::{Gpu, GpuOptions, wgpu};
///
/// // Lavapipe, or whatever else renders in software, with subgroup operations left alone.
/// let options = GpuOptions {
///     software: true,
///     features: Gpu::OPTIONAL_FEATURES - wgpu::Features::SUBGROUP,
///     ..GpuOptions::default()
/// };
/// let gpu = Gpu::with_options(&options).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct GpuOptions {
    /// The backends to look at: Vulkan, Metal, DX12 and the browser's by default. GL counts only where it is named.
    pub backends: wgpu::Backends,
    /// A part of the adapter's name, in any case.
    pub adapter: Option<String>,
    /// Only adapters that run on the CPU.
    pub software: bool,
    /// The optional features that may be used where the adapter has them; all of
    /// [`Gpu::OPTIONAL_FEATURES`](super::Gpu::OPTIONAL_FEATURES) by default.
    pub features: wgpu::Features,
    /// Whether [`Gpu::COOPERATIVE_FEATURES`](super::Gpu::COOPERATIVE_FEATURES) are used where the adapter has them, as
    /// [`Strategy::FusedCooperative`](crate::Strategy::FusedCooperative) needs it. Off by default: wgpu calls cooperative matrices experimental, and
    /// vouches for none of the drivers that have them.
    pub cooperative_matrices: bool,
    /// Bounds on the adapter's limits: the device gets the smaller of each.
    pub limits: Option<wgpu::Limits>,
}

impl Default for GpuOptions {
    fn default() -> Self {
        Self {
            backends: wgpu::Backends::PRIMARY,
            adapter: None,
            software: false,
            features: super::Gpu::OPTIONAL_FEATURES,
            cooperative_matrices: false,
            limits: None,
        }
    }
}

impl GpuOptions {
    /// The features that may be used.
    pub(super) fn allowed(&self) -> wgpu::Features {
        let cooperative =
            if self.cooperative_matrices { super::Gpu::COOPERATIVE_FEATURES } else { wgpu::Features::empty() };
        self.features & super::Gpu::OPTIONAL_FEATURES | cooperative
    }

    /// Whether an adapter satisfies the options; its backend was chosen by the instance.
    pub(super) fn admits(&self, info: &wgpu::AdapterInfo) -> bool {
        let named = self.adapter.as_ref().is_none_or(|part| info.name.to_lowercase().contains(&part.to_lowercase()));
        named && (!self.software || info.device_type == wgpu::DeviceType::Cpu)
    }
}

/// Discrete before integrated before anything virtual before the CPU.
pub(super) fn preference(info: &wgpu::AdapterInfo) -> u32 {
    match info.device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

/// The sentence of [`Error::NoAdapter`](crate::Error::NoAdapter): what was asked, what there is, what to do.
pub(super) fn no_adapter(options: &GpuOptions, found: &[wgpu::AdapterInfo]) -> String {
    let mut wanted = format!("no adapter of {}", backend_names(options.backends));
    if options.software {
        wanted += " that runs on the CPU";
    }
    if let Some(part) = &options.adapter {
        wanted += &format!(" whose name contains \"{part}\"");
    }
    if !found.is_empty() {
        let found: Vec<_> = found.iter().map(|info| format!("{} ({})", info.name, info.backend)).collect();
        return format!("{wanted}; there are: {}", found.join(", "));
    }
    let built = wgpu::Instance::enabled_backend_features();
    if !options.backends.intersects(built) {
        let built = backend_names(built);
        return format!(
            "{wanted} was found: this build has {built}. The cargo features vulkan, metal, dx12, webgpu and gles add \
             backends, on the systems that have them."
        );
    }
    format!("{wanted} was found. {ADVICE}")
}

fn backend_names(backends: wgpu::Backends) -> String {
    let names: Vec<_> = backends.iter_names().map(|(name, _)| name).collect();
    if names.is_empty() { "no backend".to_string() } else { names.join(", ") }
}

const ADVICE: &str = if cfg!(target_arch = "wasm32") {
    "The browser must offer WebGPU (navigator.gpu) in a secure context: see the browser's release notes and flags."
} else if cfg!(target_os = "windows") {
    "Install the graphics vendor's driver (Vulkan or DX12). Without a GPU, Windows brings WARP, a software adapter for DX12: \
     it needs the optional feature \"Graphics Tools\" on some editions."
} else if cfg!(any(target_os = "macos", target_os = "ios")) {
    "Metal comes with the system; in a virtual machine, enable its paravirtualised GPU."
} else if cfg!(target_os = "android") {
    "The device must offer Vulkan 1.1 or later."
} else {
    "Install the graphics vendor's Vulkan driver. Without a GPU, install lavapipe, Mesa's software adapter: \
     on Debian and Ubuntu `apt-get install libvulkan1 mesa-vulkan-drivers`, on Fedora `dnf install vulkan-loader mesa-vulkan-drivers`, \
     on Arch `pacman -S vulkan-icd-loader vulkan-swrast`. `vulkaninfo --summary` lists what is there."
};
