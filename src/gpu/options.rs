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
    /// Features that are enabled for others on the same device, where the adapter has them; none by default.
    pub others: wgpu::Features,
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
            others: wgpu::Features::empty(),
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
    let built = wgpu::Instance::enabled_backend_features();
    // Of several backends, those that this system does not have say nothing.
    let possible = options.backends & built;
    let named = if possible.is_empty() { options.backends } else { possible };
    let mut wanted = format!("no adapter through {}", backend_names(named, " or "));
    if options.software {
        wanted += " that runs on the CPU";
    }
    if let Some(part) = &options.adapter {
        wanted += &format!(" whose name contains \"{part}\"");
    }
    wanted += " was found";
    if !found.is_empty() {
        let found: Vec<_> = found.iter().map(|info| format!("{} ({})", info.name, info.backend)).collect();
        return format!("{wanted}; there are: {}", found.join(", "));
    }
    if possible.is_empty() {
        let built = backend_names(built, ", ");
        return format!(
            "{wanted}: this build has {built}. The cargo features vulkan, metal, dx12, webgpu and gles add backends, on \
             the systems that have them."
        );
    }
    format!("{wanted}. {ADVICE}")
}

fn backend_names(backends: wgpu::Backends, between: &str) -> String {
    const NAMES: [(wgpu::Backends, &str); 5] = [
        (wgpu::Backends::VULKAN, "Vulkan"),
        (wgpu::Backends::METAL, "Metal"),
        (wgpu::Backends::DX12, "DX12"),
        (wgpu::Backends::BROWSER_WEBGPU, "WebGPU"),
        (wgpu::Backends::GL, "GL"),
    ];
    let names: Vec<_> = NAMES.iter().filter(|(flag, _)| backends.contains(*flag)).map(|(_, name)| *name).collect();
    if names.is_empty() { "no backend".to_string() } else { names.join(between) }
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
     on Arch `pacman -S vulkan-icd-loader vulkan-swrast`. `vulkaninfo --summary`, of the package vulkan-tools, lists what is there."
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_are_named_that_the_system_can_have() {
        let sentence = no_adapter(&GpuOptions::default(), &[]);
        let possible = wgpu::Backends::PRIMARY & wgpu::Instance::enabled_backend_features();
        let names = backend_names(possible, " or ");
        assert_eq!(sentence, format!("no adapter through {names} was found. {ADVICE}"));
        #[cfg(all(target_os = "linux", feature = "vulkan"))]
        assert_eq!(names, "Vulkan");
    }

    #[test]
    fn a_backend_that_the_system_cannot_have_is_named_where_it_is_asked_for() {
        let all = wgpu::Backends::all() - wgpu::Backends::NOOP;
        let options = GpuOptions {
            backends: all - wgpu::Instance::enabled_backend_features(),
            adapter: Some("some".to_string()),
            software: true,
            ..GpuOptions::default()
        };
        let sentence = no_adapter(&options, &[]);
        let wanted = backend_names(options.backends, " or ");
        let begin =
            format!("no adapter through {wanted} that runs on the CPU whose name contains \"some\" was found: ");
        assert!(sentence.starts_with(&begin), "{sentence}");
        assert!(sentence.contains("this build has ") && sentence.contains("cargo features"), "{sentence}");
    }
}
