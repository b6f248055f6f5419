//! A kernel as SPIR-V, as wgpu has it written for RADV.

use std::collections::BTreeMap;

use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, ImageClass, ShaderStage, TypeInner};
use pliant::ShaderText;

/// The version of SPIR-V, that of Vulkan 1.3.
const VERSION: (u8, u8) = (1, 6);

/// The content of a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Uniform,
    Buffer,
    SampledTexture,
    StorageTexture,
}

/// A variant of a kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) label: String,
    pub(crate) entry_point: &'static str,
    pub(crate) words: Vec<u32>,
    /// The bindings, by their numbers.
    pub(crate) bindings: BTreeMap<u32, Bound>,
    /// The invocations of a workgroup.
    pub(crate) invocations: u32,
    /// Whether it multiplies cooperative matrices.
    pub(crate) cooperative: bool,
}

impl Kernel {
    /// Whether GPUs run it. Kernels that keep workspace in textures are for adapters that run on the CPU.
    pub(crate) fn for_gpus(&self) -> bool {
        self.bindings.values().all(|bound| matches!(bound, Bound::Uniform | Bound::Buffer))
    }

    /// Translates a shader.
    pub(crate) fn new(shader: ShaderText) -> Result<Self, String> {
        let ShaderText { label, entry_point, wgsl } = shader;
        let module = naga::front::wgsl::parse_str(&wgsl).map_err(|error| error.emit_to_string(&wgsl))?;
        let capabilities = Capabilities::SUBGROUP | Capabilities::SHADER_FLOAT16 | Capabilities::COOPERATIVE_MATRIX;
        let info = Validator::new(ValidationFlags::all(), capabilities)
            .validate(&module)
            .map_err(|error| error.emit_to_string(&wgsl))?;

        let mut bindings = BTreeMap::new();
        let mut binding_map = spv::BindingMap::default();
        for (_, variable) in module.global_variables.iter() {
            let Some(resource) = variable.binding else { continue };
            let bound = match (variable.space, &module.types[variable.ty].inner) {
                (AddressSpace::Uniform, _) => Bound::Uniform,
                (AddressSpace::Storage { .. }, _) => Bound::Buffer,
                (AddressSpace::Handle, TypeInner::Image { class: ImageClass::Storage { .. }, .. }) => {
                    Bound::StorageTexture
                }
                (AddressSpace::Handle, TypeInner::Image { .. }) => Bound::SampledTexture,
                (space, _) => return Err(format!("binding {} is in {space:?}", resource.binding)),
            };
            bindings.insert(resource.binding, bound);
            let info = spv::BindingInfo {
                descriptor_set: resource.group,
                binding: resource.binding,
                binding_array_size: None,
            };
            binding_map.insert(resource, info);
        }

        // As wgpu does before it writes SPIR-V: what the entry point does not use is left out.
        let stage = (ShaderStage::Compute, entry_point);
        let (module, info) =
            naga::back::pipeline_constants::process_overrides(&module, &info, Some(stage), &Default::default())
                .map_err(|error| error.to_string())?;
        let of_pipeline =
            spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: entry_point.to_string() };
        let words = spv::write_vec(&module, &info, &options(binding_map), Some(&of_pipeline))
            .map_err(|error| error.to_string())?;
        let invocations =
            module.entry_points.iter().map(|entry_point| entry_point.workgroup_size.iter().product::<u32>()).sum();
        let cooperative = module.types.iter().any(|(_, ty)| matches!(ty.inner, TypeInner::CooperativeMatrix { .. }));
        Ok(Self { label, entry_point, words, bindings, invocations, cooperative })
    }
}

/// The options of wgpu for a device of Vulkan 1.3 with `robustBufferAccess2` and `robustImageAccess2`, in a build without debug information, and
/// for a pipeline whose workgroup memory is not zeroed.
fn options(binding_map: spv::BindingMap) -> spv::Options<'static> {
    spv::Options {
        lang_version: VERSION,
        flags: spv::WriterFlags::LABEL_VARYINGS | spv::WriterFlags::FORCE_POINT_SIZE,
        fake_missing_bindings: false,
        binding_map,
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Restrict,
            buffer: BoundsCheckPolicy::Unchecked,
            image_load: BoundsCheckPolicy::Unchecked,
            binding_array: BoundsCheckPolicy::Unchecked,
        },
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: true,
        emit_int_div_checks: true,
        ..spv::Options::default()
    }
}
