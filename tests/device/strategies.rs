//! Each kernel of each strategy, on shapes that make it the one; what is not applicable is told.

use fastrand::Rng;
use pliant::*;
use pliant::{
    Argument, Conv2dPlan, DType, DeformConv2dPlan, Error, Gpu, GpuOptions, Recorder, Result, StageTime, Strategy,
    Tensor, TensorSpec,
};

use crate::limits::with_limits;
use crate::shapes::deform_conv2d;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways};
use crate::support::random::normal;
use crate::{check_backward_on, check_each_on, check_on, gpu};

pub(crate) fn conv2d(rng: &mut Rng, op: Conv2d, input: [u32; 4], weight: [u32; 4]) -> Problem {
    let bias = Some(normal(rng, [weight[0]], 1.0));
    Problem::Conv2d(op, Conv2dInputs { input: normal(rng, input, 1.0), weight: normal(rng, weight, 1.0), bias })
}

fn kernels(gpu: &Gpu, problem: &Problem, strategy: Strategy, data: DType) -> Result<Vec<String>> {
    kernels_of(gpu, problem, Some(strategy), data)
}

/// The kernels that a forward pass runs, by name and variant.
pub(crate) fn kernels_of(gpu: &Gpu, problem: &Problem, strategy: Option<Strategy>, data: DType) -> Result<Vec<String>> {
    Ok(stages_of(gpu, problem, strategy, data)?.into_iter().map(|stage| stage.kernel).collect())
}

pub(crate) fn stages_of(
    gpu: &Gpu,
    problem: &Problem,
    strategy: Option<Strategy>,
    data: DType,
) -> Result<Vec<StageTime>> {
    let zeros = |spec: &TensorSpec| Tensor::new(gpu, spec.shape, spec.dtype);
    let mut recorder = Recorder::new(gpu);
    match problem {
        Problem::Conv2d(op, inputs) => {
            let inputs = inputs.map(|array| TensorSpec { shape: array.shape, dtype: data });
            let plan = Conv2dPlan::with_strategy(gpu, op, &inputs, strategy)?;
            let inputs = inputs.try_map(zeros)?;
            plan.forward(&mut recorder, &inputs)?;
        }
        Problem::DeformConv2d(op, inputs) => {
            let inputs = inputs.map(|array| TensorSpec { shape: array.shape, dtype: data });
            let plan = DeformConv2dPlan::with_strategy(gpu, op, &inputs, strategy)?;
            let inputs = inputs.try_map(zeros)?;
            plan.forward(&mut recorder, &inputs)?;
        }
        other => panic!("{} has no strategies", other.describe()),
    }
    pollster::block_on(recorder.profile())
}

/// For each kernel, shapes in which its tiles are not filled: rows, pixels, terms, several tiles of each.
pub(crate) fn by_kernel() -> Vec<(&'static str, Problem)> {
    let rng = &mut Rng::with_seed(21);
    let padded = DeformConv2d { padding: [1, 0, 1, 2], ..DeformConv2d::default() };
    let plain = Conv2d { padding: [1, 0, 1, 2], ..Conv2d::default() };
    vec![
        ("fused_direct.window", conv2d(rng, Conv2d { groups: 3, ..plain }, [2, 21, 9, 8], [21, 7, 3, 2])),
        (
            "fused_direct.deform",
            deform_conv2d(rng, DeformConv2d { groups: 3, ..padded }, [2, 21, 9, 8], [24, 7, 2, 3], true, 2.0),
        ),
        ("fused_tile.32x128.window", conv2d(rng, plain, [3, 6, 13, 11], [27, 6, 3, 3])),
        (
            "fused_tile.32x128.deform",
            deform_conv2d(rng, DeformConv2d { offset_groups: 3, ..padded }, [3, 9, 13, 11], [27, 9, 3, 3], true, 2.0),
        ),
        ("fused_tile.64x64.window", conv2d(rng, Conv2d { groups: 2, ..plain }, [2, 12, 11, 9], [140, 6, 3, 3])),
        (
            "fused_tile.64x64.deform",
            deform_conv2d(
                rng,
                DeformConv2d { groups: 3, offset_groups: 5, ..padded },
                [2, 30, 11, 9],
                [3 * 37, 10, 2, 3],
                true,
                2.0,
            ),
        ),
        ("fused_tile.128x128.window", conv2d(rng, Conv2d::default(), [1, 3, 150, 219], [126, 3, 1, 1])),
        (
            "fused_tile.128x128.deform",
            deform_conv2d(rng, DeformConv2d::default(), [1, 3, 150, 219], [126, 3, 1, 1], false, 2.0),
        ),
        // Terms in splits, added up behind.
        ("segment_sums", conv2d(rng, plain, [1, 81, 7, 6], [40, 81, 3, 3])),
        ("segment_sums", deform_conv2d(rng, padded, [2, 81, 5, 6], [40, 81, 3, 3], true, 2.0)),
    ]
}

#[test]
fn every_kernel_of_the_fused_strategy_agrees_with_the_reference() {
    for (kernel, problem) in by_kernel() {
        let used = kernels(gpu(), &problem, Strategy::Fused, DType::F32).unwrap();
        assert!(used.iter().any(|other| other == kernel), "{kernel} is not among {used:?}");
        let device = Implementation::Device { gpu: gpu(), strategy: Some(Strategy::Fused), storage: Storage::F32 };
        if let Err(failure) = check_on(&problem, device) {
            panic!("{kernel}: {failure}\n{}", problem.describe());
        }
    }
}

#[test]
fn half_tiles_agree_with_the_reference() {
    let gpu = pollster::block_on(Gpu::with_options(&GpuOptions::default())).unwrap();
    gpu.inject_few_registers();
    let tiles = ["fused_tile.64x64.", "fused_tile.128x128."];
    for (kernel, problem) in by_kernel().iter().filter(|(kernel, _)| tiles.iter().any(|tile| kernel.starts_with(tile)))
    {
        let used = kernels(&gpu, problem, Strategy::Fused, DType::F32).unwrap();
        let (_, window) = kernel.rsplit_once('.').unwrap();
        let half = format!("fused_tile.64x64.half.{window}");
        assert!(used.contains(&half), "{half} is not among {used:?}");
        let device = Implementation::Device { gpu: &gpu, strategy: Some(Strategy::Fused), storage: Storage::F32 };
        if let Err(failure) = check_on(problem, device) {
            panic!("{half}: {failure}\n{}", problem.describe());
        }
    }
}

/// On a device that has them; elsewhere, and for f32, the strategy says that it is not applicable.
#[test]
fn cooperative_matrices_serve_16_bits_where_there_are_any() {
    let has = !gpu().capabilities().cooperative_matrices.is_empty();
    eprintln!("cooperative matrices: {has}");
    let mut applied = 0;
    for (_, problem) in by_kernel() {
        let used = |data| kernels(gpu(), &problem, Strategy::FusedCooperative, data);
        assert!(matches!(used(DType::F32), Err(Error::Unsupported(why)) if why.starts_with("input holds f32")));
        for data in [DType::F16, DType::BF16] {
            match used(data) {
                Ok(used) => assert!(used.iter().any(|kernel| kernel.starts_with("fused_cooperative.")), "{used:?}"),
                Err(Error::Unsupported(_)) if !has => continue,
                Err(error) => panic!("{error}"),
            }
            let storage = Storage::new(data, DType::F32);
            let strategy = Some(Strategy::FusedCooperative);
            if let Err(failure) = check_on(&problem, Implementation::Device { gpu: gpu(), strategy, storage }) {
                panic!("{data}: {failure}\n{}", problem.describe());
            }
            applied += 1;
        }
    }
    assert_eq!(applied > 0, has);
}

#[test]
fn cooperative_matrices_are_used_only_where_they_are_asked_for() {
    let gpu = pollster::block_on(Gpu::with_options(&GpuOptions::default())).unwrap();
    assert!(!gpu.capabilities().features.intersects(Gpu::COOPERATIVE_FEATURES));
    let (_, problem) = by_kernel().swap_remove(4);
    let error = kernels(&gpu, &problem, Strategy::FusedCooperative, DType::F16).unwrap_err();
    assert!(matches!(error, Error::Unsupported(why) if why.contains("GpuOptions::cooperative_matrices")));
}

/// A weight is packed for the kernels of one strategy; a plan by another refuses it, and has the same gradients.
#[test]
fn plans_of_two_strategies_share_gradients_and_no_weights() {
    let (op, weight) = (Conv2d { padding: [1; 4], groups: 2, ..Conv2d::default() }, [10, 3, 3, 3]);
    let rng = &mut Rng::with_seed(22);
    let [input, weight, grad_output] = [[2, 6, 5, 7], weight, [2, 10, 5, 7]].map(|shape| normal(rng, shape, 1.0));
    let [input, weight, grad_output] = [input, weight, grad_output].map(|array| array.upload(gpu()).unwrap());
    let inputs = Conv2dInputs { input: &input, weight: &weight, bias: None };
    let [by_columns, fused] = [Strategy::Im2col, Strategy::Fused]
        .map(|strategy| Conv2dPlan::with_strategy(gpu(), &op, &inputs, Some(strategy)).unwrap());
    let mut recorder = Recorder::new(gpu());
    let weight = &by_columns.pack_weight(&mut recorder, &weight).unwrap();
    let packed = Conv2dInputs { input: Argument::from(&input), weight: weight.into(), bias: None };
    let error = fused.forward(&mut recorder, &packed).unwrap_err();
    assert_eq!(
        error.to_string(),
        "weight was packed for 2 groups and 1 offset groups by im2col; the plan has 2 groups and 1 offset groups by fused"
    );
    let [one, other] = [by_columns, fused].map(|plan| {
        let gradients = plan.backward(&mut recorder, &inputs, &grad_output).unwrap();
        recorder.submit().unwrap();
        [gradients.input, gradients.weight].map(|gradient| gradient.unwrap().download_blocking::<f32>().unwrap())
    });
    assert_eq!(one, other);
}

/// Convolutions of one tap are products with the images as they lie, if these have whole quads of channels and pixels.
#[test]
fn convolutions_of_one_tap() {
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let mut rng = Rng::with_seed(63);
    for (groups, input, out_channels, as_they_lie) in [
        (1, [2, 16, 32, 16], 5, true),
        (2, [3, 8, 6, 6], 8, true),
        (1, [1, 8, 4, 6], 65, true),
        (1, [1, 6, 4, 6], 5, false),
        (1, [1, 8, 3, 5], 5, false),
    ] {
        let op = Conv2d { groups, ..Conv2d::default() };
        let problem = conv2d(&mut rng, op, input, [out_channels, input[1] / groups, 1, 1]);
        for gpu in [gpu(), &small] {
            check_each_on(&problem, gpu);
        }
        let by = kernels(gpu(), &problem, Strategy::Im2col, DType::F32).unwrap();
        let packs = by.iter().any(|name| name.starts_with("channels_last") || name == "pack_fours");
        assert_eq!(!packs, as_they_lie && gpu().capabilities().textures(), "{by:?}");
    }
}

/// Images are packed four pixels at a time where planes are whole fours and channels fill their quads in order: with images that end within a panel and a
/// last quad of fewer channels, and, where bindings are small, quad by quad and in bands of rows, some of which begin elsewhere than at a multiple of four.
#[test]
fn images_packed_by_fours() {
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let mut rng = Rng::with_seed(65);
    for (groups, input, fours) in [
        (1, [3, 10, 6, 6], true),
        (2, [2, 16, 12, 17], true),
        (1, [1, 24, 16, 16], true),
        (1, [1, 24, 12, 22], true),
        (2, [2, 12, 6, 6], false),
        (1, [2, 8, 5, 7], false),
    ] {
        let op = Conv2d { groups, padding: [1; 4], ..Conv2d::default() };
        let problem = conv2d(&mut rng, op, input, [56, input[1] / groups, 3, 3]);
        for gpu in [gpu(), &small] {
            check_each_on(&problem, gpu);
            // Neither the weight nor anything else than images is packed by it here.
            let by = kernels(gpu, &problem, Strategy::Im2col, DType::F32).unwrap();
            let packs = by.iter().any(|name| name == "pack_fours");
            assert_eq!(packs, fours && gpu.capabilities().textures(), "{by:?}");
        }
    }
}

/// Columns are made in a buffer and copied, if a binding shows 64 pixels of them, and else in a texture: of few and of many output channels, with a batch in
/// several planes, and where bindings are small.
#[test]
fn columns_of_few_and_of_many_output_channels() {
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 16 << 10);
    let mut rng = Rng::with_seed(64);
    let op = DeformConv2d { groups: 2, offset_groups: 2, padding: [1; 4], ..DeformConv2d::default() };
    for rows in [3, 64, 65, 130] {
        let problem = deform_conv2d(&mut rng, op, [3, 14, 13, 11], [2 * rows, 7, 3, 3], true, 2.0);
        for (gpu, held) in [(gpu(), true), (&small, false)] {
            check_each_on(&problem, gpu);
            let by = kernels(gpu, &problem, Strategy::Im2col, DType::F32).unwrap();
            let columns = match (gpu.capabilities().textures(), held) {
                (false, _) => "deform_im2col.rows",
                (true, true) => "deform_im2col.held.panels",
                (true, false) => "deform_im2col.panels",
            };
            assert!(by.iter().any(|name| name == columns), "{rows} rows: {by:?}");
            let copied = by.iter().any(|name| name == "copy_lines");
            assert_eq!(copied, columns.contains("held"), "{rows} rows: {by:?}");
        }
    }
}

/// Deformable windows of whole quads of channels and at most 16 output channels a group have no columns, and the bits of those that have: for groups and
/// offset groups that divide either, numbers that are not finite, several images and 16 bits.
#[test]
fn deformable_windows_have_the_bits_of_columns() {
    let mut rng = Rng::with_seed(66);
    for (groups, offset_groups, input, rows, windows) in [
        (1, 1, [3, 8, 13, 11], 16, true),
        (2, 4, [2, 16, 9, 8], 5, true),
        (4, 2, [1, 32, 9, 8], 9, true),
        (3, 3, [2, 12, 7, 6], 1, true),
        (2, 3, [1, 24, 7, 6], 4, false),
        (1, 2, [1, 12, 7, 6], 4, false),
    ] {
        let op = DeformConv2d { groups, offset_groups, padding: [1; 4], ..DeformConv2d::default() };
        let weight = [rows * groups, input[1] / groups, 3, 2];
        let Problem::DeformConv2d(_, mut few) = deform_conv2d(&mut rng, op, input, weight, true, 2.0) else { panic!() };
        for storage in [Storage::F32, Storage::new(DType::F16, DType::F32)] {
            check_on(
                &Problem::DeformConv2d(op, few.clone()),
                Implementation::Device { gpu: gpu(), strategy: Some(Strategy::Im2col), storage },
            )
            .unwrap();
        }
        few.input.elements[17] = f32::NAN;
        few.input.elements[40] = f32::INFINITY;
        few.offset.elements[9] = f32::NAN;
        if let Some(mask) = &mut few.mask {
            mask.elements[30] = f32::INFINITY;
        }
        // The same rows again, until a group has more than 16.
        let times = 16 / rows + 1;
        let again = |array: &Array| {
            let row = array.elements.len() / (rows * groups) as usize;
            let of_groups = array.elements.chunks(rows as usize * row);
            let elements = of_groups.flat_map(|group| group.repeat(times as usize)).collect();
            let mut extents = array.shape.extents().to_vec();
            extents[0] *= times;
            Array { shape: Shape::new(&extents).unwrap(), elements }
        };
        let many = DeformConv2dInputs { weight: again(&few.weight), bias: few.bias.as_ref().map(again), ..few.clone() };
        let run = |inputs: &DeformConv2dInputs<Array>| {
            let inputs = inputs.try_map(|array| array.upload(gpu())).unwrap();
            let specs = inputs.map(Tensor::spec);
            let plan = DeformConv2dPlan::with_strategy(gpu(), &op, &specs, Some(Strategy::Im2col)).unwrap();
            let mut recorder = Recorder::new(gpu());
            let output = plan.forward(&mut recorder, &inputs).unwrap();
            let kernels = pollster::block_on(recorder.profile()).unwrap().into_iter().map(|stage| stage.kernel);
            let windows = kernels.into_iter().any(|name| name.starts_with("matmul_windows.deformable"));
            let bits = |element: f32| if element.is_nan() { u32::MAX } else { element.to_bits() };
            (output.download_blocking::<f32>().unwrap().into_iter().map(bits).collect::<Vec<_>>(), windows)
        };
        let (few_bits, by_windows) = run(&few);
        assert_eq!(by_windows, windows && gpu().capabilities().textures(), "{groups} {offset_groups} {input:?}");
        let (many_bits, by_windows) = run(&many);
        assert!(!by_windows);
        let plane = few_bits.len() / (input[0] * rows * groups) as usize;
        let groups_of_many = many_bits.chunks(times as usize * rows as usize * plane);
        for (few, many) in few_bits.chunks(rows as usize * plane).zip(groups_of_many) {
            assert!(many.chunks(few.len()).all(|same| same == few), "{groups} {offset_groups} {input:?}");
        }
        assert!(
            few_bits.contains(&u32::MAX)
                && few_bits.iter().filter(|bits| **bits != u32::MAX).count() > few_bits.len() / 4
        );
    }
}

/// Strips of columns so deep that they have one tile of the product have whole ones, whatever their offsets and masks take beside.
#[test]
fn strips_of_deep_columns_are_whole_tiles() {
    let mut rng = Rng::with_seed(67);
    let op = DeformConv2d { padding: [3; 4], ..DeformConv2d::default() };
    let problem = deform_conv2d(&mut rng, op, [1, 256, 16, 16], [256, 256, 7, 7], true, 2.0);
    let stages = stages_of(gpu(), &problem, Some(Strategy::Im2col), DType::F32).unwrap();
    let products = stages.iter().filter(|stage| stage.kernel.starts_with("matmul_subgroup"));
    let products: Vec<_> = products.map(|stage| (stage.kernel.contains("quads"), stage.dispatches)).collect();
    assert_eq!(products, if gpu().capabilities().textures() { vec![(true, 4)] } else { vec![] }, "{stages:?}");
}

/// Groups of one input channel, by windows whose taps are shared and apart, several rows of a group, images that are bound in pieces, and
/// weights that are not finite beside the image.
#[test]
fn depthwise_convolutions() {
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 4 << 10);
    let mut rng = Rng::with_seed(61);
    let square = |extent: u32, stride, dilation, padding| Conv2d {
        stride: [stride; 2],
        dilation: [dilation; 2],
        padding: [padding; 4],
        groups: extent,
    };
    let table = [
        (square(6, 1, 1, 1), [2, 6, 13, 19], 6, [3, 3]),
        (square(5, 1, 1, 3), [1, 5, 40, 33], 5, [7, 7]),
        (square(4, 2, 1, 1), [3, 4, 17, 16], 4, [3, 3]),
        (square(4, 2, 2, 2), [1, 4, 21, 30], 8, [3, 5]),
        (square(3, 1, 3, 2), [2, 3, 9, 11], 12, [2, 3]),
        // Rows of whole quads, which begin anywhere in one, in both tensors and in the output alone.
        (square(5, 1, 1, 1), [2, 5, 9, 20], 5, [3, 3]),
        (square(4, 1, 1, 3), [1, 4, 30, 16], 8, [7, 7]),
        (square(3, 1, 1, 2), [2, 3, 6, 4], 3, [5, 5]),
        (square(3, 1, 1, 0), [1, 3, 7, 16], 3, [1, 5]),
        (square(2, 1, 1, 0), [2, 2, 7, 16], 2, [3, 3]),
        (square(2, 1, 1, 5), [1, 2, 8, 12], 2, [2, 11]),
        (square(3, 2, 1, 1), [2, 3, 9, 16], 3, [3, 3]),
        // Its gradient has groups of one input channel and two rows.
        (square(3, 1, 1, 1), [1, 6, 9, 11], 3, [3, 2]),
        (Conv2d { padding: [4, 0, 5, 1], groups: 7, ..Conv2d::default() }, [1, 7, 3, 5], 7, [2, 1]),
        (Conv2d { stride: [3, 1], padding: [9, 9, 9, 9], groups: 2, ..Conv2d::default() }, [1, 2, 2, 2], 2, [1, 2]),
    ];
    // Whose input is loaded in quads.
    let in_quads = 5..10;
    for (index, (op, input, out_channels, [height, width])) in table.into_iter().enumerate() {
        let mut problem = conv2d(&mut rng, op, input, [out_channels, input[1] / op.groups, height, width]);
        for gpu in [gpu(), &small] {
            check_each_on(&problem, gpu);
            let device = Implementation::Device { gpu, strategy: None, storage: Storage::F32 };
            check_backward_on(&problem, 62, device, Ways::All).unwrap();
        }
        for gpu in [gpu(), &small] {
            let by = kernels(gpu, &problem, Strategy::Im2col, DType::F32).unwrap();
            let runs = |kernel: &str| by.iter().any(|name| name.starts_with(kernel));
            let textures = gpu.capabilities().textures();
            // The first ones in quads, where memory for whole planes can be bound.
            let of_planes = textures && (5..8).contains(&index) && !std::ptr::eq(gpu, &small);
            assert_eq!(runs("conv2d_planes"), of_planes, "{by:?}");
            let planes = textures && input[1] == op.groups && !runs("conv2d_planes");
            assert_eq!(runs("conv2d_depthwise"), planes, "{by:?}");
            assert_eq!(runs("conv2d_depthwise.quads"), planes && in_quads.contains(&index), "{by:?}");
        }
        if index == 0 || in_quads.contains(&index) {
            problem.change(|name, array| {
                if name == "weight" {
                    array.elements[0] = f32::INFINITY;
                }
            });
            check_each_on(&problem, gpu());
        }
    }
}

/// Images of few channels, in windows of 3 x 3 taps, which are copied into a texture: one apart and two, in one copy or by strips of rows, with rows and columns of
/// the output that see nothing but padding, and with elements that are not finite.
#[test]
fn convolutions_of_images_in_textures() {
    // What it binds holds some of the output's planes, or images.
    let bound = with_limits(|limits| limits.max_storage_buffer_binding_size = 9 << 20);
    let mut rng = Rng::with_seed(151);
    let of = |stride, [top, bottom, right]: [u32; 3]| Conv2d {
        padding: [top, 1, bottom, right],
        stride: [stride; 2],
        ..Conv2d::default()
    };
    let table = [
        (of(1, [1, 1, 1]), [2, 3, 13, 20], 9, true),
        (of(2, [1, 1, 0]), [2, 3, 14, 24], 8, true),
        (of(2, [1, 1, 1]), [1, 3, 9, 32], 33, true),
        (of(1, [0, 4, 1]), [3, 2, 3, 8], 5, true),
        (of(2, [6, 5, 16]), [2, 1, 2, 16], 6, true),
        (of(1, [3, 0, 13]), [2, 3, 4, 8], 7, true),
        (of(1, [1, 1, 1]), [1, 3, 5, 4], 6, true),
        (of(2, [1, 1, 0]), [1, 2, 6, 8], 12, true),
        // Strips of rows, and batches of which some images are copied at once.
        (of(1, [1, 1, 1]), [1, 3, 180, 4096], 5, true),
        (of(2, [2, 1, 1]), [1, 3, 362, 2048], 5, true),
        (of(2, [1, 1, 0]), [5, 3, 400, 512], 8, true),
        // What other kernels do.
        (of(1, [1, 1, 1]), [1, 4, 9, 8], 8, false),
        (of(2, [1, 1, 0]), [1, 3, 9, 12], 8, false),
        (Conv2d { padding: [1; 4], stride: [2, 1], ..Conv2d::default() }, [1, 3, 9, 8], 8, false),
        (Conv2d { padding: [1, 0, 1, 2], ..Conv2d::default() }, [1, 3, 9, 8], 8, false),
    ];
    for (op, input, out_channels, stem) in table {
        let small = input.iter().product::<u32>() < 10_000;
        if !small && !gpu().capabilities().textures() {
            continue;
        }
        let mut problem = conv2d(&mut rng, op, input, [out_channels, input[1], 3, 3]);
        for gpu in [gpu(), &bound] {
            let by = kernels(gpu, &problem, Strategy::Im2col, DType::F32).unwrap();
            let runs = by.iter().any(|name| name.starts_with("conv2d_stem"));
            assert_eq!(runs, stem && gpu.capabilities().textures(), "{op:?} {input:?}: {by:?}");
            let device = Implementation::Device { gpu, strategy: Some(Strategy::Im2col), storage: Storage::F32 };
            check_on(&problem, device).unwrap_or_else(|miss| panic!("{op:?} {input:?}: {miss}"));
        }
        if !small {
            continue;
        }
        let device = Implementation::Device { gpu: gpu(), strategy: Some(Strategy::Im2col), storage: Storage::F32 };
        check_backward_on(&problem, 152, device, Ways::All).unwrap();
        problem.change(|name, array| match name {
            "weight" => array.elements[3..5].fill(f32::INFINITY),
            "input" => array.elements[5] = f32::NAN,
            _ => {}
        });
        check_on(&problem, device).unwrap_or_else(|miss| panic!("{op:?} {input:?}: {miss}"));
    }
}

/// Windows of 3 x 3 taps whose planes are copied into a texture: groups of one channel and of several, in one copy or by strips of rows, with rows of the output that
/// see nothing but padding, of tensors that begin anywhere, and with elements that are not finite; of 5 x 5 and 7 x 7 taps too, for groups of one channel. Its
/// gradients are those of other kernels.
#[test]
fn convolutions_of_planes_in_textures() {
    let mut rng = Rng::with_seed(131);
    // A window has as many taps as keep the width.
    let side = |op: &Conv2d| 2 * op.padding[1] + 1;
    let of_side = |side: u32, groups, [top, bottom]: [u32; 2]| Conv2d {
        padding: [top, side / 2, bottom, side / 2],
        groups,
        ..Conv2d::default()
    };
    let of = |groups, rows| of_side(3, groups, rows);
    let table = [
        (of(6, [1, 1]), [2, 6, 13, 20], 6, true),
        (of(3, [1, 1]), [2, 3, 4, 4], 12, true),
        (of(4, [0, 2]), [3, 4, 3, 8], 4, true),
        (of(5, [7, 6]), [1, 5, 2, 12], 5, true),
        (of(1, [1, 1]), [2, 9, 11, 36], 1, true),
        (of(1, [1, 1]), [1, 6, 17, 24], 2, true),
        // Three output channels an invocation, the last of which may have fewer.
        (of(1, [1, 1]), [2, 7, 9, 12], 3, true),
        (of(2, [2, 0]), [2, 8, 6, 20], 8, true),
        (of(2, [1, 1]), [1, 10, 5, 8], 10, true),
        (of(1, [1, 1]), [1, 5, 10, 16], 27, true),
        (of(2, [1, 0]), [3, 8, 10, 4], 4, true),
        (of(3, [2, 1]), [2, 15, 5, 16], 3, true),
        (of_side(5, 3, [2, 2]), [2, 3, 9, 12], 3, true),
        (of_side(5, 2, [0, 7]), [1, 2, 4, 8], 8, true),
        (of_side(5, 4, [9, 1]), [1, 4, 3, 20], 4, true),
        (of_side(7, 3, [3, 3]), [2, 3, 11, 16], 3, true),
        (of_side(7, 2, [1, 0]), [1, 2, 10, 4], 10, true),
        (of_side(7, 5, [6, 9]), [1, 5, 2, 28], 5, true),
        // Strips of rows of one group, and groups of which some are copied at once.
        (of_side(7, 1, [3, 3]), [1, 1, 516, 4096], 1, true),
        (of_side(5, 560, [2, 2]), [1, 560, 64, 60], 560, true),
        (of(1, [1, 1]), [1, 300, 15, 512], 1, true),
        (of(1, [9, 0]), [1, 260, 8, 1028], 2, true),
        (of(1, [1, 1]), [1, 150, 30, 512], 4, true),
        (of(1, [520, 1]), [1, 1, 516, 4096], 1, true),
        (of(100, [1, 1]), [2, 200, 64, 60], 400, true),
        (of(560, [1, 1]), [1, 560, 64, 60], 560, true),
        // What other kernels do.
        (of(1, [1, 1]), [1, 6, 9, 8], 28, false),
        (of(4, [1, 1]), [1, 4, 9, 10], 4, false),
        (of_side(5, 2, [2, 2]), [1, 4, 9, 8], 4, false),
        (of_side(9, 4, [4, 4]), [1, 4, 9, 8], 4, false),
        (Conv2d { padding: [1, 1, 1, 0], groups: 4, ..Conv2d::default() }, [1, 4, 9, 8], 4, false),
        (Conv2d { padding: [1; 4], groups: 4, stride: [2, 1], ..Conv2d::default() }, [1, 4, 9, 8], 4, false),
        (Conv2d { padding: [1; 4], groups: 4, dilation: [2, 1], ..Conv2d::default() }, [1, 4, 9, 8], 4, false),
    ];
    for (op, input, out_channels, planes) in table {
        let small = input.iter().product::<u32>() < 10_000;
        if !small && !gpu().capabilities().textures() {
            continue;
        }
        let kernel = side(&op);
        let mut problem = conv2d(&mut rng, op, input, [out_channels, input[1] / op.groups, kernel, kernel]);
        let by = kernels(gpu(), &problem, Strategy::Im2col, DType::F32).unwrap();
        let runs = by.iter().any(|name| name.starts_with("conv2d_planes"));
        assert_eq!(runs, planes && gpu().capabilities().textures(), "{op:?} {input:?}: {by:?}");
        let device = Implementation::Device { gpu: gpu(), strategy: Some(Strategy::Im2col), storage: Storage::F32 };
        check_on(&problem, device).unwrap();
        if !small {
            continue;
        }
        check_backward_on(&problem, 132, device, Ways::All).unwrap();
        problem.change(|name, array| match name {
            "weight" => {
                for tap in [0, 4, kernel * kernel - 1] {
                    array.elements[tap as usize] = f32::INFINITY;
                }
            }
            "input" => array.elements[5] = f32::NAN,
            _ => {}
        });
        check_on(&problem, device).unwrap();
    }
}

/// Three output channels an invocation whose planes no binding shows together: sets and rows of the output are done in pieces.
#[test]
fn sets_of_output_channels_beyond_a_binding() {
    let small = with_limits(|limits| limits.max_storage_buffer_binding_size = 9 << 20);
    let mut rng = Rng::with_seed(133);
    let op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    for (input, out_channels) in [([1, 4, 512, 1024], 6), ([1, 4, 1024, 800], 3)] {
        let problem = conv2d(&mut rng, op, input, [out_channels, 4, 3, 3]);
        let by = kernels(&small, &problem, Strategy::Im2col, DType::F32).unwrap();
        let sets = by.iter().any(|name| name.starts_with("conv2d_planes.three"));
        assert!(sets || !small.capabilities().textures(), "{input:?}: {by:?}");
        let device = Implementation::Device { gpu: &small, strategy: Some(Strategy::Im2col), storage: Storage::F32 };
        check_on(&problem, device).unwrap();
    }
}
