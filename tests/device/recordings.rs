//! Shapes that are recorded: whatever the shape, every binding lies within what was taken for it. Debug assertions hold it to what was asked for;
//! without them a buffer may be larger, and hide what is wrong.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;
use pliant::geometry::*;
use pliant::*;
use pliant::{
    BilinearSamplePlan, Conv2dPlan, DeformConv2dPlan, Error, Gpu, GridSamplePlan, Recorder, Result, Shape, Strategy,
    Tensor, TensorSpec, wgpu,
};

use crate::dtypes::STORAGES;
use crate::limits::with_limits;
use crate::shapes::deform_conv2d;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways};
use crate::support::random::uniform;
use crate::{check_backward_on, check_on, gpu};

/// An op and the shapes of its inputs.
#[derive(Debug)]
enum Shapes {
    BilinearSample(BilinearSample, BilinearSampleInputs<Shape>),
    Conv2d(Conv2d, Conv2dInputs<Shape>),
    GridSample(GridSample, GridSampleInputs<Shape>),
    DeformConv2d(DeformConv2d, DeformConv2dInputs<Shape>),
}

/// The most elements of an input that is drawn, and of its columns or its output.
const MOST_ELEMENTS: u64 = 1 << 24;
const MOST_MADE: u64 = 1 << 22;

impl Shapes {
    fn deform_conv2d(op: DeformConv2d, input: [u32; 4], weight: [u32; 4], mask: bool) -> Self {
        let DeformConv2d { stride, padding, dilation, offset_groups, offset_layout, .. } = op;
        let window = Im2col { kernel: [weight[2], weight[3]], stride, padding, dilation };
        let geometry = Im2colGeometry::new(&window, input.into()).unwrap();
        let [out_height, out_width] = geometry.out_extents();
        let points = offset_groups * geometry.taps();
        let planes = |channels: u32| Shape::from([input[0], channels, out_height, out_width]);
        let inputs = DeformConv2dInputs {
            input: input.into(),
            offset: planes(offset_layout.channels_per_point() * points),
            mask: (mask && !offset_layout.holds_mask()).then(|| planes(points)),
            weight: weight.into(),
            bias: Some([weight[0]].into()),
        };
        Self::DeformConv2d(op, inputs)
    }

    fn bilinear_sample(input: [u32; 4], [height, width]: [u32; 2]) -> Self {
        let positions = [input[0], 2, height, width].into();
        Self::BilinearSample(BilinearSample::default(), BilinearSampleInputs { input: input.into(), positions })
    }

    /// Images of any size and strides up to it, so that there are few output pixels.
    fn draw(rng: &mut Rng) -> Self {
        // Numbers below the root of the most are as many as those above.
        fn up_to(rng: &mut Rng, most: u32) -> u32 {
            (f64::from(most + 1).powf(rng.f64()) as u32).min(most)
        }
        let offset_groups = up_to(rng, 16);
        let groups = [1, 1, 2, 3, offset_groups][rng.usize(..5)];
        let common = (1..).find(|n: &u32| n.is_multiple_of(groups) && n.is_multiple_of(offset_groups)).unwrap();
        let channels = common * up_to(rng, (64 / common).max(1));
        let (out_channels, batch) = (groups * up_to(rng, 32), up_to(rng, 64));
        let [kernel, dilation] = [3, 2].map(|most| [rng.u32(1..=most), rng.u32(1..=most)]);
        let padding = [(); 4].map(|()| rng.u32(..2));
        // Those of the largest window at least.
        let mut extents = [5 + up_to(rng, 2048), 5 + up_to(rng, 2048)];
        let elements = |[height, width]: [u32; 2]| u64::from(batch * channels) * u64::from(height) * u64::from(width);
        while elements(extents) > MOST_ELEMENTS {
            let longer = usize::from(extents[1] > extents[0]);
            extents[longer] = (extents[longer] / 2).max(5);
        }
        let mut stride = extents.map(|extent| up_to(rng, extent));
        let places = |stride: [u32; 2], axis: usize| u64::from(extents[axis].div_ceil(stride[axis]));
        let of_place = u64::from(batch * out_channels.max(channels * kernel[0] * kernel[1]));
        while of_place * places(stride, 0) * places(stride, 1) > MOST_MADE {
            stride[usize::from(places(stride, 1) > places(stride, 0))] *= 2;
        }
        let input = [batch, channels, extents[0], extents[1]];
        let weight = [out_channels, channels / groups, kernel[0], kernel[1]];
        match rng.u32(..9) {
            8 => {
                let grid = [batch, up_to(rng, 40), up_to(rng, 40), 2].into();
                let mode = [SampleMode::Bilinear, SampleMode::Nearest, SampleMode::Bicubic][rng.usize(..3)];
                let op = GridSample { mode, ..GridSample::default() };
                Self::GridSample(op, GridSampleInputs { input: input.into(), grid })
            }
            0 => Self::bilinear_sample(input, [up_to(rng, 40), up_to(rng, 40)]),
            1 => {
                let op = Conv2d { stride, padding, dilation, groups };
                let inputs = Conv2dInputs { input, weight, bias: None::<[u32; 4]> };
                Self::Conv2d(op, inputs.map(|&extents| extents.into()))
            }
            _ => {
                let offset_layout = [OffsetLayout::Separate, OffsetLayout::Planes, OffsetLayout::Joint][rng.usize(..3)];
                let op = DeformConv2d { stride, padding, dilation, groups, ..DeformConv2d::default() };
                let op = DeformConv2d { offset_groups, offset_layout, ..op };
                Self::deform_conv2d(op, input, weight, rng.bool())
            }
        }
    }

    /// Records both passes, with all gradients.
    fn record(&self, memory: &Memory, storage: Storage, strategy: Option<Strategy>) -> Result<()> {
        let Storage { data, offset, mask, weight } = storage;
        let gpu = &memory.gpu;
        let recorder = &mut Recorder::draft(gpu);
        match self {
            Self::BilinearSample(op, inputs) => {
                let shape = BilinearSampleGeometry::new(op, &inputs.map(|&shape| shape))?.output_shape();
                let (input, positions) = (inputs.input, inputs.positions);
                let specs = BilinearSampleInputs {
                    input: TensorSpec { shape: input, dtype: data },
                    positions: TensorSpec { shape: positions, dtype: offset },
                };
                let plan = BilinearSamplePlan::new(gpu, op, &specs)?;
                let output = TensorSpec { shape, dtype: data };
                let inputs = specs.try_map(|spec| memory.read(spec))?;
                let inputs = inputs.as_ref();
                plan.forward_into(recorder, &inputs, &memory.written(&output)?)?;
                let BilinearSampleInputs { input, positions } = specs;
                let gradients = BilinearSampleGradients { input: Some(input), positions: Some(positions) };
                let gradients = gradients.try_map(|spec| memory.written(spec))?;
                plan.backward_into(recorder, &inputs, &memory.read(&output)?, &gradients)
            }
            Self::GridSample(op, inputs) => {
                let specs = GridSampleInputs {
                    input: TensorSpec { shape: inputs.input, dtype: data },
                    grid: TensorSpec { shape: inputs.grid, dtype: offset },
                };
                let plan = GridSamplePlan::new(gpu, op, &specs)?;
                let output = plan.output_spec();
                let inputs = specs.try_map(|spec| memory.read(spec))?;
                let inputs = inputs.as_ref();
                plan.forward_into(recorder, &inputs, &memory.written(&output)?)?;
                let gradients = GridSampleGradients { input: Some(specs.input), grid: Some(specs.grid) };
                let gradients = gradients.try_map(|spec| memory.written(spec))?;
                plan.backward_into(recorder, &inputs, &memory.read(&output)?, &gradients)
            }
            Self::Conv2d(op, inputs) => {
                let specs = Conv2dInputs {
                    input: TensorSpec { shape: inputs.input, dtype: data },
                    weight: TensorSpec { shape: inputs.weight, dtype: weight },
                    bias: inputs.bias.map(|shape| TensorSpec { shape, dtype: weight }),
                };
                let plan = Conv2dPlan::with_strategy(gpu, op, &specs, strategy)?;
                let output = TensorSpec { shape: plan.geometry().output_shape(), dtype: data };
                let inputs = specs.try_map(|spec| memory.read(spec))?;
                let inputs = inputs.as_ref();
                plan.forward_into(recorder, &inputs, &memory.written(&output)?)?;
                let Conv2dInputs { input, weight, bias } = specs;
                let gradients = Conv2dGradients { input: Some(input), weight: Some(weight), bias };
                let gradients = gradients.try_map(|spec| memory.written(spec))?;
                plan.backward_into(recorder, &inputs, &memory.read(&output)?, &gradients)
            }
            Self::DeformConv2d(op, inputs) => {
                let specs = DeformConv2dInputs {
                    input: TensorSpec { shape: inputs.input, dtype: data },
                    offset: TensorSpec { shape: inputs.offset, dtype: offset },
                    weight: TensorSpec { shape: inputs.weight, dtype: weight },
                    mask: inputs.mask.map(|shape| TensorSpec { shape, dtype: mask }),
                    bias: inputs.bias.map(|shape| TensorSpec { shape, dtype: weight }),
                };
                let plan = DeformConv2dPlan::with_strategy(gpu, op, &specs, strategy)?;
                let output = TensorSpec { shape: plan.geometry().output_shape(), dtype: data };
                let inputs = specs.try_map(|spec| memory.read(spec))?;
                let inputs = inputs.as_ref();
                plan.forward_into(recorder, &inputs, &memory.written(&output)?)?;
                let DeformConv2dInputs { input, offset, weight, mask, bias } = specs;
                let (input, offset, weight) = (Some(input), Some(offset), Some(weight));
                let gradients = DeformConv2dGradients { input, offset, weight, mask, bias };
                let gradients = gradients.try_map(|spec| memory.written(spec))?;
                plan.backward_into(recorder, &inputs, &memory.read(&output)?, &gradients)
            }
        }
    }
}

/// Buffers under the tensors of all shapes: one under all that are read, and as many as are written at once. Nothing is put into them, so that
/// they take no memory.
struct Memory {
    gpu: Gpu,
    read: wgpu::Buffer,
    written: [wgpu::Buffer; 6],
    next: Cell<usize>,
}

impl Memory {
    /// For tensors of so many elements at most.
    fn new(gpu: Gpu, elements: u64) -> Self {
        let descriptor = wgpu::BufferDescriptor {
            label: Some("recorded"),
            size: 4 * elements,
            usage: Tensor::USAGES,
            mapped_at_creation: false,
        };
        let [read, written @ ..] = [(); 7].map(|()| gpu.device().create_buffer(&descriptor));
        Self { gpu, read, written, next: Cell::new(0) }
    }

    fn read(&self, spec: &TensorSpec) -> Result<Tensor> {
        Tensor::from_buffer(&self.gpu, self.read.clone(), 0, spec.shape, spec.dtype)
    }

    /// The last six lie in different buffers.
    fn written(&self, spec: &TensorSpec) -> Result<Tensor> {
        let index = self.next.get();
        self.next.set((index + 1) % self.written.len());
        Tensor::from_buffer(&self.gpu, self.written[index].clone(), 0, spec.shape, spec.dtype)
    }
}

/// On a device as it is, and on one that binds little.
#[test]
fn drawn_shapes_are_recorded() {
    let little = with_limits(|limits| limits.max_storage_buffer_binding_size = 4 << 20);
    let memories = [with_limits(|_| {}), little].map(|gpu| Memory::new(gpu, 2 * MOST_ELEMENTS));
    // Without textures the same shapes are bound in many more pieces.
    let seeds = if memories[0].gpu.capabilities().textures() { 20_000 } else { 2_000 };
    for seed in 0..seeds {
        let mut rng = Rng::with_seed(seed);
        let shapes = Shapes::draw(&mut rng);
        let storage = if rng.bool() { Storage::F32 } else { STORAGES[rng.usize(..STORAGES.len())] };
        let strategy = (rng.u32(..8) == 0).then_some(Strategy::Fused);
        let binds_little = rng.u32(..4) == 0;
        let memory = &memories[usize::from(binds_little)];
        let recorded = catch_unwind(AssertUnwindSafe(|| shapes.record(memory, storage, strategy)));
        let done = match &recorded {
            Ok(Err(Error::Limit { .. })) => binds_little,
            recorded => matches!(recorded, Ok(Ok(()))),
        };
        assert!(done, "seed {seed}, {storage:?}, {strategy:?}, binds little: {binds_little}: {recorded:?}\n{shapes:?}");
        if seed % 64 == 0 {
            // Plans fill their tables by copies, which wait for the next submission.
            for Memory { gpu, .. } in &memories {
                gpu.queue().submit([]);
                gpu.wait().unwrap();
            }
        }
    }
}

/// Deformable convolutions whose last strip has fewer images than the others, so that chains of more rows or offset groups at a time would
/// seem to fit.
fn uneven_strips() -> [(DeformConv2d, [u32; 4], [u32; 4]); 2] {
    [(8, [6, 16, 64, 512], [8, 16, 1, 1]), (16, [14, 16, 384, 384], [4, 16, 3, 3])].map(|(stride, input, weight)| {
        let op = DeformConv2d { stride: [stride; 2], offset_groups: 16, ..DeformConv2d::default() };
        (op, input, weight)
    })
}

/// Samples of which the same is true: the input, and the extents of the output.
const UNEVEN_SAMPLES: ([u32; 4], [u32; 2]) = ([63, 1, 64, 2048], [1, 5]);

#[test]
fn strips_of_fewer_images_are_recorded() {
    let (input, positions) = UNEVEN_SAMPLES;
    let deformed = uneven_strips().map(|(op, input, weight)| Shapes::deform_conv2d(op, input, weight, true));
    for shapes in deformed.into_iter().chain([Shapes::bilinear_sample(input, positions)]) {
        let memory = Memory::new(with_limits(|_| {}), 2 * MOST_ELEMENTS);
        shapes.record(&memory, Storage::F32, None).unwrap();
    }
}

#[test]
fn strips_of_fewer_images_agree_with_the_reference() {
    let mut rng = Rng::with_seed(140);
    let [(op, input, weight), _] = uneven_strips();
    let deformed = deform_conv2d(&mut rng, op, input, weight, true, 20.0);
    let (input @ [batch, _, height, width], [out_height, out_width]) = UNEVEN_SAMPLES;
    let positions = Array::from_fn([batch, 2, out_height, out_width], |index| {
        let extent = if (index / (out_height * out_width) as usize).is_multiple_of(2) { height } else { width };
        rng.f32() * extent as f32
    });
    let inputs = BilinearSampleInputs { input: uniform(&mut rng, input), positions };
    for problem in [deformed, Problem::BilinearSample(BilinearSample::default(), inputs)] {
        let device = Implementation::Device { gpu: gpu(), strategy: None, storage: Storage::F32 };
        let both = check_on(&problem, device).and_then(|()| check_backward_on(&problem, 141, device, Ways::One));
        both.unwrap_or_else(|miss| panic!("{miss}\n{}", problem.describe()));
    }
}
