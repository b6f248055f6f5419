//! Samples of grids: the reference by hand, its gradients against differences, what geometries refuse, and the dialects.

use fastrand::Rng;
use pliant::dialect::{onnx, torch};
use pliant::geometry::*;
use pliant::reference;
use pliant::*;
use pliant::{Error, Shape};

const MODES: [SampleMode; 3] = [SampleMode::Bilinear, SampleMode::Nearest, SampleMode::Bicubic];
const PADDINGS: [PaddingMode; 3] = [PaddingMode::Zeros, PaddingMode::Border, PaddingMode::Reflection];

fn op(mode: SampleMode, padding: PaddingMode, align_corners: bool) -> GridSample {
    GridSample { mode, padding, align_corners, ..GridSample::default() }
}

fn geometry(op: &GridSample, input: [u32; 4], grid: [u32; 4]) -> GridSampleGeometry {
    GridSampleGeometry::new(op, &GridSampleInputs { input: input.into(), grid: grid.into() }).unwrap()
}

/// The sample, and its derivative by x, of one row of pixels at x.
fn at(op: &GridSample, row: &[f64], x: f64) -> (f64, f64) {
    let geometry = geometry(op, [1, 1, 1, row.len() as u32], [1, 1, 1, 2]);
    let inputs = GridSampleInputs { input: row, grid: &[x, 0.0] };
    let output = reference::grid_sample(&geometry, &inputs).unwrap();
    let gradients = reference::grid_sample_backward(&geometry, &inputs, &[1.0]).unwrap();
    (output.value[0], gradients.grid.unwrap().value[0])
}

/// The row 10, 20: grid values are positions minus 1/2 where corners are not aligned.
#[test]
fn bilinear_by_hand() {
    let row = [10.0, 20.0];
    let positions = [-1.5, -1.0, -0.5, 0.0, 0.25, 1.0, 1.5, 2.0, 2.25];
    for (padding, values, slopes) in [
        (
            PaddingMode::Zeros,
            [0.0, 0.0, 5.0, 10.0, 12.5, 20.0, 10.0, 0.0, 0.0],
            [0.0, 10.0, 10.0, 10.0, 10.0, -20.0, -20.0, 0.0, 0.0],
        ),
        (
            PaddingMode::Border,
            [10.0, 10.0, 10.0, 10.0, 12.5, 20.0, 20.0, 20.0, 20.0],
            [0.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 0.0],
        ),
        (
            PaddingMode::Reflection,
            [15.0, 10.0, 10.0, 10.0, 12.5, 20.0, 20.0, 20.0, 17.5],
            [-10.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, -10.0],
        ),
    ] {
        for ((position, value), slope) in positions.into_iter().zip(values).zip(slopes) {
            let sampled = at(&op(SampleMode::Bilinear, padding, false), &row, position - 0.5);
            assert_eq!(sampled, (value, slope), "{padding:?} at {position}");
        }
    }
    // Aligned, the ends are the pixels, where it is reflected.
    let aligned = op(SampleMode::Bilinear, PaddingMode::Reflection, true);
    for (x, sampled) in
        [(-1.0, (10.0, 0.0)), (0.0, (15.0, 5.0)), (1.0, (20.0, 0.0)), (1.5, (17.5, -5.0)), (-2.0, (15.0, -5.0))]
    {
        assert_eq!(at(&aligned, &row, x), sampled, "{x}");
    }
}

#[test]
fn nearest_by_hand() {
    let row = [10.0, 20.0];
    let sampled = |padding, nearest_order, position: f64| {
        let op = GridSample { nearest_order, ..op(SampleMode::Nearest, padding, false) };
        let (value, slope) = at(&op, &row, position - 0.5);
        assert_eq!(slope, 0.0);
        value
    };
    for nearest_order in [NearestOrder::PadFirst, NearestOrder::RoundFirst] {
        for (position, zeros, border) in [
            (-1.0, 0.0, 10.0),
            (-0.5, 10.0, 10.0),
            (0.5, 10.0, 10.0),
            (0.75, 20.0, 20.0),
            (1.5, 0.0, 20.0),
            (1.25, 20.0, 20.0),
        ] {
            assert_eq!(sampled(PaddingMode::Zeros, nearest_order, position), zeros, "{position}");
            assert_eq!(sampled(PaddingMode::Border, nearest_order, position), border, "{position}");
        }
    }
    for position in [-1.5, 2.5] {
        assert_eq!(sampled(PaddingMode::Reflection, NearestOrder::PadFirst, position), 10.0);
        assert_eq!(sampled(PaddingMode::Reflection, NearestOrder::RoundFirst, position), 20.0);
    }
}

/// Each pixel is padded, not the position: torch's and ONNX Runtime's answer.
#[test]
fn bicubic_pads_each_pixel() {
    let row = [10.0, 20.0, 40.0, 30.0];
    let position = -0.75;
    let (value, _) = at(&op(SampleMode::Bicubic, PaddingMode::Border, false), &row, (2.0 * position + 1.0) / 4.0 - 1.0);
    assert_eq!(value, 9.6484375);
}

#[test]
fn an_axis_of_one_pixel() {
    for mode in MODES {
        for padding in PADDINGS {
            for x in [-7.0, -1.0, 0.0, 0.3, 1.0, 2.0] {
                assert_eq!(at(&op(mode, padding, true), &[3.0], x), (3.0, 0.0), "{mode:?} {padding:?} at {x}");
            }
        }
    }
}

#[test]
fn not_finite_counts_0() {
    for mode in MODES {
        for padding in PADDINGS {
            for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                assert_eq!(at(&op(mode, padding, false), &[3.0, 4.0], x), (0.0, 0.0), "{mode:?} {padding:?} at {x}");
            }
        }
    }
}

/// A pixel of weight 0 does not count, and one that is not finite counts in no sample beside.
#[test]
fn a_pixel_of_weight_zero_does_not_count() {
    for mode in MODES {
        assert_eq!(at(&op(mode, PaddingMode::Border, true), &[5.0, 6.0, f64::NAN], 0.0).0, 6.0, "{mode:?}");
    }
}

#[test]
fn gradients_by_differences() {
    const STEP: f64 = 1e-5;
    let mut rng = Rng::with_seed(211);
    for mode in MODES {
        for (padding, align_corners) in PADDINGS.into_iter().flat_map(|padding| [(padding, false), (padding, true)]) {
            let op = op(mode, padding, align_corners);
            let geometry = geometry(&op, [2, 3, 4, 5], [2, 3, 4, 2]);
            let mut drawn = |count: usize| -> Vec<f64> { (0..count).map(|_| rng.f64() * 2.0 - 1.0).collect() };
            let (input, grad_output) = (drawn(120), drawn(72));
            // Far from the kinks, which are at multiples of 1/20 and 1/12.
            let mut grid = drawn(48);
            grid.iter_mut().for_each(|value| *value = (*value * 30.0).round() / 10.0 + 0.0137);
            let loss = |input: &[f64], grid: &[f64]| -> f64 {
                let output = reference::grid_sample(&geometry, &GridSampleInputs { input, grid }).unwrap();
                output.value.iter().zip(&grad_output).map(|(value, grad)| value * grad).sum()
            };
            let inputs = GridSampleInputs { input: &input[..], grid: &grid[..] };
            let gradients = reference::grid_sample_backward(&geometry, &inputs, &grad_output).unwrap();
            let [by_input, by_grid] = [gradients.input, gradients.grid].map(|gradient| gradient.unwrap().value);
            for (index, gradient) in by_input.into_iter().enumerate() {
                let moved = |step: f64| {
                    let mut moved = input.clone();
                    moved[index] += step;
                    loss(&moved, &grid)
                };
                let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                assert!((gradient - difference).abs() < 1e-8, "{op:?}, input[{index}]: {gradient}, {difference}");
            }
            for (index, gradient) in by_grid.into_iter().enumerate() {
                let moved = |step: f64| {
                    let mut moved = grid.clone();
                    moved[index] += step;
                    loss(&input, &moved)
                };
                let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                assert!((gradient - difference).abs() < 1e-6, "{op:?}, grid[{index}]: {gradient}, {difference}");
            }
        }
    }
}

#[test]
fn shapes_are_refused_with_both_numbers() {
    let message = |input: &[usize], grid: &[usize]| {
        let shapes = GridSampleInputs { input: Shape::new(input).unwrap(), grid: Shape::new(grid).unwrap() };
        GridSampleGeometry::new(&GridSample::default(), &shapes).unwrap_err().to_string()
    };
    let (input, grid) = (&[2, 3, 4, 5], &[2, 6, 7, 2]);
    assert_eq!(
        message(&[2, 3, 4, 5, 6], &[2, 6, 7, 8, 3]),
        "input (2x3x4x5x6) has 5 axes; volumes are not sampled, images need 4"
    );
    assert_eq!(message(input, &[2, 6, 7, 8, 3]), "grid (2x6x7x8x3) has 5 axes; volumes are not sampled, images need 4");
    assert_eq!(message(&[3, 4, 5], grid), "input (3x4x5) has 3 axes; it needs 4: batch, channels, height, width");
    assert_eq!(
        message(input, &[6, 7, 2]),
        "grid (6x7x2) has 3 axes; it needs 4: batch, out_height, out_width, coordinates"
    );
    assert_eq!(message(input, &[1, 6, 7, 2]), "grid has 1 images; the input's batch is 2");
    assert_eq!(message(input, &[2, 6, 7, 3]), "grid has 3 coordinates; x and y need 2");
    assert_eq!(
        message(input, &[2, 2, 6, 7]),
        "grid has 7 coordinates; x and y need 2; grid (2x2x6x7) is read as (batch, out_height, out_width, coordinates) and has 2 along \
         axis 1: are its axes in another order?"
    );
    assert_eq!(message(input, &[2, 0, 7, 2]), "grid (2x0x7x2) has out_height of extent 0; at least 1 is needed");
    assert_eq!(
        message(&[1, 1 << 20, 1, 1], &[1, 1 << 10, 1 << 10, 2]),
        "output (1x1048576x1024x1024) has 1099511627776 elements; at most 4294967295 are possible"
    );
}

fn shapes() -> GridSampleInputs<Shape> {
    GridSampleInputs { input: [2, 3, 4, 5].into(), grid: [2, 6, 7, 2].into() }
}

#[test]
fn dialects_spell_the_modes() {
    assert_eq!(torch::GridSample::default().op(&shapes()), Ok(GridSample::default()));
    let modes = [("bilinear", "linear"), ("nearest", "nearest"), ("bicubic", "cubic")];
    for (mode, (old, new)) in MODES.into_iter().zip(modes) {
        for (padding, padding_mode) in PADDINGS.into_iter().zip(["zeros", "border", "reflection"]) {
            let expected = op(mode, padding, true);
            let (mode, padding_mode) = (old.to_string(), padding_mode.to_string());
            let attributes = torch::GridSample { mode, padding_mode, align_corners: true };
            assert_eq!(attributes.op(&shapes()), Ok(expected));
            let torch::GridSample { padding_mode, .. } = attributes;
            for (opset, mode) in [(16, old), (19, old), (20, new), (22, new)] {
                let (mode, padding_mode) = (mode.to_string(), padding_mode.clone());
                let attributes = onnx::GridSample { align_corners: 1, mode, padding_mode, opset };
                let expected = GridSample { nearest_order: NearestOrder::RoundFirst, ..expected };
                assert_eq!(attributes.op(&shapes()), Ok(expected));
            }
        }
    }
    for opset in [16, 20, 22] {
        let op = onnx::GridSample { opset, ..onnx::GridSample::default() }.op(&shapes()).unwrap();
        assert_eq!(op, GridSample { nearest_order: NearestOrder::RoundFirst, ..GridSample::default() });
    }
}

#[test]
fn dialects_refuse() {
    let message = |error: Error| {
        assert!(matches!(error, Error::Attribute { .. }), "{error:?}");
        error.to_string()
    };
    let torch = |mode: &str, padding_mode: &str| {
        let (mode, padding_mode) = (mode.to_string(), padding_mode.to_string());
        message(torch::GridSample { mode, padding_mode, align_corners: false }.op(&shapes()).unwrap_err())
    };
    assert_eq!(torch("linear", "zeros"), "mode is linear; torch knows bilinear, nearest and bicubic");
    assert_eq!(torch("nearest", "reflect"), "padding_mode is reflect; torch knows zeros, border and reflection");
    let onnx = |opset: i64, mode: &str, padding_mode: &str, align_corners: i64| {
        let (mode, padding_mode) = (mode.to_string(), padding_mode.to_string());
        message(onnx::GridSample { align_corners, mode, padding_mode, opset }.op(&shapes()).unwrap_err())
    };
    assert_eq!(onnx(16, "linear", "", 0), "mode is linear; opset 16 knows bilinear, nearest and bicubic");
    assert_eq!(onnx(20, "bicubic", "", 0), "mode is bicubic; opset 20 knows linear, nearest and cubic");
    assert_eq!(onnx(22, "", "wrap", 0), "padding_mode is wrap; opset 22 knows zeros, border and reflection");
    assert_eq!(onnx(22, "", "", 2), "align_corners is 2; only 0 and 1 are possible");
    assert_eq!(onnx(15, "", "", 0), "opset is 15; GridSample is there from 16 on");
    let volumes = GridSampleInputs { input: [2, 3, 4, 5, 6].into(), grid: [2, 3, 4, 5, 3].into() };
    for error in [torch::GridSample::default().op(&volumes), onnx::GridSample::default().op(&volumes)] {
        let message = "input (2x3x4x5x6) has 5 axes; volumes are not sampled, images need 4";
        assert_eq!(error.unwrap_err().to_string(), message);
    }
}
