//! Chips that Mesa's RADV compiles for without having them, and what it makes of a kernel.

use std::ffi::{CStr, CString, c_char};

use ash::{khr, vk};

use crate::spirv::{Bound, Kernel};

/// The environment variable by which RADV makes a device of a chip that is not there.
const FORCE_FAMILY: &str = "RADV_FORCE_FAMILY";

/// A device that compiles and runs nothing.
pub(crate) struct Chip {
    pub(crate) name: &'static str,
    /// Mesa's version.
    pub(crate) driver: String,
    pub(crate) cooperative_matrices: bool,
    instance: ash::Instance,
    device: ash::Device,
    executables: khr::pipeline_executable_properties::Device,
    /// The loader, which has to stay in memory.
    _entry: ash::Entry,
}

/// The code that a driver made of a kernel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Compiled {
    /// Vector registers of an invocation.
    pub(crate) vector_registers: u64,
    /// Registers of both kinds that were moved to memory.
    pub(crate) spills: u64,
    /// Bytes of memory that an invocation has for itself.
    pub(crate) scratch: u64,
    /// Bytes of workgroup memory.
    pub(crate) workgroup_memory: u64,
    /// Waves that a SIMD holds at a time.
    pub(crate) waves: u64,
    pub(crate) instructions: u64,
    /// The machine code.
    pub(crate) listing: String,
}

impl Chip {
    /// Opens a device of a chip, by the name that RADV has for it. No other thread may run.
    pub(crate) fn open(name: &'static str) -> Result<Self, String> {
        // SAFETY: the loader's initialisation has no other demands than that nothing unloads it, and the device keeps `entry`.
        let entry = unsafe { ash::Entry::load() }.map_err(|error| format!("there is no Vulkan loader: {error}"))?;
        // SAFETY: the program has one thread, so nothing reads the environment meanwhile.
        unsafe { std::env::set_var(FORCE_FAMILY, name) };
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let info = vk::InstanceCreateInfo::default().application_info(&application);
        // SAFETY: the structures are valid, and the instance is destroyed before `entry`.
        let instance = unsafe { entry.create_instance(&info, None) }
            .map_err(|error| format!("no Vulkan driver was found, or it failed: {error}"))?;
        let opened = Self::device(&instance, name);
        if opened.is_err() {
            // SAFETY: nothing that was made of the instance exists any more.
            unsafe { instance.destroy_instance(None) };
        }
        let (driver, cooperative_matrices, device) = opened?;
        let executables = khr::pipeline_executable_properties::Device::new(&instance, &device);
        Ok(Self { name, driver, cooperative_matrices, instance, device, executables, _entry: entry })
    }

    /// The driver's version, whether it has cooperative matrices, and the device, which the caller destroys.
    fn device(instance: &ash::Instance, name: &str) -> Result<(String, bool, ash::Device), String> {
        // SAFETY: the instance is valid here and below, and so are the physical devices that it lists.
        let physical_devices =
            unsafe { instance.enumerate_physical_devices() }.map_err(|error| no_device(name, &error.to_string()))?;
        let mut found = None;
        let mut others = Vec::new();
        for physical_device in physical_devices {
            let mut driver = vk::PhysicalDeviceDriverProperties::default();
            let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut driver);
            // SAFETY: see above.
            unsafe { instance.get_physical_device_properties2(physical_device, &mut properties) };
            let (device_name, version) = (text(&properties.properties.device_name), properties.properties.api_version);
            if device_name.contains(name) {
                found = Some((physical_device, text(&driver.driver_info), version));
            } else {
                others.push(device_name);
            }
        }
        let Some((physical_device, driver, version)) = found else {
            return Err(no_device(name, &format!("devices are: {}", others.join(", "))));
        };
        if version < vk::API_VERSION_1_3 {
            return Err(format!("{name} by {driver} has no Vulkan 1.3"));
        }
        // SAFETY: see above.
        let extensions = unsafe { instance.enumerate_device_extension_properties(physical_device) }
            .map_err(|error| error.to_string())?;
        let has = |name: &CStr| extensions.iter().any(|extension| extension.extension_name_as_c_str() == Ok(name));
        let needed = [khr::pipeline_executable_properties::NAME, ash::ext::robustness2::NAME];
        if let Some(missing) = needed.into_iter().find(|name| !has(name)) {
            return Err(format!("{name} by {driver} has no {}", missing.to_string_lossy()));
        }

        // What wgpu enables and the code depends on.
        let core = vk::PhysicalDeviceFeatures::default().robust_buffer_access(true);
        let mut core_1_3 = vk::PhysicalDeviceVulkan13Features::default()
            .robust_image_access(true)
            .subgroup_size_control(true)
            .shader_zero_initialize_workgroup_memory(true)
            .shader_integer_dot_product(true)
            .maintenance4(true);
        let mut robustness2 =
            vk::PhysicalDeviceRobustness2FeaturesEXT::default().robust_buffer_access2(true).robust_image_access2(true);
        let mut executables =
            vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
        let queues = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
        let names = needed.map(CStr::as_ptr);
        let info = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queues)
            .enabled_extension_names(&names)
            .enabled_features(&core)
            .push_next(&mut core_1_3)
            .push_next(&mut robustness2)
            .push_next(&mut executables);
        // SAFETY: the structures and what they point at are valid; the caller destroys the device before the instance.
        let device = unsafe { instance.create_device(physical_device, &info, None) }
            .map_err(|error| format!("{name} by {driver} cannot be opened: {error}"))?;
        Ok((driver, has(khr::cooperative_matrix::NAME), device))
    }

    /// Compiles a kernel, as wgpu does.
    pub(crate) fn compile(&self, kernel: &Kernel) -> Result<Compiled, String> {
        let device = &self.device;
        let error = |what: &'static str| move |error: vk::Result| format!("{what}: {error}");
        let entry_point = CString::new(kernel.entry_point).map_err(|error| error.to_string())?;

        // SAFETY: naga's validator has passed the shader, of which the SPIR-V was made, and each object is destroyed once, by the line behind it.
        let module =
            unsafe { device.create_shader_module(&vk::ShaderModuleCreateInfo::default().code(&kernel.words), None) }
                .map_err(error("the shader module"))?;
        // SAFETY: no pipeline is being made of the module any more.
        let _module = Finally(|| unsafe { device.destroy_shader_module(module, None) });

        let bindings: Vec<_> = kernel
            .bindings
            .iter()
            .map(|(binding, bound)| {
                vk::DescriptorSetLayoutBinding::default()
                    .binding(*binding)
                    .descriptor_type(descriptor_type(*bound))
                    .descriptor_count(1)
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
            })
            .collect();
        let info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
        // SAFETY: the structure and what it points at are valid.
        let set_layout = unsafe { device.create_descriptor_set_layout(&info, None) }.map_err(error("the bindings"))?;
        // SAFETY: no layout is being made of it any more.
        let _set_layout = Finally(|| unsafe { device.destroy_descriptor_set_layout(set_layout, None) });

        let set_layouts = [set_layout];
        let info = vk::PipelineLayoutCreateInfo::default().set_layouts(&set_layouts);
        // SAFETY: as above.
        let layout = unsafe { device.create_pipeline_layout(&info, None) }.map_err(error("the layout"))?;
        // SAFETY: the pipeline is destroyed first.
        let _layout = Finally(|| unsafe { device.destroy_pipeline_layout(layout, None) });

        let stage = vk::PipelineShaderStageCreateInfo::default()
            // As wgpu has it for devices with subgroups.
            .flags(vk::PipelineShaderStageCreateFlags::ALLOW_VARYING_SUBGROUP_SIZE)
            .stage(vk::ShaderStageFlags::COMPUTE)
            .module(module)
            .name(&entry_point);
        let info = vk::ComputePipelineCreateInfo::default()
            .flags(
                vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
                    | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR,
            )
            .stage(stage)
            .layout(layout);
        // SAFETY: as above; the layout has every binding of the shader.
        let pipelines = unsafe { device.create_compute_pipelines(vk::PipelineCache::null(), &[info], None) };
        let pipeline = match pipelines {
            Ok(pipelines) => pipelines.first().copied().unwrap_or_default(),
            Err((_, code)) => return Err(error("the pipeline")(code)),
        };
        // SAFETY: nothing uses the pipeline behind this function.
        let _pipeline = Finally(|| unsafe { device.destroy_pipeline(pipeline, None) });
        self.read(pipeline).map_err(error("what the driver made of it"))
    }

    fn read(&self, pipeline: vk::Pipeline) -> Result<Compiled, vk::Result> {
        // A compute pipeline has one executable.
        let executable = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline).executable_index(0);
        let mut compiled = Compiled::default();
        // SAFETY: the pipeline was made with the flag that has statistics captured.
        for statistic in unsafe { self.executables.get_pipeline_executable_statistics(&executable) }? {
            // SAFETY: RADV states all its statistics as u64.
            let value = unsafe { statistic.value.u64 };
            match text(&statistic.name).as_str() {
                "VGPRs" => compiled.vector_registers = value,
                "Spilled SGPRs" | "Spilled VGPRs" => compiled.spills += value,
                "Scratch size" => compiled.scratch = value,
                "LDS size" => compiled.workgroup_memory = value,
                "Subgroups per SIMD" => compiled.waves = value,
                "Instructions" => compiled.instructions = value,
                _ => {}
            }
        }
        // SAFETY: the pipeline was made with the flag that has representations captured.
        let mut representations =
            unsafe { self.executables.get_pipeline_executable_internal_representations(&executable) }?;
        let mut texts: Vec<Vec<u8>> = Vec::new();
        for representation in &mut representations {
            let mut room = vec![0; representation.data_size];
            representation.p_data = room.as_mut_ptr().cast();
            texts.push(room);
        }
        let mut count = u32::try_from(representations.len()).unwrap_or(u32::MAX);
        let get = self.executables.fp().get_pipeline_executable_internal_representations_khr;
        // SAFETY: as above; each representation points at as many bytes as it says.
        unsafe { get(self.device.handle(), &raw const executable, &raw mut count, representations.as_mut_ptr()) }
            .result()?;
        for (representation, bytes) in representations.iter().zip(texts) {
            if text(&representation.name).contains("Assembly") {
                compiled.listing = String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_string();
            }
        }
        Ok(compiled)
    }
}

fn no_device(name: &str, what: &str) -> String {
    format!("no Vulkan driver makes a device of {name} by {FORCE_FAMILY}, as older versions of Mesa's RADV do ({what})")
}

impl Drop for Chip {
    fn drop(&mut self) {
        // SAFETY: nothing that was made of the device or the instance outlives `compile`.
        unsafe {
            self.device.destroy_device(None);
            self.instance.destroy_instance(None);
        }
    }
}

/// Calls a closure as it goes out of scope.
struct Finally<F: FnMut()>(F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn descriptor_type(bound: Bound) -> vk::DescriptorType {
    match bound {
        Bound::Uniform => vk::DescriptorType::UNIFORM_BUFFER,
        Bound::Buffer => vk::DescriptorType::STORAGE_BUFFER,
        Bound::SampledTexture => vk::DescriptorType::SAMPLED_IMAGE,
        Bound::StorageTexture => vk::DescriptorType::STORAGE_IMAGE,
    }
}

/// The text of an array that ends with a zero.
fn text(characters: &[c_char]) -> String {
    let bytes = characters.iter().take_while(|&&c| c != 0).map(|c| c.to_ne_bytes()[0]);
    String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
}
