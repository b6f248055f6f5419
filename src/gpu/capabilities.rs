//! Capabilities of a device, as far as they matter here.

use super::{Fit, Gpu, Iterations, Texture, Unfit};
use crate::error::{Error, Result};

/// The capabilities that an adapter offers, or that a [`Gpu`] has enabled.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// Name, backend, driver and kind of the adapter.
    pub info: wgpu::AdapterInfo,
    /// Which of [`Gpu::OPTIONAL_FEATURES`] and [`Gpu::COOPERATIVE_FEATURES`] there are.
    pub features: wgpu::Features,
    /// The limits.
    pub limits: wgpu::Limits,
    /// The sizes of cooperative matrices, which an adapter tells and a device does not; empty where there are none.
    pub cooperative_matrices: Vec<wgpu::CooperativeMatrixProperties>,
}

/// The subgroups of an adapter that runs on the CPU, by their invocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subgroup {
    Of4,
    Of8,
}

impl Subgroup {
    pub(crate) fn invocations(self) -> u32 {
        match self {
            Self::Of4 => 4,
            Self::Of8 => 8,
        }
    }
}

impl Capabilities {
    pub(super) fn of_adapter(adapter: &wgpu::Adapter) -> Self {
        Self::new(adapter.get_info(), adapter.features(), adapter.limits(), Some(adapter))
    }

    pub(super) fn of_device(device: &wgpu::Device, adapter: Option<&wgpu::Adapter>) -> Self {
        Self::new(device.adapter_info(), device.features(), device.limits(), adapter)
    }

    fn new(
        info: wgpu::AdapterInfo,
        features: wgpu::Features,
        limits: wgpu::Limits,
        adapter: Option<&wgpu::Adapter>,
    ) -> Self {
        let cooperative = features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX);
        let cooperative_matrices =
            adapter.filter(|_| cooperative).map(wgpu::Adapter::cooperative_matrix_properties).unwrap_or_default();
        let features = features & (Gpu::OPTIONAL_FEATURES | Gpu::COOPERATIVE_FEATURES);
        let mut capabilities = Self { info, features, limits, cooperative_matrices };
        if !capabilities.software() {
            // It would put tensors where a GPU reads them slowly.
            capabilities.features.remove(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS);
        }
        capabilities
    }

    /// Refuses limits below wgpu's defaults, of those that kernels or their buffers meet.
    pub(super) fn check_defaults(&self) -> Result<()> {
        let default = wgpu::Limits::default();
        let needed = wgpu::Limits {
            max_buffer_size: default.max_buffer_size,
            max_bind_groups: default.max_bind_groups,
            max_bindings_per_bind_group: default.max_bindings_per_bind_group,
            max_storage_buffer_binding_size: default.max_storage_buffer_binding_size,
            max_storage_buffers_per_shader_stage: default.max_storage_buffers_per_shader_stage,
            max_uniform_buffer_binding_size: default.max_uniform_buffer_binding_size,
            max_uniform_buffers_per_shader_stage: default.max_uniform_buffers_per_shader_stage,
            max_buffers_and_acceleration_structures_per_shader_stage: default
                .max_buffers_and_acceleration_structures_per_shader_stage,
            max_compute_workgroup_storage_size: default.max_compute_workgroup_storage_size,
            max_compute_invocations_per_workgroup: default.max_compute_invocations_per_workgroup,
            max_compute_workgroup_size_x: default.max_compute_workgroup_size_x,
            max_compute_workgroup_size_y: default.max_compute_workgroup_size_y,
            max_compute_workgroup_size_z: default.max_compute_workgroup_size_z,
            max_compute_workgroups_per_dimension: default.max_compute_workgroups_per_dimension,
            ..self.limits.clone()
        };
        let mut refused = Ok(());
        needed.check_limits_with_fail_fn(&self.limits, true, |limit, needs, has| {
            refused = Err(Error::limit("device", format!("the device has {limit} {has}; at least {needs} is needed")));
        });
        refused
    }

    /// Whether kernels run on the CPU. These adapters want other kernels than GPUs do.
    pub fn software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// The number of invocations of a subgroup, where subgroup operations may be used and that number is fixed.
    pub fn subgroup_size(&self) -> Option<u32> {
        let (least, most) = (self.info.subgroup_min_size, self.info.subgroup_max_size);
        (self.features.contains(wgpu::Features::SUBGROUP) && least == most).then_some(least)
    }

    /// Whether a tile's 64 sums in each invocation leave too few registers for others. No device tells, so it is known by kind: AMD's GCN, which
    /// alone of AMD's has subgroups of 64 and no others, holds two such waves where the half tile's are four; Intel's have 64 registers for
    /// each of 16 invocations.
    pub(crate) fn few_registers(&self) -> bool {
        const INTEL: u32 = 0x8086;
        let gcn = (self.info.subgroup_min_size, self.info.subgroup_max_size) == (64, 64);
        !self.software() && (gcn || self.info.vendor == INTEL)
    }

    /// The subgroups of an adapter that runs on the CPU, where they share what they load by broadcasts. SwiftShader, the one adapter of this vendor,
    /// does twice as much so, but takes half a minute more to compile what a small model needs.
    pub(crate) fn cpu_subgroup(&self) -> Option<Subgroup> {
        const GOOGLE: u32 = 0x1ae0;
        match self.subgroup_size().filter(|_| self.software() && self.info.vendor != GOOGLE)? {
            4 => Some(Subgroup::Of4),
            8 => Some(Subgroup::Of8),
            _ => None,
        }
    }

    /// Whether kernels keep their workspace in textures, and multiply matrices by subgroups. Adapters that run on the CPU load lane by lane: a
    /// texel costs them much less than four words of a buffer. It takes subgroups of 4 or 8, not those of SwiftShader, textures of 8192 x 8192 texels, and four
    /// of them bound at once (`max_storage_textures_per_shader_stage`).
    pub fn textures(&self) -> bool {
        let limits = &self.limits;
        self.cpu_subgroup().is_some()
            && limits.max_texture_dimension_2d >= Texture::MIN_DIMENSION
            && limits.max_storage_textures_per_shader_stage >= Texture::MOST_BOUND
    }

    /// Whether kernels may multiply matrices of `side` rows and columns of f16 into sums of f32.
    pub(crate) fn multiplies_f16(&self, side: u32) -> bool {
        use wgpu::CooperativeScalarType::{F16, F32};
        let square = |matrices: &wgpu::CooperativeMatrixProperties| {
            [matrices.m_size, matrices.n_size, matrices.k_size] == [side; 3]
                && (matrices.ab_type, matrices.cr_type) == (F16, F32)
        };
        self.features.contains(Gpu::COOPERATIVE_FEATURES) && self.cooperative_matrices.iter().any(square)
    }

    /// Whether tensors lie in memory that the host can map.
    pub fn mappable_tensors(&self) -> bool {
        self.features.contains(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS)
    }

    /// Whether the host writes a buffer's first contents where kernels read them. DX12 would take memory for it that kernels on a CPU read slowly.
    pub(crate) fn fills_in_place(&self) -> bool {
        self.mappable_tensors() && self.info.backend == wgpu::Backend::Vulkan
    }

    /// Whether the device writes timestamps.
    pub fn timestamps(&self) -> bool {
        self.features.contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// Units of work for moving or sampling one element. A unit is one multiplication with an addition of a matrix product that suits the
    /// device.
    pub(crate) const WORK_PER_ELEMENT: u64 = 64;

    /// The most work that a dispatch should do: half a second for a slow device of its kind.
    pub(crate) fn work_per_dispatch(&self) -> u64 {
        if self.software() { 1 << 30 } else { 1 << 33 }
    }

    /// The most work of a submission: systems with a watchdog kill a long one. None watches the CPU, where a second submission blocks its
    /// caller until the first has ended.
    pub(crate) fn work_per_submission(&self) -> u64 {
        if self.software() { u64::MAX } else { self.work_per_dispatch() }
    }

    /// The elements that a dispatch should move or sample at most.
    pub(crate) fn elements_per_dispatch(&self) -> u64 {
        self.work_per_dispatch() / Self::WORK_PER_ELEMENT
    }

    /// Refuses more elements than a dispatch should move or sample.
    pub(crate) fn check_elements(&self, argument: &'static str, elements: u64) -> Fit {
        let most = self.elements_per_dispatch();
        if elements > most {
            let message = format!("{argument} has {elements} elements; a dispatch does {most} at most");
            return Err(Unfit::too_large(argument, message));
        }
        Ok(())
    }

    /// The most iterations of all loops of an invocation: see [`Iterations`]. Lavapipe leaves the loops after so many, whatever is left to do.
    /// On a GPU they take a second or so.
    pub(crate) fn iterations_per_invocation(&self) -> u64 {
        if self.software() { 65_535 } else { 1 << 23 }
    }

    /// Refuses more iterations than an invocation's loops may take.
    pub(crate) fn check_iterations(&self, kernel: &'static str, iterations: Iterations) -> Fit {
        let (iterations, most) = (iterations.taken, self.iterations_per_invocation());
        if iterations > most {
            let message =
                format!("an invocation of {kernel} takes {iterations} iterations; the device does {most} at most");
            return Err(Unfit::too_large(kernel, message));
        }
        Ok(())
    }

    /// The most bytes of a buffer that one binding shows to a kernel.
    pub fn max_binding(&self) -> u64 {
        // Whole quads; and below 4 GiB, so that every element's index fits u32 with room to spare.
        let most = self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size).min((1 << 32) - 256);
        most / 16 * 16
    }
}
