use std::collections::HashMap;

use image::{GrayImage, Rgb, RgbImage};

use super::output::{coloured, given, grid, largest, matte};
use super::{Detection, PictureOptions, Preset, Show, boxes, label_colour};
use crate::dtype::DType;
use crate::gpu::TensorSpec;
use crate::onnx::{ElementType, Model, ValueInfo};

fn spec(extents: &[u32], dtype: DType) -> TensorSpec {
    TensorSpec { shape: crate::shape::Shape::new(extents).unwrap(), dtype }
}

fn close(actual: &[f32], expected: &[f32]) {
    assert_eq!(actual.len(), expected.len());
    assert!(actual.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{actual:?}, not {expected:?}");
}

#[test]
fn a_picture_becomes_planes_that_are_normalised() {
    let picture = RgbImage::from_vec(2, 1, vec![0, 51, 102, 255, 204, 153]).unwrap();
    close(&PictureOptions::default().elements(&picture, 3, [1, 2]).unwrap(), &[0.0, 1.0, 0.2, 0.8, 0.4, 0.6]);
    let options = PictureOptions { mean: [0.5, 0.2, 0.1], std: [0.5, 0.1, 0.2], ..PictureOptions::default() };
    close(&options.elements(&picture, 3, [1, 2]).unwrap(), &[-1.0, 1.0, 0.0, 6.0, 1.5, 2.5]);
    let bytes = PictureOptions { scale: 1.0, ..PictureOptions::default() };
    close(&bytes.elements(&picture, 3, [1, 2]).unwrap(), &[0.0, 255.0, 51.0, 204.0, 102.0, 153.0]);
}

#[test]
fn a_picture_is_resized_over_all_its_pixels() {
    let picture = RgbImage::from_vec(2, 2, vec![0, 0, 0, 100, 4, 8, 200, 8, 16, 60, 12, 24]).unwrap();
    let bytes = PictureOptions { scale: 1.0, ..PictureOptions::default() };
    close(&bytes.elements(&picture, 3, [1, 1]).unwrap(), &[90.0, 6.0, 12.0]);
    let wide = RgbImage::from_vec(2, 1, vec![0, 0, 0, 100, 100, 100]).unwrap();
    close(&bytes.elements(&wide, 3, [1, 4]).unwrap()[..4], &[0.0, 25.0, 75.0, 100.0]);
}

#[test]
fn an_input_of_one_channel_is_grey() {
    let picture = RgbImage::from_pixel(1, 1, Rgb([30; 3]));
    let options =
        PictureOptions { scale: 0.1, mean: [1.0, 9.0, 9.0], std: [4.0, 9.0, 9.0], ..PictureOptions::default() };
    close(&options.elements(&picture, 1, [1, 1]).unwrap(), &[0.5]);
}

#[test]
fn pictures_and_numbers_that_make_no_input_are_refused() {
    let picture = RgbImage::new(3, 2);
    let error =
        |options: PictureOptions, picture: &RgbImage| options.elements(picture, 3, [1, 1]).unwrap_err().to_string();
    assert_eq!(error(PictureOptions::default(), &RgbImage::new(0, 2)), "the picture has 0x2 pixels; 1x1 are needed");
    let zero = PictureOptions { std: [1.0, 0.0, 1.0], ..PictureOptions::default() };
    assert!(error(zero, &picture).starts_with("scale is 0.003921569, mean [0.0, 0.0, 0.0] and std [1.0, 0.0, 1.0]; "));
    let infinite = PictureOptions { scale: f32::INFINITY, ..PictureOptions::default() };
    assert!(error(infinite, &picture).starts_with("scale is inf, "));
}

#[test]
fn a_matte_is_the_alpha_of_the_photograph() {
    let picture = RgbImage::from_pixel(4, 1, Rgb([1, 2, 3]));
    let alpha = |plane: &[f32], sigmoid| {
        let cut_out = matte(plane.to_vec(), [1, 1, plane.len() as u32], sigmoid, &picture);
        assert!(cut_out.pixels().all(|pixel| pixel.0[..3] == [1, 2, 3]));
        cut_out.pixels().map(|pixel| pixel[3]).collect::<Vec<_>>()
    };
    assert_eq!(alpha(&[0.0, 1.0], false), [0, 64, 191, 255]);
    // The logarithms of 3 and of 1/3 are odds of 3 to 1 and of 1 to 3.
    assert_eq!(alpha(&[0.0, 3f32.ln(), -3f32.ln(), 1e9], true), [128, 191, 64, 255]);
    assert_eq!(alpha(&[-1.0, 2.0, f32::NAN, f32::INFINITY], false), [0, 255, 0, 255]);
}

#[test]
fn a_picture_of_an_output_has_the_scale_of_the_input() {
    let elements = [0.0, 1.0, 0.2, 2.0, -1.0, f32::NAN];
    assert_eq!(coloured(&elements, [3, 1, 2], 1.0 / 255.0).into_raw(), [0, 51, 0, 255, 255, 0]);
    assert_eq!(coloured(&[10.0, 20.4, 300.0], [3, 1, 1], 1.0).into_raw(), [10, 20, 255]);
}

#[test]
fn labels_are_the_largest_channels_between_pixels_too() {
    // At the four pixels: 1, 0.75, 0.25, 0 and 0, 0.75, 2.25, 3. Of two that are equal the first counts.
    let elements = [1.0, 0.0, 0.0, 3.0];
    assert_eq!(largest(&elements, [2, 1, 2], [4, 1]).into_raw(), [0, 0, 1, 1]);
    assert_eq!(largest(&elements, [2, 2, 1], [1, 4]).into_raw(), [0, 0, 1, 1]);
    assert_eq!(largest(&[f32::NAN, 1.0, 2.0, f32::NAN], [2, 1, 2], [2, 1]).into_raw(), [1, 0]);
}

#[test]
fn labels_that_are_given_have_none_between_them() {
    assert_eq!(given(&[7.0, 9.0], [1, 1, 2], [4, 1]).into_raw(), [7, 7, 9, 9]);
    assert_eq!(given(&[-3.0, 1e9], [1, 1, 2], [2, 1]).into_raw(), [0, u16::MAX]);
}

#[test]
fn channels_lie_in_a_grid_each_in_its_own_range() {
    let elements = [0.0, 10.0, -1.0, 1.0, 5.0, 5.0];
    let expected = [[0, 255, 0, 0, 255], [0; 5], [0, 0, 0, 0, 0]].concat();
    assert_eq!(grid(&elements, [3, 1, 2]), GrayImage::from_vec(5, 3, expected).unwrap());
    assert_eq!(grid(&[f32::NAN, f32::INFINITY], [1, 1, 2]).into_raw(), [0, 0]);
}

#[test]
fn boxes_are_those_of_high_scores_the_highest_first() {
    let odds = |odds: f32| odds.ln();
    let logits = [odds(1.0), odds(9.0), odds(0.1), odds(0.1), odds(4.0), odds(3.0), odds(99.0), 0.0];
    let places = [0.5, 0.5, 1.0, 0.5, 0.1, 0.1, 0.1, 0.1, 0.25, 0.75, 0.5, 0.5, f32::NAN, 0.5, 0.5, 0.5];
    let found = boxes::detections(&logits, &places, 2, 0.6, [200, 100]);
    let labels: Vec<_> = found.iter().map(|detection| detection.label).collect();
    assert_eq!(labels, [1, 0, 1]);
    close(&found.iter().map(|detection| detection.score).collect::<Vec<_>>(), &[0.9, 0.8, 0.75]);
    close(&found[0].corners, &[0.0, 25.0, 200.0, 75.0]);
    close(&found[1].corners, &[0.0, 50.0, 100.0, 100.0]);
    // As many as there are queries at most.
    assert_eq!(boxes::detections(&logits[..2], &places[..4], 2, 0.0, [1, 1]).len(), 1);
    let none: Vec<Detection> = boxes::detections(&logits, &places, 2, 0.95, [1, 1]);
    assert!(none.is_empty());
}

#[test]
fn what_is_shown_follows_from_shapes() {
    let float = DType::F32;
    let by_shape = |outputs: &[(&str, TensorSpec)]| PictureOptions::default().choose(outputs).unwrap();
    let one = |extents: &[u32], dtype| by_shape(&[("vector", spec(&[1, 9], float)), ("y", spec(extents, dtype))]).0;
    assert_eq!(one(&[1, 1, 4, 5], float), Show::Matte);
    assert_eq!(one(&[1, 3, 4, 5], DType::F16), Show::Picture);
    assert_eq!(one(&[1, 2, 4, 5], float), Show::Channels);
    assert_eq!(one(&[1, 4, 5], float), Show::Channels);
    assert_eq!(one(&[1, 4, 5], DType::I32), Show::Labels);
    assert_eq!(one(&[1, 1, 4, 5], DType::I32), Show::Labels);
    let detector = [
        ("logits", spec(&[1, 12, 4], float)),
        ("pred_boxes", spec(&[1, 12, 4], float)),
        ("z", spec(&[1, 1, 4, 5], float)),
    ];
    assert_eq!(by_shape(&detector), (Show::Boxes, 0, Some(1)));
    let other = [("a", spec(&[1, 12, 4], float)), ("b", spec(&[1, 12, 80], float))];
    assert_eq!(by_shape(&other), (Show::Boxes, 1, Some(0)));
    let named = PictureOptions { output: Some("z".into()), ..PictureOptions::default() };
    assert_eq!(named.choose(&detector).unwrap(), (Show::Matte, 2, None));
}

#[test]
fn presets_choose_their_output() {
    let float = DType::F32;
    let outputs = [
        ("small", spec(&[1, 1, 4, 4], float)),
        ("features", spec(&[1, 8, 4, 4], float)),
        ("matte", spec(&[1, 1, 8, 8], float)),
        ("other", spec(&[1, 2, 8, 8], float)),
    ];
    assert_eq!(Preset::BiRefNet.options().choose(&outputs).unwrap(), (Show::Matte, 2, None));
    assert_eq!(Preset::Segmentation.options().choose(&outputs).unwrap(), (Show::Labels, 1, None));
    let error = |options: PictureOptions| options.choose(&outputs[..2]).unwrap_err().to_string();
    assert_eq!(
        error(Preset::SuperResolution.options()),
        "no output can be shown as a picture: 1x3xHEIGHTxWIDTH is needed; the model has small (1x1x4x4 of f32), features (1x8x4x4 of f32)"
    );
    assert!(error(Preset::RtDetr.options()).starts_with("no output can be shown as boxes: 1xQUERIESxCLASSES beside"));
    // Logits and boxes are no picture, though one more axis would make one of them.
    let detector = [("logits", spec(&[3, 12, 80], float)), ("boxes", spec(&[1, 12, 4], float))];
    for preset in [Preset::BiRefNet, Preset::SuperResolution, Preset::Segmentation] {
        let error = preset.options().choose(&detector).unwrap_err().to_string();
        assert!(error.starts_with("no output can be shown as"), "{error}");
    }
    let named = |output: &str| PictureOptions { output: Some(output.into()), ..Preset::BiRefNet.options() };
    assert!(error(named("features")).starts_with(r#"output "features" cannot be shown as a matte: 1x1xHEIGHTxWIDTH"#));
    assert!(error(named("depth")).starts_with(r#"output "depth" was named; the model has small (1x1x4x4 of f32), "#));
}

/// An input of a model: name, element type, and extents.
type Declared<'a> = (&'a str, ElementType, Option<&'a [Option<u32>]>);

/// A model of these inputs and nothing else.
fn model(inputs: &[Declared]) -> Model {
    let inputs = inputs.iter().map(|&(name, element, extents)| ValueInfo {
        name: name.into(),
        element,
        extents: extents.map(<[_]>::to_vec),
        symbols: Vec::new(),
    });
    let (nodes, constants) = (Vec::new(), HashMap::new());
    Model { inputs: inputs.collect(), outputs: Vec::new(), output_values: Vec::new(), nodes, constants, values: 0 }
}

#[test]
fn an_input_has_the_extents_of_the_model_then_of_the_options_then_of_the_picture() {
    let picture = RgbImage::new(30, 20);
    let open = model(&[("x", ElementType::F32, Some(&[None, Some(3), None, None]))]);
    let given = |options: PictureOptions, model: &Model| options.input(model, &picture, DType::F16).unwrap().1;
    assert_eq!(given(PictureOptions::default(), &open), spec(&[1, 3, 20, 30], DType::F16));
    assert_eq!(given(Preset::RtDetr.options(), &open), spec(&[1, 3, 640, 640], DType::F16));
    let fixed = model(&[
        ("size", ElementType::I64, Some(&[Some(1), Some(2)])),
        ("x", ElementType::F32, Some(&[Some(1), Some(1), Some(64), None])),
    ]);
    assert_eq!(given(Preset::RtDetr.options(), &fixed), spec(&[1, 1, 64, 640], DType::F16));
    let unknown = model(&[("x", ElementType::F32, None)]);
    assert_eq!(given(PictureOptions::default(), &unknown), spec(&[1, 3, 20, 30], DType::F16));
}

#[test]
fn inputs_that_are_no_pictures_are_refused_with_what_is_in_the_way() {
    let picture = RgbImage::new(30, 20);
    let float = ElementType::F32;
    let error =
        |options: &PictureOptions, model: &Model| options.input(model, &picture, DType::F32).unwrap_err().to_string();
    let one =
        |element, extents: &[Option<u32>]| error(&PictureOptions::default(), &model(&[("x", element, Some(extents))]));
    let fault = "no input of the model can be a picture: x ";
    let table = [
        (one(float, &[None, Some(4), None, None]), "(?x4x?x? of f32): it has 4 channels; 3 are needed, or 1"),
        (one(float, &[Some(2), Some(3), None, None]), "(2x3x?x? of f32): its batch is 2; 1 is needed"),
        (one(float, &[Some(1), Some(3), Some(9)]), "(1x3x9 of f32): it has 3 axes; 4 are needed"),
        (one(ElementType::U8, &[None; 4]), "(?x?x?x? of u8): it holds u8; floats are needed"),
    ];
    for (error, message) in table {
        assert_eq!(error, format!("{fault}{message}"));
    }
    let both = model(&[("x", float, None), ("y", float, None)]);
    let none = PictureOptions::default();
    assert_eq!(error(&none, &both), "the model has 2 inputs that a picture could be, x, y; 1 must be named");
    let named = |name: &str| PictureOptions { input: Some(name.into()), ..PictureOptions::default() };
    assert_eq!(named("y").input(&both, &picture, DType::F32).unwrap().0, "y");
    assert_eq!(error(&named("z"), &both), r#"input "z" was named for the picture; the model has x, y"#);
}

#[test]
fn labels_have_colours_that_differ() {
    let colours: Vec<_> = (0..16).map(label_colour).collect();
    for (index, one) in colours.iter().enumerate() {
        let apart = |other: &[u8; 3]| (0..3).map(|part| u32::from(one[part].abs_diff(other[part]))).sum::<u32>();
        assert!(colours[..index].iter().all(|other| apart(other) > 20), "{index}");
    }
}
