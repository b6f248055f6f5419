//! Every shader, held to the conventions and translated for every target, with no device.

use std::collections::{BTreeMap, BTreeSet};

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Handle, Module, Scalar, ShaderStage, Statement, Type, TypeInner};

use super::*;
use crate::dtype::DType;
use crate::geometry::{Binary, SampleDerivative, ScatterReduction};
use crate::gpu::{Listed, Source, Texture};
use crate::kernels::elementwise::unary_words::Words;
use crate::kernels::sample::sample_gradients::Stored;

/// A scalar of a struct in a uniform: its path and its type.
pub(super) type Field = (String, Scalar);

/// The scalars of a struct in a uniform.
pub(super) trait Fields {
    /// All scalars, in their order.
    fn fields() -> Vec<Field>;

    /// All scalars, in their order, as part of another struct.
    fn named(name: &str) -> Vec<Field> {
        let within = |path: String| if path.is_empty() { name.to_string() } else { format!("{name}.{path}") };
        Self::fields().into_iter().map(|(path, scalar)| (within(path), scalar)).collect()
    }
}

impl Fields for u32 {
    fn fields() -> Vec<Field> {
        vec![(String::new(), Scalar::U32)]
    }
}

impl Fields for f32 {
    fn fields() -> Vec<Field> {
        vec![(String::new(), Scalar::F32)]
    }
}

/// The scalars of a struct in WGSL, each with its offset.
fn scalars(module: &Module, ty: Handle<Type>, path: &str, offset: u32) -> Vec<(Field, u32)> {
    match &module.types[ty].inner {
        TypeInner::Scalar(scalar) => vec![((path.to_string(), *scalar), offset)],
        TypeInner::Struct { members, .. } => {
            let dot = if path.is_empty() { "" } else { "." };
            let of_member = |member: &naga::StructMember| {
                let path = format!("{path}{dot}{}", member.name.as_deref().unwrap());
                scalars(module, member.ty, &path, offset + member.offset)
            };
            members.iter().flat_map(of_member).collect()
        }
        inner => panic!("{path} is {inner:?}"),
    }
}

/// The fields of a kernel's `Params` in Rust.
pub(super) fn fields_of<K: Listed<Params: Fields>>() -> Vec<Field> {
    K::Params::fields()
}

/// A variant of a kernel, and the fields of its `Params` in Rust.
struct Declared {
    variant: Variant,
    source: Source,
    fields: Vec<Field>,
}

/// Every variant of every kernel, which has the name of its module.
fn kernels() -> Vec<Declared> {
    let fields = params_fields();
    let declared = variants().into_iter().map(|variant| {
        let fields = fields.get(variant.name).unwrap_or_else(|| panic!("no module has the name {}", variant.name));
        Declared { variant, source: variant.source(), fields: fields.clone() }
    });
    declared.collect()
}

impl Declared {
    fn label(&self) -> &str {
        &self.source.label
    }

    /// Whether it needs what only Vulkan and Metal have.
    fn cooperative(&self) -> bool {
        self.variant.name == "fused_cooperative"
    }

    fn parse(&self) -> (Module, ModuleInfo) {
        self.parse_text(&self.source.text())
    }

    fn parse_text(&self, source: &str) -> (Module, ModuleInfo) {
        let label = self.label();
        let module = naga::front::wgsl::parse_str(source)
            .unwrap_or_else(|error| panic!("{label}: {}", error.emit_to_string_with_path(source, label)));
        let mut capabilities = Capabilities::SUBGROUP;
        if self.cooperative() {
            capabilities |= Capabilities::SHADER_FLOAT16 | Capabilities::COOPERATIVE_MATRIX;
        }
        let info = Validator::new(ValidationFlags::all(), capabilities)
            .validate(&module)
            .unwrap_or_else(|error| panic!("{label}: {}", error.emit_to_string_with_path(source, label)));
        (module, info)
    }
}

#[test]
fn values_of_axes_stand_at_their_indices() {
    let mut next = BTreeMap::new();
    for variant in variants() {
        let index = next.entry(variant.name).or_insert(0);
        assert_eq!(variant.index, *index, "{}", variant.name);
        *index += 1;
    }
}

#[test]
fn entry_points_are_named_after_their_files() {
    for kernel in kernels() {
        let (module, _) = kernel.parse();
        let (last, _) = kernel.source.files.last().unwrap();
        assert!(last.ends_with(&format!("/{}.wgsl", kernel.variant.name)), "{last}");
        assert_eq!(module.entry_points.len(), 1, "{}", kernel.label());
        let entry_point = &module.entry_points[0];
        assert_eq!(entry_point.name, kernel.variant.name);
        assert_eq!(entry_point.stage, ShaderStage::Compute);
        assert_eq!(entry_point.workgroup_size, [kernel.variant.workgroup_size, 1, 1], "{}", kernel.label());
    }
}

#[test]
fn bindings_follow_the_convention() {
    for kernel in kernels() {
        let (module, info) = kernel.parse();
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
fn params_are_copied_to_a_private_variable() {
    for kernel in kernels() {
        let (module, _) = kernel.parse_text(&kernel.source.text_with_private_params());
        let space = |space| {
            let variables = module.global_variables.iter().map(|(_, variable)| variable);
            variables.filter(|variable| variable.space == space).collect::<Vec<_>>()
        };
        let ([given], [params]) = (&space(AddressSpace::Uniform)[..], &space(AddressSpace::Private)[..]) else {
            panic!("{}: one uniform, and its copy", kernel.label());
        };
        assert_eq!([given, params].map(|variable| variable.name.as_deref().unwrap()), ["given_params", "params"]);
        let body = &module.entry_points[0].function.body;
        let first = body.iter().find(|statement| !matches!(statement, Statement::Emit(_)));
        assert!(matches!(first, Some(Statement::Store { .. })), "{}: {first:?}", kernel.label());
    }
}

#[test]
fn params_are_the_same_in_wgsl_and_rust() {
    for kernel in kernels() {
        let (module, _) = kernel.parse();
        let (ty, params) = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("Params")).unwrap();
        let (fields, offsets): (Vec<_>, Vec<_>) = scalars(&module, ty, "", 0).into_iter().unzip();
        assert_eq!(fields, kernel.fields, "{}", kernel.label());
        assert!(offsets.iter().copied().eq((0..).step_by(4).take(fields.len())), "{} has gaps", kernel.label());
        assert_eq!(params.inner.size(module.to_ctx()) as usize, 4 * fields.len());
    }
}

#[test]
fn every_kernel_translates_for_every_target() {
    for kernel in kernels() {
        let (module, info) = kernel.parse();
        let label = kernel.label();

        let options = naga::back::spv::Options { lang_version: (1, 3), ..Default::default() };
        let words = naga::back::spv::write_vec(&module, &info, &options, None);
        assert!(!words.unwrap_or_else(|error| panic!("{label} to SPIR-V: {error}")).is_empty());

        let options = naga::back::msl::Options { lang_version: (2, 4), ..Default::default() };
        let pipeline = naga::back::msl::PipelineOptions::default();
        let (text, _) = naga::back::msl::write_string(&module, &info, &options, &pipeline)
            .unwrap_or_else(|error| panic!("{label} to MSL: {error}"));
        assert!(text.contains("kernel void"), "{label}");
        if kernel.cooperative() {
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

/// The components of the widest vector in a type.
fn widest(module: &Module, ty: Handle<Type>) -> u8 {
    match module.types[ty].inner {
        TypeInner::Vector { size, .. } => size as u8,
        TypeInner::Array { base, .. } => widest(module, base),
        TypeInner::Struct { ref members, .. } => {
            members.iter().map(|member| widest(module, member.ty)).max().unwrap_or(1)
        }
        _ => 1,
    }
}

/// Drivers lay workgroup memory out in the order of the declarations, and align a vector no better than a word: behind a single word, quads are
/// loaded in pieces.
#[test]
fn workgroup_memory_has_wide_vectors_first() {
    for kernel in kernels() {
        let (module, _) = kernel.parse();
        let of_workgroup = module.global_variables.iter().filter(|(_, v)| v.space == AddressSpace::WorkGroup);
        let widths: Vec<_> =
            of_workgroup.map(|(_, v)| (v.name.as_deref().unwrap_or_default(), widest(&module, v.ty))).collect();
        assert!(widths.is_sorted_by(|(_, one), (_, next)| one >= next), "{}: {widths:?}", kernel.label());
    }
}

/// Every device has wgpu's default limits.
#[test]
fn workgroups_stay_within_the_default_limits() {
    for kernel in kernels() {
        let (module, _) = kernel.parse();
        let of_workgroup = module.global_variables.iter().filter(|(_, v)| v.space == AddressSpace::WorkGroup);
        let bytes: u32 = of_workgroup.map(|(_, v)| module.types[v.ty].inner.size(module.to_ctx())).sum();
        assert!(bytes <= 16 << 10, "{} has {bytes} bytes of workgroup memory", kernel.label());
        assert!(kernel.variant.workgroup_size <= 256, "{}", kernel.label());
    }
}

#[test]
fn no_kernel_binds_more_textures_than_are_asked_for() {
    let textures = kernels().into_iter().map(|kernel| {
        let (module, _) = kernel.parse();
        let is_texture = |ty| matches!(module.types[ty].inner, TypeInner::Image { .. });
        module.global_variables.iter().filter(|(_, v)| is_texture(v.ty)).count() as u32
    });
    assert_eq!(textures.max(), Some(Texture::MOST_BOUND));
}

/// Every file is part of a kernel, opens with a comment, and what is not shared is named after its kernel.
#[test]
fn every_file_is_used_and_opens_with_a_comment() {
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
    let used = kernels().iter().flat_map(|kernel| &kernel.source.files).map(|(name, _)| (*name).to_string()).collect();
    assert_eq!(on_disk, used);
}

/// WGSL knows borders, element types and functions by number.
#[test]
fn enumerations_have_the_same_numbers_in_wgsl() {
    let files: BTreeMap<_, _> = kernels().into_iter().flat_map(|kernel| kernel.source.files).collect();
    let has = |file: &str, name: &str, number: u32| {
        assert!(files[file].contains(&format!("const {name} = {number}u;")), "{name}");
    };
    for (name, value) in [("ZEROS", Border::Zeros), ("CLAMP_HI", Border::ClampHi), ("STRICT", Border::Strict)] {
        has("shared/border.wgsl", name, border(value));
    }
    for (name, value) in [("F32", DType::F32), ("F16", DType::F16), ("BF16", DType::BF16)] {
        has("shared/dtype.wgsl", name, movement::convert::number(value));
    }
    for (name, value) in [("LEFT", Stored::Left), ("WRITTEN", Stored::Written), ("ADDED", Stored::Added)] {
        has("shared/panels/gradients.wgsl", name, value as u32);
    }
    for (name, value) in [
        ("REPLACE", ScatterReduction::Replace),
        ("ADD", ScatterReduction::Add),
        ("MUL", ScatterReduction::Mul),
        ("MIN", ScatterReduction::Min),
    ] {
        has("movement/scatter.wgsl", name, movement::scatter::operation(value));
    }
    for (name, function) in [
        ("CLIP", activation::Function::Clip),
        ("SIGMOID", activation::Function::Sigmoid),
        ("SILU", activation::Function::Silu),
        ("GELU", activation::Function::Gelu),
    ] {
        has("shared/activation/params.wgsl", name, function as u32);
    }
    for (name, function) in [
        ("CLIP", Words::Clip),
        ("ABS", Words::Abs),
        ("NEG", Words::Neg),
        ("SIGN", Words::Sign),
        ("NOT", Words::Not),
        ("IS_NAN", Words::IsNan),
        ("IS_INF", Words::IsInf),
        ("NONZERO", Words::Nonzero),
        ("TO_INTEGER", Words::ToInteger),
        ("TO_FLOAT", Words::ToFloat),
    ] {
        has("elementwise/unary_words.wgsl", name, function as u32);
    }
    for (file, name, op, floats) in [
        ("plain", "ADD", Binary::Add, false),
        ("plain", "SUB", Binary::Sub, false),
        ("plain", "MUL", Binary::Mul, false),
        ("plain", "MIN", Binary::Min, false),
        ("plain", "MAX", Binary::Max, false),
        ("plain", "AND", Binary::And, false),
        ("plain", "OR", Binary::Or, false),
        ("plain", "XOR", Binary::Xor, false),
        ("plain", "COMPARE", Binary::Less, false),
        ("plain", "COMPARE_FLOATS", Binary::Less, true),
        ("quotient", "DIV", Binary::Div, false),
        ("quotient", "FMOD", Binary::Fmod, false),
        ("quotient", "MOD", Binary::Mod, false),
    ] {
        let function = elementwise::binary_words::function(op, floats).map(|(_, number, _)| number);
        has(&format!("elementwise/of_words/{file}.wgsl"), name, function.unwrap());
    }
    for (name, relation) in [("LESS", Binary::Less), ("EQUAL", Binary::Equal), ("GREATER", Binary::Greater)] {
        let (_, _, relations) = elementwise::binary_words::function(relation, true).unwrap();
        has("elementwise/parts/relation.wgsl", name, relations.trailing_zeros());
    }
    for (name, derivative) in [
        ("EXACT", SampleDerivative::Exact),
        ("BEFORE_CLAMPING", SampleDerivative::Mmcv),
        ("WITHIN_CELLS", SampleDerivative::WithinCells),
    ] {
        has("roi/roi_offset_terms.wgsl", name, roi::roi_offset_terms::number(derivative));
    }
    has("roi/parts/roi_tiles.wgsl", "TILE", roi::roi_touches::TILE);
}

/// A recorder takes to be written whatever the shader writes.
#[test]
fn the_bindings_that_shaders_write_are_known() {
    for kernel in kernels() {
        let (module, _) = kernel.parse();
        let stored = module.global_variables.iter().filter_map(|(_, variable)| {
            let AddressSpace::Storage { access } = variable.space else { return None };
            access.contains(naga::StorageAccess::STORE).then_some(variable.binding.as_ref()?.binding)
        });
        let stored: BTreeSet<_> = stored.collect();
        assert_eq!(kernel.source.written().into_iter().collect::<BTreeSet<_>>(), stored, "{}", kernel.label());
    }
}
