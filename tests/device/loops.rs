//! How often the loops of a kernel run, counted by what is added to naga's module of the very files that ship: never more often than the kernel
//! states, and as often as that, nearly, somewhere.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use naga::{Arena, Binding, Block, BuiltIn, Expression, Function, FunctionArgument, Handle, Literal, Module};
use naga::{Scalar, ShaderStage, Span, Statement, Type, TypeInner};
use pliant::*;
use pliant::{DType, Error, Gpu, LoopCounters, Strategy, wgpu};

use crate::limits::with_limits;
use crate::random::draw_legal;
use crate::shapes::deform_conv2d;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways};
use crate::support::random::{labels, normal};
use crate::{
    check_backward_on, check_on, dtypes, elementwise, nn, reductions, spatial, strategies, training, winograd,
};

/// Counters of the iterations of subgroups, whose invocations loop together: the most of a subgroup, and those of all with one more for each.
/// `begin_count` makes sure that every kernel has the counters.
const COUNT: &str = "
struct Counters { most: atomic<u32>, all: atomic<u32> }
@group(0) @binding(0) var<storage, read_write> counters: Counters;
var<workgroup> counted: array<atomic<u32>, 256>;
var<private> subgroup_counted: u32;

// Iterations, taken back where there are 2^32 less.
fn count(iterations: u32) {
    if subgroupExclusiveAdd(1u) == 0u {
        atomicAdd(&counted[subgroup_counted], iterations);
        atomicAdd(&counters.all, iterations);
    }
}

fn count_at_most() {
    if subgroupExclusiveAdd(1u) == 0u {
        atomicMax(&counters.most, atomicLoad(&counted[subgroup_counted]));
    }
}

fn begin_count(subgroup: u32, iterations: u32) {
    subgroup_counted = subgroup;
    count(iterations);
    if subgroupExclusiveAdd(1u) == 0u {
        atomicAdd(&counters.all, 1u);
    }
}
";

/// A kernel that counts the iterations of its loops as lavapipe does: it runs the body of each loop at least once, whether an invocation takes it
/// or not.
fn counting(source: &str) -> Module {
    // Directives come first.
    let start = source.rfind("\nenable ").map_or(0, |enable| enable + 1 + source[enable + 1..].find('\n').unwrap());
    let (directives, rest) = source.split_at(start);
    let mut module = naga::front::wgsl::parse_str(&format!("{directives}\n{COUNT}\n{rest}")).unwrap();

    let mut bindings = module.global_variables.iter_mut().filter_map(|(_, variable)| variable.binding.as_mut());
    let counter = bindings.next().unwrap();
    counter.binding = bindings.count() as u32;

    let named = |name: &str| {
        let mut functions = module.functions.iter();
        functions.find(|(_, function)| function.name.as_deref() == Some(name)).unwrap().0
    };
    let begin = named("begin_count");
    let mut counters = Counter { count: named("count"), count_at_most: named("count_at_most"), loops: HashMap::new() };
    // Functions come before those that call them.
    for (handle, function) in module.functions.iter_mut() {
        let loops = counters.add(&mut function.expressions, &mut function.body);
        counters.loops.insert(handle, loops);
    }
    let word = module.types.insert(Type { name: None, inner: TypeInner::Scalar(Scalar::U32) }, Span::UNDEFINED);
    let [entry_point] = &mut module.entry_points[..] else { panic!("one entry point") };
    assert_eq!(entry_point.stage, ShaderStage::Compute);
    let function = &mut entry_point.function;
    let loops = counters.add(&mut function.expressions, &mut function.body);
    let binding = Some(Binding::BuiltIn(BuiltIn::SubgroupId));
    let known = function.arguments.iter().position(|argument| argument.binding == binding);
    let index = known.unwrap_or(function.arguments.len());
    if known.is_none() {
        function.arguments.push(FunctionArgument { name: Some("subgroup_of_count".to_string()), ty: word, binding });
    }
    let subgroup = function.expressions.append(Expression::FunctionArgument(index as u32), Span::UNDEFINED);
    let arguments = vec![subgroup, literal(&mut function.expressions, loops)];
    function.body.splice(0..0, call(begin, arguments));
    module
}

fn call(function: Handle<Function>, arguments: Vec<Handle<Expression>>) -> Block {
    Block::from_vec(vec![Statement::Call { function, arguments, result: None }])
}

fn literal(expressions: &mut Arena<Expression>, value: u32) -> Handle<Expression> {
    expressions.append(Expression::Literal(Literal::U32(value)), Span::UNDEFINED)
}

/// Adds counters to the loops of functions.
struct Counter {
    count: Handle<Function>,
    count_at_most: Handle<Function>,
    /// The loops of each function, and of those that it calls.
    loops: HashMap<Handle<Function>, u32>,
}

impl Counter {
    /// Has every loop of a block count its iterations, and gives how many loops there are.
    ///
    /// Whatever is around a loop counts one iteration of it beforehand, which is what it takes where no invocation comes to it. One that does
    /// takes this back.
    fn add(&self, expressions: &mut Arena<Expression>, block: &mut Block) -> u32 {
        let mut counted = Block::new();
        let mut loops = 0;
        for (mut statement, span) in std::mem::take(block).span_into_iter() {
            match &mut statement {
                Statement::Block(block) => loops += self.add(expressions, block),
                Statement::If { accept, reject, .. } => {
                    loops += self.add(expressions, accept) + self.add(expressions, reject);
                }
                Statement::Switch { cases, .. } => {
                    loops += cases.iter_mut().map(|case| self.add(expressions, &mut case.body)).sum::<u32>();
                }
                Statement::Call { function, .. } => loops += self.loops[function],
                Statement::Loop { body, continuing, .. } => {
                    let all = 1 + self.add(expressions, body) + self.add(expressions, continuing);
                    let (iteration, back) = (literal(expressions, all), literal(expressions, all.wrapping_neg()));
                    body.splice(0..0, call(self.count_at_most, Vec::new()));
                    body.splice(0..0, call(self.count, vec![iteration]));
                    counted.append(&mut call(self.count, vec![back]));
                    loops += all;
                }
                _ => {}
            }
            counted.push(statement, span);
        }
        *block = counted;
        loops
    }
}

/// A dispatch: its kernel, what that states, and the counter.
type Counted = (String, u64, wgpu::Buffer);

struct Counters {
    device: wgpu::Device,
    dispatches: Mutex<Vec<Counted>>,
}

impl LoopCounters for Counters {
    fn shader(&self, _: &str, source: String) -> wgpu::ShaderSource<'static> {
        wgpu::ShaderSource::Naga(std::borrow::Cow::Owned(counting(&source)))
    }

    fn counter(&self, kernel: &str, iterations: u64) -> wgpu::Buffer {
        let counter = buffer(&self.device, 2, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC);
        self.dispatches.lock().unwrap().push((kernel.to_string(), iterations, counter.clone()));
        counter
    }
}

fn buffer(device: &wgpu::Device, words: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("iterations"),
        size: 4 * words,
        usage,
        mapped_at_creation: false,
    })
}

/// Iterations that do not matter next to those that a device does.
const FEW: u64 = 512;

/// A device that counts.
struct Counting {
    gpu: Gpu,
    counters: Arc<Counters>,
    seen: BTreeSet<String>,
    /// Kernels that were seen to take about what they state.
    reached: BTreeSet<String>,
    /// The iterations of all subgroups, with one more for each subgroup.
    work: u64,
}

impl Counting {
    /// Where a device has subgroups.
    fn new(limit: impl FnOnce(&mut wgpu::Limits)) -> Option<Self> {
        let gpu = with_limits(limit);
        if !gpu.capabilities().features.contains(wgpu::Features::SUBGROUP) {
            eprintln!("{gpu:?} has no subgroups: nothing is counted");
            return None;
        }
        let counters = Arc::new(Counters { device: gpu.device().clone(), dispatches: Mutex::default() });
        gpu.inject_loop_counters(counters.clone());
        Some(Self { gpu, counters, seen: BTreeSet::new(), reached: BTreeSet::new(), work: 0 })
    }

    /// Holds what was counted since the last time against what kernels state, and gives the most.
    fn check(&mut self, what: &str) -> u64 {
        let dispatches = std::mem::take(&mut *self.counters.dispatches.lock().unwrap());
        let words = 2 * dispatches.len() as u64;
        if words == 0 {
            return 0;
        }
        let device = self.gpu.device();
        let staging = buffer(device, words, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for (index, (.., counter)) in dispatches.iter().enumerate() {
            encoder.copy_buffer_to_buffer(counter, 0, &staging, 8 * index as u64, 8);
        }
        self.gpu.queue().submit([encoder.finish()]);
        staging.map_async(wgpu::MapMode::Read, .., |mapped| mapped.unwrap());
        self.gpu.wait().unwrap();
        let view = staging.get_mapped_range(..).unwrap();
        let words = bytemuck::cast_slice::<u8, [u32; 2]>(&view);
        let mut most = 0;
        for ((kernel, stated, _), &counts) in dispatches.into_iter().zip(words) {
            let [counted, all] = counts.map(u64::from);
            self.work += all;
            assert!(counted <= stated, "{kernel} takes {counted} iterations and states {stated}: {what}");
            most = most.max(counted);
            if stated <= 2 * counted + FEW {
                self.reached.insert(kernel.clone());
            }
            self.seen.insert(kernel);
        }
        most
    }

    /// Does a problem and its gradients, which agree with the reference, and gives the most iterations of a dispatch.
    fn run(&mut self, problem: &Problem, strategy: Option<Strategy>, storage: Storage) -> u64 {
        let gpu = self.gpu.clone();
        let device = Implementation::Device { gpu: &gpu, strategy, storage };
        // Integers have no gradients.
        let backward = || match storage.data.is_float() {
            true => check_backward_on(problem, 1, device, Ways::One),
            false => Ok(()),
        };
        if let Err(failure) = check_on(problem, device).and_then(|()| backward()) {
            panic!("{failure}\n{}", problem.describe());
        }
        self.check(&problem.describe())
    }
}

/// The kernels by name.
fn kernels() -> BTreeSet<String> {
    let shaders = concat!(env!("CARGO_MANIFEST_DIR"), "/shaders");
    let families = std::fs::read_dir(shaders).unwrap().map(|family| family.unwrap().path());
    let files = families.filter(|family| !family.ends_with("shared")).flat_map(|family| family.read_dir().unwrap());
    let names = files.filter_map(|file| Some(file.unwrap().file_name().to_str()?.strip_suffix(".wgsl")?.to_string()));
    let names: BTreeSet<_> = names.collect();
    assert!(names.contains("im2col"), "{names:?}");
    names
}

fn conv2d(op: Conv2d, input: [u32; 4], weight: [u32; 4]) -> Problem {
    let mut rng = Rng::with_seed(101);
    let [input, weight] = [input, weight].map(|shape| normal(&mut rng, shape, 1.0));
    Problem::Conv2d(op, Conv2dInputs { input, weight, bias: None })
}

/// A convolution of an image of one pixel, the first tap of the kernel, with padding behind for the others.
fn taps(kernel: [u32; 2]) -> Problem {
    let op = Conv2d { padding: [0, 0, kernel[0] - 1, kernel[1] - 1], ..Conv2d::default() };
    conv2d(op, [1; 4], [1, 1, kernel[0], kernel[1]])
}

/// A deformable problem with the samples of all taps in one cell.
fn samples(kernel: [u32; 2]) -> Problem {
    let taps = kernel[0] * kernel[1];
    let op = DeformConv2d { padding: [0, 0, kernel[0] - 1, kernel[1] - 1], ..DeformConv2d::default() };
    let mut rng = Rng::with_seed(102);
    let offset = Array::from_fn([1, 2 * taps, 1, 1], |index| {
        let tap = index as u32 / 2;
        -([tap / kernel[1], tap % kernel[1]][index % 2] as f32) + 0.25
    });
    let [input, weight] = [[1; 4], [1, 1, kernel[0], kernel[1]]].map(|shape| normal(&mut rng, shape, 1.0));
    Problem::DeformConv2d(op, DeformConv2dInputs { input, offset, mask: None, weight, bias: None })
}

/// Strips of few samples, all in one cell, beside the pixels of an image.
fn crowded() -> Problem {
    let (kernel, stride, side) = (60, 40, 400);
    let (taps, out) = (kernel * kernel, (side - kernel) / stride + 1);
    let offset = Array::from_fn([1, 2 * taps, out, out], |index| {
        let (plane, pixel) = (index as u32 / (out * out), index as u32 % (out * out));
        let (tap, axis) = (plane / 2, plane as usize % 2);
        0.25 - ([pixel / out, pixel % out][axis] * stride + [tap / kernel, tap % kernel][axis]) as f32
    });
    let mut rng = Rng::with_seed(108);
    let [input, weight] = [[1, 1, side, side], [1, 1, kernel, kernel]].map(|shape| normal(&mut rng, shape, 1.0));
    let op = DeformConv2d { stride: [stride; 2], ..DeformConv2d::default() };
    Problem::DeformConv2d(op, DeformConv2dInputs { input, offset, mask: None, weight, bias: None })
}

/// A deformable convolution that does each of so many channels by itself.
fn depthwise(channels: u32) -> Problem {
    let op = DeformConv2d { groups: channels, ..DeformConv2d::default() };
    let mut rng = Rng::with_seed(103);
    let [input, offset, weight] =
        [[1, channels, 1, 1], [1, 2, 1, 1], [channels, 1, 1, 1]].map(|shape| normal(&mut rng, shape, 0.25));
    Problem::DeformConv2d(op, DeformConv2dInputs { input, offset, mask: None, weight, bias: None })
}

fn bilinear(channels: u32) -> Problem {
    let mut rng = Rng::with_seed(104);
    let [input, positions] = [[2, channels, 1, 1], [2, 2, 1, 1]].map(|shape| normal(&mut rng, shape, 0.25));
    Problem::BilinearSample(BilinearSample::default(), BilinearSampleInputs { input, positions })
}

fn grid_sample(mode: SampleMode, channels: u32) -> Problem {
    let input = normal(&mut Rng::with_seed(109), [2, channels, 1, 1], 0.25);
    let inputs = GridSampleInputs { input, grid: Array::filled([2, 1, 1, 2], 0.25) };
    Problem::GridSample(GridSample { mode, ..GridSample::default() }, inputs)
}

/// Channels, pixels and samples in fours.
fn grid_quads(mode: SampleMode) -> Problem {
    let input = normal(&mut Rng::with_seed(112), [2, 100, 2, 2], 0.25);
    let inputs = GridSampleInputs { input, grid: Array::filled([2, 2, 2, 2], 0.25) };
    Problem::GridSample(GridSample { mode, ..GridSample::default() }, inputs)
}

fn product(depth: u32) -> Problem {
    let mut rng = Rng::with_seed(105);
    let [a, b] = [[1, 1, depth], [1, depth, 1]].map(|shape| normal(&mut rng, shape, 1.0));
    Problem::Matmul(Matmul::default(), MatmulInputs { a, b, bias: None })
}

/// A product of few rows, whose columns come in quads.
fn narrow(depth: u32) -> Problem {
    let mut rng = Rng::with_seed(111);
    let [a, b] = [[1, 3, depth], [1, depth, 8]].map(|shape| normal(&mut rng, shape, 1.0));
    Problem::Matmul(Matmul::default(), MatmulInputs { a, b, bias: None })
}

/// A product of few columns, whose rows come in quads along them.
fn narrow_along(depth: u32) -> Problem {
    let mut rng = Rng::with_seed(112);
    let [a, b] = [[1, 7, depth], [1, depth, 3]].map(|shape| normal(&mut rng, shape, 1.0));
    Problem::Matmul(Matmul::default(), MatmulInputs { a, b, bias: None })
}

/// So many RoIs of one bin, all over the one pixel.
fn regions(rois: u32) -> Problem {
    let op = RoiAlign { sampling_ratio: 1, ..RoiAlign::default() };
    let regions = Array::from_fn([rois, 5], |index| [0.0, 0.0, 0.0, 1.0, 1.0][index % 5]);
    Problem::RoiAlign(op, RoiAlignInputs { input: Array::filled([1; 4], 1.0), rois: regions })
}

/// The maximum of one sample.
fn maximum() -> Problem {
    let op = RoiAlignMax { sampling_ratio: 1, ..RoiAlignMax::default() };
    let rois = Array { shape: [1, 5].into(), elements: vec![0.0, 0.0, 0.0, 1.0, 1.0] };
    Problem::RoiAlignMax(op, RoiAlignInputs { input: Array::filled([1; 4], 1.0), rois })
}

/// So many updates of one element.
fn updates(many: u32, reduction: ScatterReduction) -> Problem {
    let inputs = ScatterInputs {
        data: Array::filled([1], 1.0),
        indices: Array::filled([many], 0.0),
        updates: normal(&mut Rng::with_seed(111), [many], 1.0),
    };
    Problem::ScatterElements(ScatterElements { axis: 0, reduction }, inputs)
}

fn classes(classes: u32) -> Problem {
    let mut rng = Rng::with_seed(106);
    let (logits, labels) = (normal(&mut rng, [1, classes], 1.0), labels(&mut rng, 1, classes));
    Problem::CrossEntropy(CrossEntropy::default(), CrossEntropyInputs { logits, labels })
}

fn rows(extent: u32) -> [Problem; 3] {
    let mut rng = Rng::with_seed(110);
    let softmax = Problem::Softmax(Softmax { axis: 0, log: false }, normal(&mut rng, [extent, 17], 1.0));
    let norms = [[2, extent], [70, 32]].map(|shape| {
        let inputs = LayerNormInputs { input: normal(&mut rng, shape, 1.0), scale: None, shift: None };
        Problem::LayerNorm(LayerNorm::default(), inputs)
    });
    let [few, many] = norms;
    [softmax, few, many]
}

/// Problems in which every kernel takes what it states, nearly.
fn reaching() -> Vec<Problem> {
    vec![
        taps([9, 31]),
        samples([9, 31]),
        crowded(),
        depthwise(90),
        conv2d(Conv2d { padding: [1; 4], ..Conv2d::default() }, [1, 100, 4, 4], [1, 100, 3, 3]),
        conv2d(Conv2d { padding: [1; 4], ..Conv2d::default() }, [1, 3, 4, 4], [100, 3, 3, 3]),
        bilinear(100),
        grid_sample(SampleMode::Bilinear, 100),
        grid_sample(SampleMode::Nearest, 100),
        grid_sample(SampleMode::Bicubic, 100),
        grid_quads(SampleMode::Bilinear),
        grid_quads(SampleMode::Nearest),
        grid_quads(SampleMode::Bicubic),
        product(3000),
        narrow(400),
        narrow_along(400),
        regions(200),
        maximum(),
        updates(300, ScatterReduction::Add),
        updates(1, ScatterReduction::Replace),
        classes(5000),
        // Many output channels, for the gradients of columns; many pixels, for that of the weight.
        conv2d(Conv2d::default(), [1, 3, 1, 1], [900, 3, 1, 1]),
        conv2d(Conv2d::default(), [1, 5, 40, 40], [7, 5, 1, 1]),
        conv2d(Conv2d::default(), [1, 300, 1, 1], [3, 300, 1, 1]),
    ]
    .into_iter()
    .chain(rows(30_000))
    .chain(reductions::each())
    .chain(dtypes::every_op())
    .collect()
}

#[test]
fn kernels_loop_as_often_as_they_state_at_most() {
    let mut kernels = kernels();
    // Of adapters that keep workspace in textures, those that do not, too.
    let devices = [Counting::new(|_| ()), Counting::new(|limits| limits.max_storage_textures_per_shader_stage = 3)];
    let has = |condition: fn(&Gpu) -> bool| devices.iter().flatten().any(|device| condition(&device.gpu));
    // For time: where there are textures, the kernels of those that have none are counted too.
    if !has(|gpu| gpu.capabilities().textures()) {
        return;
    }
    if !has(|gpu| !gpu.capabilities().cooperative_matrices.is_empty()) {
        kernels.remove("fused_cooperative");
    }
    let (mut seen, mut reached) = (BTreeSet::new(), BTreeSet::new());
    for mut device in devices.into_iter().flatten() {
        let mut rng = Rng::with_seed(107);
        let drawn = (0..60)
            .map(|_| draw_legal(&mut rng))
            .chain(reaching())
            .chain(spatial::each_form(&mut Rng::with_seed(108)))
            .chain(nn::layers())
            .chain(nn::attentions(&mut Rng::with_seed(103)));
        for (problem, storage) in elementwise::each(&mut Rng::with_seed(109)) {
            device.run(&problem, None, storage);
        }
        for problem in drawn {
            device.run(&problem, None, Storage::F32);
            if problem.has_strategies() {
                device.run(&problem, Some(Strategy::Fused), Storage::F32);
            }
        }
        for (_, problem) in strategies::by_kernel() {
            device.run(&problem, Some(Strategy::Fused), Storage::new(DType::F16, DType::F32));
        }
        for problem in winograd::not_finite() {
            for storage in [Storage::F32, Storage::new(DType::F16, DType::F16)] {
                device.run(&problem, Some(Strategy::Winograd), storage);
            }
        }
        device.gpu.inject_few_registers();
        for (_, problem) in strategies::by_kernel() {
            device.run(&problem, Some(Strategy::Fused), Storage::F32);
        }
        training::check_steps_on(&device.gpu);
        device.check("steps of optimisers");
        seen.extend(device.seen);
        reached.extend(device.reached);
    }
    let name = |label: &String| label.split('.').next().unwrap().to_string();
    let missing = |labels: &BTreeSet<String>| &kernels - &labels.iter().map(name).collect();
    assert_eq!(missing(&seen), BTreeSet::new(), "kernels that were not run");
    assert_eq!(missing(&reached), BTreeSet::new(), "kernels that state far more than they take");
    assert_eq!(&seen - &reached, BTreeSet::new(), "variants that state far more than they take");
}

/// Around what lavapipe's loops take in all: as much as a dispatch may take, and one more, which is done by two.
#[test]
fn loops_beyond_what_a_device_does_are_cut() {
    let Some(mut device) = Counting::new(|_| ()) else { return };
    // Others do as many as there are, for minutes.
    if !device.gpu.capabilities().info.name.contains("llvmpipe") {
        return;
    }
    let fused = Some(Strategy::Fused);
    let problems = [
        (taps([255, 257]), None),
        (taps([256, 256]), None),
        (taps([257, 256]), None),
        (samples([255, 257]), None),
        (samples([257, 256]), None),
        (depthwise(21_844), None),
        (depthwise(21_845), None),
        (bilinear(65_534), None),
        (bilinear(65_535), None),
        (grid_sample(SampleMode::Bilinear, 65_534), None),
        (grid_sample(SampleMode::Bicubic, 65_535), None),
        (product(4 * 65_338), None),
        (product(4 * 65_338 + 1), None),
        (regions(7_086), None),
        (regions(65_536), None),
        (updates(65_534, ScatterReduction::Add), None),
        (updates(65_535, ScatterReduction::Add), None),
        (taps([255, 257]), fused),
        (taps([257, 256]), fused),
        (conv2d(Conv2d::default(), [1, 60_000, 1, 1], [40, 60_000, 1, 1]), fused),
    ];
    for (problem, strategy) in problems {
        let most = device.run(&problem, strategy, Storage::F32);
        let least = if matches!(problem, Problem::RoiAlign(..)) { 1 } else { 16_000 };
        assert!((least..=65_535).contains(&most), "{most} iterations: {}", problem.describe());
    }
}

/// A row of classes is not cut: it is done, or refused.
#[test]
fn rows_of_many_classes_are_done_or_refused() {
    let Some(mut device) = Counting::new(|_| ()) else { return };
    if !device.gpu.capabilities().software() {
        return;
    }
    let gpu = device.gpu.clone();
    let implementation = Implementation::Device { gpu: &gpu, strategy: None, storage: Storage::F32 };
    let (forward, backward) = (4_193_728, 2_096_832);
    check_on(&classes(forward), implementation).unwrap();
    // The loop of the tree takes one less than is stated.
    assert_eq!(device.check("the most classes forward"), 65_534);
    assert_eq!(device.run(&classes(backward), None, Storage::F32), 65_534);
    let refused = pollster::block_on(classes(forward + 1).run(implementation)).unwrap_err();
    assert!(matches!(refused, Error::Limit { .. }), "{refused}");
    let refused = check_backward_on(&classes(backward + 1), 1, implementation, Ways::One).unwrap_err();
    assert!(refused.contains("iterations"), "{refused}");
}

/// The backward pass where samples are sorted, as on a GPU, takes as much work for each pixel however many there are.
#[test]
fn work_per_pixel_is_constant() {
    let Some(mut device) = Counting::new(|_| ()) else { return };
    let gpu = device.gpu.clone();
    // For time: it is the same count elsewhere.
    if !gpu.capabilities().textures() {
        return;
    }
    let sorted = Implementation::Device { gpu: &gpu, strategy: Some(Strategy::Fused), storage: Storage::F32 };
    let per_pixel = [96, 192, 384].map(|side| {
        let op = DeformConv2d { padding: [1; 4], offset_groups: 2, ..DeformConv2d::default() };
        let problem = deform_conv2d(&mut Rng::with_seed(109), op, [1, 8, side, side], [4, 8, 3, 3], true, 2.0);
        check_backward_on(&problem, 1, sorted, Ways::One).unwrap();
        device.work = 0;
        device.check(&problem.describe());
        device.work as f64 / f64::from(side * side)
    });
    eprintln!("iterations of subgroups for each pixel: {per_pixel:?}");
    let (least, most) = per_pixel.iter().fold((f64::MAX, 0.0f64), |(a, b), &work| (a.min(work), b.max(work)));
    // A strip of more cells is sorted by one digit more, and one of fewer samples than pixels looks at pixels that have none.
    assert!(most < 1.6 * least, "{per_pixel:?}");
}
