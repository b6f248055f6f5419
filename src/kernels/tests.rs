//! Every shader, held to the conventions and translated for every target, with no device.

use std::collections::BTreeSet;

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, Scalar, ShaderStage, TypeInner};

use super::*;
use crate::dtype::DType;
use crate::geometry::{Binary, SampleDerivative, Unary};
use crate::gpu::{Image, Kernel};

/// Every kernel, and the fields of its `Params` in Rust.
const KERNELS: &[(&Kernel, &[&str])] = &[
    (&train::adam::ADAM, train::adam::Params::FIELDS),
    (&elementwise::batch_norm::BATCH_NORM, elementwise::batch_norm::Params::FIELDS),
    (&sample::bilinear_sample::BILINEAR_SAMPLE, sample::bilinear_sample::Params::FIELDS),
    (&elementwise::binary::BINARY, elementwise::binary::Params::FIELDS),
    (&sample::chain_samples::CHAIN_SAMPLES, sample::chain_samples::Params::FIELDS),
    (&conv::channels_last::CHANNELS_LAST.of_32.rows, conv::channels_last::Params::FIELDS),
    (&conv::channels_last::CHANNELS_LAST.of_32.panels, conv::channels_last::Params::FIELDS),
    (&conv::channels_last::CHANNELS_LAST.of_16.rows, conv::channels_last::Params::FIELDS),
    (&conv::channels_last::CHANNELS_LAST.of_16.panels, conv::channels_last::Params::FIELDS),
    (&conv::col2im::COL2IM.rows, conv::col2im::Params::FIELDS),
    (&conv::col2im::COL2IM.panels, conv::col2im::Params::FIELDS),
    (&conv::conv2d_direct::CONV2D_DIRECT[0], conv::conv2d_direct::Params::FIELDS),
    (&conv::conv2d_direct::CONV2D_DIRECT[1], conv::conv2d_direct::Params::FIELDS),
    (&conv::conv2d_direct::CONV2D_DIRECT[2], conv::conv2d_direct::Params::FIELDS),
    (&conv::conv2d_direct::CONV2D_DIRECT[3], conv::conv2d_direct::Params::FIELDS),
    (&conv::conv2d_direct_weight::CONV2D_DIRECT_WEIGHT, conv::conv2d_direct_weight::Params::FIELDS),
    (&movement::convert::CONVERT, movement::convert::Params::FIELDS),
    (&movement::copy_rows::COPY_ROWS, movement::copy_rows::Params::FIELDS),
    (&train::cross_entropy::CROSS_ENTROPY, train::cross_entropy::Params::FIELDS),
    (&train::cross_entropy_backward::CROSS_ENTROPY_BACKWARD, train::cross_entropy_backward::Params::FIELDS),
    (&sample::deform_col2im::DEFORM_COL2IM.rows, sample::deform_col2im::Params::FIELDS),
    (&sample::deform_col2im::DEFORM_COL2IM.panels, sample::deform_col2im::Params::FIELDS),
    (&sample::deform_col2im_touched::DEFORM_COL2IM_TOUCHED.rows, sample::deform_col2im_touched::Params::FIELDS),
    (&sample::deform_col2im_touched::DEFORM_COL2IM_TOUCHED.panels, sample::deform_col2im_touched::Params::FIELDS),
    (&sample::deform_im2col::DEFORM_IM2COL.channels.rows, conv::columns::Params::FIELDS),
    (&sample::deform_im2col::DEFORM_IM2COL.channels.panels, conv::columns::Params::FIELDS),
    (&sample::deform_im2col::DEFORM_IM2COL.quads.rows, conv::columns::Params::FIELDS),
    (&sample::deform_im2col::DEFORM_IM2COL.quads.panels, conv::columns::Params::FIELDS),
    (&sample::deform_samples::DEFORM_SAMPLES.rows, conv::columns::Params::FIELDS),
    (&sample::deform_samples::DEFORM_SAMPLES.panels, conv::columns::Params::FIELDS),
    (&reduce::flow_gradient::FLOW_GRADIENT, reduce::flow_gradient::Params::FIELDS),
    (&conv::fused_cooperative::FUSED_COOPERATIVE_8X8_8[0], conv::fused::Uniform::FIELDS),
    (&conv::fused_cooperative::FUSED_COOPERATIVE_8X8_8[1], conv::fused::Uniform::FIELDS),
    (&conv::fused_cooperative::FUSED_COOPERATIVE_8X8_32[0], conv::fused::Uniform::FIELDS),
    (&conv::fused_cooperative::FUSED_COOPERATIVE_8X8_32[1], conv::fused::Uniform::FIELDS),
    (&conv::fused_cooperative::FUSED_COOPERATIVE_16X16_32[0], conv::fused::Uniform::FIELDS),
    (&conv::fused_cooperative::FUSED_COOPERATIVE_16X16_32[1], conv::fused::Uniform::FIELDS),
    (&conv::fused_direct::FUSED_DIRECT[0], conv::fused::Uniform::FIELDS),
    (&conv::fused_direct::FUSED_DIRECT[1], conv::fused::Uniform::FIELDS),
    (&conv::fused_tile::FUSED_TILE_32X128[0], conv::fused::Uniform::FIELDS),
    (&conv::fused_tile::FUSED_TILE_32X128[1], conv::fused::Uniform::FIELDS),
    (&conv::fused_tile::FUSED_TILE_64X64[0], conv::fused::Uniform::FIELDS),
    (&conv::fused_tile::FUSED_TILE_64X64[1], conv::fused::Uniform::FIELDS),
    (&conv::fused_tile::FUSED_TILE_128X128[0], conv::fused::Uniform::FIELDS),
    (&conv::fused_tile::FUSED_TILE_128X128[1], conv::fused::Uniform::FIELDS),
    (&conv::fused_weight::FUSED_WEIGHT.of_32, conv::fused_weight::Params::FIELDS),
    (&conv::fused_weight::FUSED_WEIGHT.of_16, conv::fused_weight::Params::FIELDS),
    (&conv::im2col::IM2COL.channels.rows, conv::columns::Params::FIELDS),
    (&conv::im2col::IM2COL.channels.panels, conv::columns::Params::FIELDS),
    (&conv::im2col::IM2COL.quads.rows, conv::columns::Params::FIELDS),
    (&conv::im2col::IM2COL.quads.panels, conv::columns::Params::FIELDS),
    (&matmul::matmul_subgroup::MATMUL_SUBGROUP, matmul::subgroup_tile::Params::FIELDS),
    (&matmul::matmul_subgroup_nn::MATMUL_SUBGROUP_NN, matmul::subgroup_tile::Params::FIELDS),
    (&matmul::matmul_subgroup_tn::MATMUL_SUBGROUP_TN, matmul::subgroup_tile::Params::FIELDS),
    (&matmul::matmul_tiled::MATMUL_TILED, matmul::matmul_tiled::Params::FIELDS),
    (&elementwise::offset_field::OFFSET_FIELD, elementwise::offset_field::Params::FIELDS),
    (&elementwise::offset_field_backward::OFFSET_FIELD_BACKWARD, elementwise::offset_field::Params::FIELDS),
    (&matmul::pack_panels::PACK_PANELS, matmul::pack_panels::Params::FIELDS),
    (&conv::pack_weight::PACK_WEIGHT.of_32.rows, conv::pack_weight::Params::FIELDS),
    (&conv::pack_weight::PACK_WEIGHT.of_32.panels, conv::pack_weight::Params::FIELDS),
    (&conv::pack_weight::PACK_WEIGHT.of_16.rows, conv::pack_weight::Params::FIELDS),
    (&conv::pack_weight::PACK_WEIGHT.of_16.panels, conv::pack_weight::Params::FIELDS),
    (&roi::roi_bins::ROI_BINS, roi::roi_bins::Params::FIELDS),
    (&roi::roi_input_gradient::ROI_INPUT_GRADIENT, roi::roi_input_gradient::Params::FIELDS),
    (&roi::roi_offset_gradient::ROI_OFFSET_GRADIENT, roi::roi_offset_gradient::Params::FIELDS),
    (&roi::roi_offset_terms::ROI_OFFSET_TERMS.alone, roi::roi_planes::Params::FIELDS),
    (&roi::roi_offset_terms::ROI_OFFSET_TERMS.together, roi::roi_planes::Params::FIELDS),
    (&roi::roi_pool::ROI_POOL.alone, roi::roi_planes::Params::FIELDS),
    (&roi::roi_pool::ROI_POOL.together, roi::roi_planes::Params::FIELDS),
    (&roi::roi_touches::ROI_TOUCHES, roi::roi_touches::Params::FIELDS),
    (&sample::sample_gradients::SAMPLE_GRADIENTS_KEPT.rows, sample::sample_gradients::Params::FIELDS),
    (&sample::sample_gradients::SAMPLE_GRADIENTS_KEPT.panels, sample::sample_gradients::Params::FIELDS),
    (&sample::sample_gradients::SAMPLE_GRADIENTS.rows, sample::sample_gradients::Params::FIELDS),
    (&sample::sample_gradients::SAMPLE_GRADIENTS.panels, sample::sample_gradients::Params::FIELDS),
    (&sample::sample_planes::SAMPLE_PLANES.rows, sample::sample_planes::Params::FIELDS),
    (&sample::sample_planes::SAMPLE_PLANES.panels, sample::sample_planes::Params::FIELDS),
    (&reduce::segment_sums::SEGMENT_SUMS.of_32, reduce::segment_sums::Params::FIELDS),
    (&reduce::segment_sums::SEGMENT_SUMS.of_16, reduce::segment_sums::Params::FIELDS),
    (&train::sgd::SGD, train::sgd::Params::FIELDS),
    (&sample::touched_pixels::TOUCHED_PIXELS, sample::touched_pixels::Params::FIELDS),
    (&elementwise::unary::UNARY, elementwise::unary::Params::FIELDS),
    (&elementwise::unary_backward::UNARY_BACKWARD, elementwise::unary_backward::Params::FIELDS),
    (&sample::unchain_samples::UNCHAIN_SAMPLES, sample::unchain_samples::Params::FIELDS),
    (&conv::unpack_weight::UNPACK_WEIGHT.rows, conv::unpack_weight::Params::FIELDS),
    (&conv::unpack_weight::UNPACK_WEIGHT.panels, conv::unpack_weight::Params::FIELDS),
];

/// Whether a kernel needs what only Vulkan and Metal have.
fn cooperative(kernel: &Kernel) -> bool {
    kernel.name == "fused_cooperative"
}

fn parse(kernel: &Kernel) -> (Module, ModuleInfo) {
    let source = kernel.source();
    let label = kernel.label();
    let module = naga::front::wgsl::parse_str(&source)
        .unwrap_or_else(|error| panic!("{label}: {}", error.emit_to_string_with_path(&source, &label)));
    let mut capabilities = Capabilities::SUBGROUP;
    if cooperative(kernel) {
        capabilities |= Capabilities::SHADER_FLOAT16 | Capabilities::COOPERATIVE_MATRIX;
    }
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .validate(&module)
        .unwrap_or_else(|error| panic!("{label}: {}", error.emit_to_string_with_path(&source, &label)));
    (module, info)
}

#[test]
fn entry_points_are_named_after_their_files() {
    for (kernel, _) in KERNELS {
        let (module, _) = parse(kernel);
        let (last, _) = kernel.files.last().unwrap();
        assert!(last.ends_with(&format!("/{}.wgsl", kernel.name)), "{last}");
        assert_eq!(module.entry_points.len(), 1, "{}", kernel.label());
        let entry_point = &module.entry_points[0];
        assert_eq!(entry_point.name, kernel.name);
        assert_eq!(entry_point.stage, ShaderStage::Compute);
        assert_eq!(entry_point.workgroup_size, [kernel.workgroup_size, 1, 1], "{}", kernel.label());
    }
}

#[test]
fn bindings_follow_the_convention() {
    for (kernel, _) in KERNELS {
        let (module, info) = parse(kernel);
        let label = kernel.label();
        let mut bindings = BTreeSet::new();
        for (handle, variable) in module.global_variables.iter() {
            let name = variable.name.as_deref().unwrap();
            let Some(resource) = variable.binding else {
                assert_eq!(variable.space, AddressSpace::WorkGroup, "{label}: {name}");
                continue;
            };
            assert_eq!(resource.group, 0, "{label}: {name}");
            assert!(bindings.insert(resource.binding), "{label}: binding {} is there twice", resource.binding);
            match variable.space {
                AddressSpace::Uniform => assert_eq!((resource.binding, name), (0, "params"), "{label}"),
                AddressSpace::Storage { .. } | AddressSpace::Handle => {
                    assert_ne!(resource.binding, 0, "{label}: {name}");
                }
                space => panic!("{label}: {name} is in {space:?}"),
            }
            // A layout deduced from the shader leaves out what the entry point does not use.
            assert!(!info.get_entry_point(0)[handle].is_empty(), "{label}: {name} is not used");
        }
        assert_eq!(bindings, (0..bindings.len() as u32).collect(), "{label}: bindings have gaps");
        assert!(bindings.len() <= 1 + 8, "{label}: more than the eight storage buffers that every device has");
    }
}

#[test]
fn params_are_the_same_in_wgsl_and_rust() {
    for (kernel, fields) in KERNELS {
        let (module, _) = parse(kernel);
        let (_, params) = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("Params")).unwrap();
        let TypeInner::Struct { members, span } = &params.inner else { panic!("Params is no struct") };
        let names: Vec<_> = members.iter().map(|member| member.name.as_deref().unwrap()).collect();
        assert_eq!(names, *fields, "{}", kernel.label());
        for (index, member) in members.iter().enumerate() {
            assert_eq!(module.types[member.ty].inner, TypeInner::Scalar(Scalar::U32));
            assert_eq!(member.offset as usize, 4 * index);
        }
        assert_eq!(*span as usize, 4 * fields.len());
    }
}

#[test]
fn every_kernel_translates_for_every_target() {
    for (kernel, _) in KERNELS {
        let (module, info) = parse(kernel);
        let label = kernel.label();

        let options = naga::back::spv::Options { lang_version: (1, 3), ..Default::default() };
        let words = naga::back::spv::write_vec(&module, &info, &options, None);
        assert!(!words.unwrap_or_else(|error| panic!("{label} to SPIR-V: {error}")).is_empty());

        let options = naga::back::msl::Options { lang_version: (2, 4), ..Default::default() };
        let pipeline = naga::back::msl::PipelineOptions::default();
        let (text, _) = naga::back::msl::write_string(&module, &info, &options, &pipeline)
            .unwrap_or_else(|error| panic!("{label} to MSL: {error}"));
        assert!(text.contains("kernel void"), "{label}");
        if cooperative(kernel) {
            continue;
        }

        let options =
            naga::back::hlsl::Options { shader_model: naga::back::hlsl::ShaderModel::V6_0, ..Default::default() };
        let pipeline = naga::back::hlsl::PipelineOptions::default();
        let mut text = String::new();
        naga::back::hlsl::Writer::new(&mut text, &options, &pipeline)
            .write(&module, &info, None)
            .unwrap_or_else(|error| panic!("{label} to HLSL: {error}"));
        assert!(text.contains("numthreads"), "{label}");
    }
}

/// What every device has: wgpu's defaults.
#[test]
fn workgroups_stay_within_the_default_limits() {
    for (kernel, _) in KERNELS {
        let (module, _) = parse(kernel);
        let of_workgroup = module.global_variables.iter().filter(|(_, v)| v.space == AddressSpace::WorkGroup);
        let bytes: u32 = of_workgroup.map(|(_, v)| module.types[v.ty].inner.size(module.to_ctx())).sum();
        assert!(bytes <= 16 << 10, "{} has {bytes} bytes of workgroup memory", kernel.label());
        assert!(kernel.workgroup_size <= 256, "{}", kernel.label());
    }
}

#[test]
fn no_kernel_binds_more_images_than_are_asked_for() {
    let images = KERNELS.iter().map(|(kernel, _)| {
        let (module, _) = parse(kernel);
        let is_image = |ty| matches!(module.types[ty].inner, TypeInner::Image { .. });
        module.global_variables.iter().filter(|(_, v)| is_image(v.ty)).count() as u32
    });
    assert_eq!(images.max(), Some(Image::MOST_BOUND));
}

/// Every file is part of a kernel, opens with its contract, and what is not shared is named after its kernel.
#[test]
fn every_file_is_used_and_opens_with_its_contract() {
    let shaders = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut on_disk = BTreeSet::new();
    let mut folders = vec![shaders.clone()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wgsl") {
                on_disk.insert(path.strip_prefix(&shaders).unwrap().to_string_lossy().replace('\\', "/"));
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(text.starts_with("// "), "{} does not open with its contract", path.display());
            }
        }
    }
    // Naga does not know the directive, so no kernel has the file here.
    assert!(on_disk.remove("shared/enable_subgroups.wgsl"));
    let used = KERNELS.iter().flat_map(|(kernel, _)| kernel.files).map(|(name, _)| (*name).to_string()).collect();
    assert_eq!(on_disk, used);
}

/// WGSL knows borders, element types and functions by number.
#[test]
fn enumerations_have_the_same_numbers_in_wgsl() {
    let text = |kernel: &Kernel, file: &str| kernel.files.iter().find(|(name, _)| *name == file).unwrap().1;
    let has = |text: &str, name: &str, number: u32| {
        assert!(text.contains(&format!("const {name} = {number}u;")), "{name}");
    };
    let borders = text(&sample::bilinear_sample::BILINEAR_SAMPLE, "shared/border.wgsl");
    for (name, value) in [("ZEROS", Border::Zeros), ("CLAMP_HI", Border::ClampHi), ("STRICT", Border::Strict)] {
        has(borders, name, border(value));
    }
    let dtypes = text(&movement::convert::CONVERT, "shared/dtype.wgsl");
    for (name, value) in [("F32", DType::F32), ("F16", DType::F16), ("BF16", DType::BF16)] {
        has(dtypes, name, movement::convert::number(value));
    }
    let clip = Unary::Clip { min: -1.0, max: 1.0 };
    for (name, op) in [("SIGMOID", Unary::Sigmoid), ("TANH", Unary::Tanh), ("CLIP", Unary::Relu), ("CLIP", clip)] {
        has(text(&elementwise::unary::UNARY, "elementwise/unary.wgsl"), name, elementwise::unary::operation(op)[0]);
    }
    for (name, op) in [("SIGMOID", Unary::Sigmoid), ("TANH", Unary::Tanh), ("CLIP", clip), ("RELU", Unary::Relu)] {
        let text = text(&elementwise::unary_backward::UNARY_BACKWARD, "elementwise/unary_backward.wgsl");
        has(text, name, elementwise::unary_backward::operation(op)[0]);
    }
    for (name, op) in [("ADD", Binary::Add), ("MUL", Binary::Mul)] {
        has(text(&elementwise::binary::BINARY, "elementwise/binary.wgsl"), name, elementwise::binary::operation(op));
    }
    has(text(&elementwise::binary::BINARY, "elementwise/binary.wgsl"), "FIRST", elementwise::binary::FIRST);
    for (name, derivative) in [
        ("EXACT", SampleDerivative::Exact),
        ("BEFORE_CLAMPING", SampleDerivative::Mmcv),
        ("WITHIN_CELLS", SampleDerivative::WithinCells),
    ] {
        let text = text(&roi::roi_offset_terms::ROI_OFFSET_TERMS.alone, "roi/roi_offset_terms.wgsl");
        has(text, name, roi::roi_offset_terms::number(derivative));
    }
    has(text(&roi::roi_touches::ROI_TOUCHES, "roi/parts/roi_tiles.wgsl"), "TILE", roi::roi_touches::TILE);
}

/// What a recorder takes to be written is what the shader writes.
#[test]
fn the_bindings_that_shaders_write_are_known() {
    for (kernel, _) in KERNELS {
        let (module, _) = parse(kernel);
        let stored = module.global_variables.iter().filter_map(|(_, variable)| {
            let AddressSpace::Storage { access } = variable.space else { return None };
            access.contains(naga::StorageAccess::STORE).then_some(variable.binding.as_ref()?.binding)
        });
        let stored: BTreeSet<_> = stored.collect();
        assert_eq!(kernel.written().into_iter().collect::<BTreeSet<_>>(), stored, "{}", kernel.label());
    }
}
