//! Pictures as inputs and outputs of models in ONNX files.

use std::path::Path;

use pliant::image::{Rgb, RgbImage, imageops};
use pliant::onnx::{Detection, Model, ModelOptions, ModelPlan, PictureOptions, Preset, Show, Shown};
use pliant::{DType, Error, Recorder, Tensor, TensorSpec};

use crate::gpu;

fn model(name: &str) -> Model {
    Model::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx").join(name)).unwrap()
}

fn network(name: &str) -> Model {
    model(&format!("models/{name}/model.onnx"))
}

/// A picture in which no two axes or channels are alike.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([3 * x + y, 255 - 2 * y, x * y / 9].map(|value| value as u8)))
}

fn run(model: &Model, picture: &RgbImage, options: &PictureOptions, float: DType) -> pliant::Result<(String, Shown)> {
    let input = options.input(model, picture, float)?;
    let plan = ModelPlan::with_options(gpu(), model, &[input], ModelOptions { float, ..ModelOptions::default() })?;
    pollster::block_on(plan.run_image(gpu(), picture, options))
}

/// Boxes are those of the outputs that the model gives for the same picture, prepared by hand.
#[test]
fn a_detector_finds_boxes_in_a_picture() {
    let model = network("rtdetr_dy20");
    let large = picture(100, 80);
    let options = PictureOptions { threshold: 0.25, ..Preset::RtDetr.options() };
    let (output, Shown::Boxes(found)) = run(&model, &large, &options, DType::F32).unwrap() else { panic!("no boxes") };
    assert_eq!(output, "logits");

    let small = imageops::resize(&large, 64, 64, imageops::FilterType::Triangle);
    let plane = |channel: usize| small.pixels().map(move |pixel| f32::from(pixel[channel]) / 255.0);
    let input = Tensor::upload(gpu(), [1, 3, 64, 64], &(0..3).flat_map(plane).collect::<Vec<_>>()).unwrap();
    let plan = ModelPlan::new(gpu(), &model, &[("image", input.spec())]).unwrap();
    let mut recorder = Recorder::new(gpu());
    let outputs = plan.forward(&mut recorder, &[("image", &input)]).unwrap();
    recorder.submit().unwrap();
    let [logits, boxes] = [0, 1].map(|output: usize| outputs[output].1.download_blocking::<f32>().unwrap());

    let scores: Vec<_> = logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect();
    let mut expected: Vec<_> = (0..scores.len()).filter(|&index| scores[index] >= 0.25).collect();
    expected.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    expected.truncate(12);
    assert!(!expected.is_empty() && found.len() == expected.len(), "{} found", found.len());
    for (Detection { label, score, corners, .. }, index) in found.iter().zip(expected) {
        let [across, down, wide, high] = [0, 1, 2, 3].map(|part| boxes[index / 5 * 4 + part]);
        assert_eq!(*label as usize, index % 5);
        assert!((score - scores[index]).abs() < 1e-5);
        let [left, top] = [(across - wide / 2.0) * 100.0, (down - high / 2.0) * 80.0];
        let [right, bottom] = [(across + wide / 2.0) * 100.0, (down + high / 2.0) * 80.0];
        let near = corners.iter().zip([left, top, right, bottom]).all(|(a, b)| (a - b).abs() < 1e-2);
        assert!(near, "{corners:?}, not {left}, {top}, {right}, {bottom}");
    }
}

#[test]
fn outputs_are_shown_in_the_size_of_the_picture() {
    let (model, picture) = (network("centernet_dcnv2_ts20"), picture(90, 70));
    let shown = |options: PictureOptions| run(&model, &picture, &options, DType::F32).unwrap();
    let (output, Shown::Channels(grid)) = shown(PictureOptions::default()) else { panic!("no channels") };
    assert_eq!((output.as_str(), grid.dimensions()), ("heatmap", (3 * 17 - 1, 2 * 17 - 1)));
    let named = PictureOptions { output: Some("size".into()), ..Preset::Segmentation.options() };
    let (output, Shown::Labels(labels)) = shown(named) else { panic!("no labels") };
    assert_eq!((output.as_str(), labels.dimensions()), ("size", (90, 70)));
    assert!(labels.pixels().all(|label| label[0] < 2));
}

#[test]
fn pictures_run_in_sixteen_bits() {
    let (model, picture) = (network("centernet_dcnv2_ts20"), picture(64, 64));
    let options = PictureOptions { show: Some(Show::Channels), ..PictureOptions::default() };
    for float in [DType::F16, DType::BF16] {
        let (_, Shown::Channels(grid)) = run(&model, &picture, &options, float).unwrap() else { panic!("no channels") };
        assert!(grid.pixels().any(|pixel| pixel[0] > 200));
    }
}

/// Before anything as large is made on the host.
#[test]
fn inputs_larger_than_a_buffer_are_refused() {
    let spec = TensorSpec { shape: [1, 3, 1 << 20, 1 << 20].into(), dtype: DType::F32 };
    let refused = PictureOptions::default().tensor(gpu(), &picture(3, 2), spec).unwrap_err();
    assert!(
        matches!(&refused, Error::Limit { .. }) && refused.to_string().contains("13194139533312 bytes"),
        "{refused}"
    );
}

#[test]
fn what_cannot_be_shown_is_refused_by_name() {
    let picture = picture(60, 60);
    let refused =
        |model: &Model, options: PictureOptions| run(model, &picture, &options, DType::F32).unwrap_err().to_string();
    let none = PictureOptions::default();
    assert_eq!(
        refused(&network("swin_ts16"), none.clone()),
        "no output can be shown: 1xCHANNELSxHEIGHTxWIDTH is needed; the model has logits (1x10 of f32)"
    );
    let batch = "no input of the model can be a picture: image (2x3x64x64 of f32): its batch is 2; 1 is needed";
    assert_eq!(refused(&network("vit_dy23"), none.clone()), batch);
    let channels = "no input of the model can be a picture: x (?x6x?x? of f32): it has 6 channels; 3 are needed, or 1";
    assert_eq!(refused(&model("dcnv2.onnx"), none.clone()), channels);

    let many = model("deform_conv.onnx");
    let zeros: Vec<_> = [[2, 4, 7, 9], [2, 18, 7, 9], [2, 9, 7, 9]]
        .map(|extents: [u32; 4]| Tensor::new(gpu(), extents, DType::F32).unwrap())
        .into();
    let specs: Vec<_> = many.inputs().iter().zip(&zeros).map(|(input, zeros)| (&*input.name, zeros.spec())).collect();
    let plan = ModelPlan::new(gpu(), &many, &specs).unwrap();
    let error = pollster::block_on(plan.run_image(gpu(), &picture, &none)).unwrap_err();
    assert_eq!(error.to_string(), "the plan has 3 inputs (x, offset, mask); a picture is 1");
    let error = none.tensor(gpu(), &picture, zeros[0].spec()).unwrap_err();
    assert!(matches!(&error, Error::Shape { .. }));
    assert_eq!(error.to_string(), "the input is 2x4x7x9; a picture is 1x3xHEIGHTxWIDTH, or 1x1 in grey");
}
