//! Samples of grids: every mode, padding and order, at and between the places where a rule changes, and far out.

use fastrand::Rng;
use pliant::dialect::{onnx, torch};
use pliant::*;
use pliant::{DType, Gpu, GridSamplePlan, Recorder, Tensor};

use crate::dtypes::STORAGES;
use crate::limits::with_limits;
use crate::support::compare::Expected;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways, elements};
use crate::support::random::normal;
use crate::{check, check_backward_on, gpu, some};

/// Every mode with every padding, in the orders that make a difference.
pub(crate) fn kinds() -> Vec<GridSample> {
    let mut kinds = Vec::new();
    for mode in [SampleMode::Bilinear, SampleMode::Nearest, SampleMode::Bicubic] {
        for padding in [PaddingMode::Zeros, PaddingMode::Border, PaddingMode::Reflection] {
            for align_corners in [false, true] {
                let pad_first = GridSample { mode, padding, align_corners, nearest_order: NearestOrder::PadFirst };
                kinds.push(pad_first);
                if mode == SampleMode::Nearest {
                    kinds.push(GridSample { nearest_order: NearestOrder::RoundFirst, ..pad_first });
                }
            }
        }
    }
    kinds
}

/// A grid in and around the image, of few binary digits, so that positions are exact; many at its ends and between pixels, some far out, and
/// some that are not finite.
pub(crate) fn grid(rng: &mut Rng, shape: [u32; 4]) -> Array {
    Array::from_fn(shape, |_| match rng.u32(..40) {
        0 => [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][rng.usize(..3)],
        1 => [-1.0, 1.0, 100.5, -37.25][rng.usize(..4)],
        2..15 => (rng.f32() * 40.0 - 20.0).round() / 8.0,
        _ => (rng.f32() * 1400.0 - 700.0).round() / 512.0,
    })
}

fn problem(rng: &mut Rng, op: GridSample, input: [u32; 4], [out_height, out_width]: [u32; 2]) -> Problem {
    let grid = grid(rng, [input[0], out_height, out_width, 2]);
    Problem::GridSample(op, GridSampleInputs { input: normal(rng, input, 1.0), grid })
}

pub(crate) fn draw_grid_sample(rng: &mut Rng) -> Problem {
    let kinds = kinds();
    let op = kinds[rng.usize(..kinds.len())];
    let [batch, channels, height, width, out_height, out_width] = [3, 9, 14, 14, 12, 12].map(|most| rng.u32(1..=most));
    problem(rng, op, [batch, channels, height, width], [out_height, out_width])
}

/// Every kind in shapes in which no two axes are alike, images of one pixel, one row or one column, and no images.
pub(crate) fn grid_samples() -> Vec<Problem> {
    let mut rng = Rng::with_seed(201);
    let shapes = [
        ([3, 2, 5, 4], [7, 9]),
        ([1, 1, 1, 1], [5, 6]),
        ([0, 2, 3, 4], [2, 3]),
        ([2, 5, 1, 6], [6, 7]),
        ([1, 3, 7, 1], [9, 4]),
    ];
    let all = kinds().into_iter().flat_map(|op| shapes.map(|(input, out)| (op, input, out)));
    all.map(|(op, input, out)| problem(&mut rng, op, input, out)).collect()
}

#[test]
fn of_every_kind() {
    grid_samples().iter().for_each(check);
}

#[test]
fn drawn() {
    let mut rng = Rng::with_seed(202);
    (0..200).for_each(|_| check(&draw_grid_sample(&mut rng)));
}

#[test]
fn gradients_of_every_kind() {
    for (index, problem) in some(grid_samples().iter().enumerate(), 7) {
        for storage in [Storage::F32, STORAGES[index % STORAGES.len()]] {
            let device = Implementation::Device { gpu: gpu(), strategy: None, storage };
            check_backward_on(problem, 203, device, Ways::All)
                .unwrap_or_else(|miss| panic!("{storage:?}: {miss}\n{}", problem.describe()));
        }
    }
}

/// Holds the gradient of the grid, which alone is wanted, against the reference: written, and added to what is there.
fn check_grid_gradient(gpu: &Gpu, problem: &Problem, storage: Storage) {
    let Problem::GridSample(op, inputs) = problem.stored(storage) else { unreachable!() };
    let grid_dtype = storage.offset;
    let tensors = GridSampleInputs {
        input: inputs.input.upload_as(gpu, storage.data).unwrap(),
        grid: inputs.grid.upload_as(gpu, grid_dtype).unwrap(),
    };
    let plan = GridSamplePlan::new(gpu, &op, &tensors).unwrap();
    let output = plan.output_spec().shape;
    let grad_output = normal(&mut Rng::with_seed(204), output, 1.0).stored(storage.data);
    let references = problem.stored(storage).gradients(&grad_output).unwrap();
    let (name, mut reference) = references.into_iter().nth(1).unwrap();
    assert_eq!(name, "grad_grid");
    let grad_output = grad_output.upload_as(gpu, storage.data).unwrap();
    let hold = |reference, gradient| {
        let gradient = pollster::block_on(elements(gradient)).unwrap();
        let expected = Expected::of_reference(reference).stored(grid_dtype);
        expected.compare(&gradient).unwrap_or_else(|miss| panic!("{storage:?}: {miss}\n{}", problem.describe()));
    };

    let mut recorder = Recorder::new(gpu);
    let wanted = GridSampleGradients::NONE.grid();
    let gradient = plan.backward_of(&mut recorder, &tensors, &grad_output, &wanted).unwrap().grid.unwrap();
    recorder.submit().unwrap();
    hold(reference.clone(), &gradient);

    let sum = Array::filled(inputs.grid.shape, 3.0).upload_as(gpu, grid_dtype).unwrap();
    let mut recorder = Recorder::new(gpu);
    let destinations = GridSampleGradients { input: None, grid: Some(Destination::Add(&sum)) };
    plan.backward_into(&mut recorder, &tensors, &grad_output, &destinations).unwrap();
    recorder.submit().unwrap();
    for (value, magnitude) in reference.value.iter_mut().zip(&mut reference.magnitude) {
        (*value, *magnitude) = (*value + 3.0, *magnitude + value.abs() + 3.0);
    }
    hold(reference, &sum);
}

#[test]
fn gradients_of_the_grid_alone() {
    for (index, problem) in some(grid_samples().iter().enumerate(), 7) {
        for storage in [Storage::F32, STORAGES[index % STORAGES.len()]] {
            check_grid_gradient(gpu(), problem, storage);
        }
    }
}

/// Planes of the input and the output are bound one by one, so that gradients of the grid are sums of several dispatches.
#[test]
fn in_pieces() {
    let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = 4 << 10);
    let mut rng = Rng::with_seed(205);
    for op in kinds() {
        let problem = problem(&mut rng, op, [2, 7, 31, 29], [11, 37]);
        crate::check_each_on(&problem, &gpu);
        check_grid_gradient(&gpu, &problem, Storage::F32);
    }
}

/// Channels, pixels and samples that come in fours, which adapters that run on the CPU sample in quads of channels: of all images at once, and of
/// some at a time.
#[test]
fn in_quads() {
    let few = with_limits(|limits| limits.max_storage_buffer_binding_size = 4 << 10);
    let mut rng = Rng::with_seed(207);
    for op in kinds() {
        let problem = problem(&mut rng, op, [3, 20, 4, 3], [2, 10]);
        for gpu in [gpu(), &few] {
            crate::check_each_on(&problem, gpu);
            STORAGES.iter().for_each(|&storage| check_grid_gradient(gpu, &problem, storage));
            let device = Implementation::Device { gpu, strategy: None, storage: Storage::F32 };
            check_backward_on(&problem, 208, device, Ways::All)
                .unwrap_or_else(|miss| panic!("{miss}\n{}", problem.describe()));
        }
    }
}

/// Positions that no pixel's number reaches: zeros are 0 there, the border is the outermost pixel.
#[test]
fn far_beyond_the_image() {
    let input = Array { shape: [1, 1, 1, 4].into(), elements: vec![5.0, 6.0, 7.0, 8.0] };
    let far = [3e9, 2_147_483_648.0, 1e20, f32::MAX];
    let row = Array::from_fn([1, 1, 8, 2], |index| match index {
        _ if index % 2 == 1 => 0.0,
        _ if index < 8 => far[index / 2],
        _ => -far[index / 2 - 4],
    });
    let (input, grid) = (input.upload(gpu()).unwrap(), row.upload(gpu()).unwrap());
    for op in kinds() {
        let inputs = GridSampleInputs { input: &input, grid: &grid };
        let output: Vec<f32> = op.forward(&inputs).unwrap().download_blocking().unwrap();
        match op.padding {
            PaddingMode::Zeros => assert_eq!(output, [0.0; 8], "{op:?}"),
            PaddingMode::Border => assert_eq!(output, [8.0, 8.0, 8.0, 8.0, 5.0, 5.0, 5.0, 5.0], "{op:?}"),
            // Where in the image is a matter of rounding.
            _ => assert!(output.iter().all(|value| (5.0..=8.0).contains(value)), "{op:?}: {output:?}"),
        }
        let mut recorder = Recorder::new(gpu());
        let plan = GridSamplePlan::new(gpu(), &op, &inputs).unwrap();
        let ones = Array::filled(plan.output_spec().shape, 1.0).upload_as(gpu(), DType::F32).unwrap();
        let gradients = plan.backward_of(&mut recorder, &inputs, &ones, &GridSampleGradients::NONE.grid()).unwrap();
        recorder.submit().unwrap();
        let gradient: Vec<f32> = gradients.grid.unwrap().download_blocking().unwrap();
        if op.padding != PaddingMode::Reflection && op.mode != SampleMode::Bicubic {
            assert!(gradient.iter().step_by(2).all(|&by_x| by_x == 0.0), "{op:?}: {gradient:?}");
        }
        assert!(gradient.iter().all(|value| value.is_finite()), "{op:?}: {gradient:?}");
    }
}

/// Round half to even, and what comes first, on a column of 10 and 20: torch's and ONNX Runtime's answers.
#[test]
fn ties_outside_the_image() {
    let input = Array { shape: [1, 1, 2, 1].into(), elements: vec![10.0, 20.0] }.upload(gpu()).unwrap();
    // Positions -1.5 and 2.5.
    let grid = Array { shape: [1, 2, 1, 2].into(), elements: vec![0.0, -2.0, 0.0, 2.0] }.upload(gpu()).unwrap();
    let inputs = GridSampleInputs { input: &input, grid: &grid };
    for (nearest_order, expected) in [(NearestOrder::PadFirst, [10.0, 10.0]), (NearestOrder::RoundFirst, [20.0, 20.0])]
    {
        let op = GridSample {
            mode: SampleMode::Nearest,
            padding: PaddingMode::Reflection,
            align_corners: false,
            nearest_order,
        };
        let output: Vec<f32> = op.forward(&inputs).unwrap().download_blocking().unwrap();
        assert_eq!(output, expected, "{nearest_order:?}");
    }
}

#[test]
fn by_the_dialects() {
    let Problem::GridSample(_, inputs) = draw_grid_sample(&mut Rng::with_seed(206)) else { unreachable!() };
    let tensors = inputs.map(|array| array.upload(gpu()).unwrap());
    let hold = |output: Tensor, op: GridSample| {
        let problem = Problem::GridSample(op, inputs.clone());
        let expected = Expected::of_reference(problem.reference().unwrap());
        expected.compare(&output.download_blocking().unwrap()).unwrap_or_else(|miss| panic!("{op:?}: output{miss}"));
    };
    let bicubic = GridSample { mode: SampleMode::Bicubic, padding: PaddingMode::Reflection, ..GridSample::default() };
    hold(torch::grid_sample(&tensors.input, &tensors.grid, "bicubic", "reflection", false).unwrap(), bicubic);
    let nearest = GridSample {
        mode: SampleMode::Nearest,
        padding: PaddingMode::Border,
        align_corners: true,
        nearest_order: NearestOrder::RoundFirst,
    };
    let attributes = onnx::GridSample {
        align_corners: 1,
        mode: "nearest".into(),
        padding_mode: "border".into(),
        ..onnx::GridSample::default()
    };
    hold(attributes.forward(&tensors).unwrap(), nearest);
}
