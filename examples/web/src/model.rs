//! A model of an ONNX file on a picture, or on arrays of NumPy's files.

use js_sys::{Function, Uint8Array};
use pliant::image::{DynamicImage, Rgb, RgbImage, RgbaImage};
use pliant::onnx::{Model, ModelInput, ModelOptions, ModelPlan, PictureOptions, Preset, Shown, ValueInfo};
use pliant::{DType, Error, Recorder, Tensor};
use pliant_support::npy::Array;
use wasm_bindgen::prelude::*;

use crate::Device;

/// A model that has been read.
#[wasm_bindgen]
pub struct Network {
    model: Model,
}

/// An operator of a model: its name, how many nodes are of it, and why none of them can run.
#[wasm_bindgen(getter_with_clone)]
pub struct Operator {
    pub name: String,
    pub count: usize,
    pub refusal: Option<String>,
}

/// The families of models that pictures are prepared for.
#[wasm_bindgen]
pub fn presets() -> Vec<String> {
    Preset::ALL.iter().map(|preset| preset.name().to_string()).collect()
}

/// The colour of a label: red, green and blue.
#[wasm_bindgen]
pub fn label_colour(label: u32) -> Vec<u8> {
    pliant::onnx::label_colour(label).to_vec()
}

#[wasm_bindgen]
impl Network {
    /// Reads a model, and what it keeps in other files from those of the same names.
    pub fn read(file: Vec<u8>, names: Vec<String>, files: Vec<Uint8Array>) -> Result<Self, JsError> {
        let model = Model::read_with(file, |path| {
            let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
            let found = names.iter().zip(&files).find(|(other, _)| *other == name);
            let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, "it was not given with the model");
            found.map(|(_, file)| file.to_vec()).ok_or_else(missing)
        })?;
        Ok(Self { model })
    }

    pub fn inputs(&self) -> Vec<String> {
        self.model.inputs().iter().map(ValueInfo::to_string).collect()
    }

    pub fn outputs(&self) -> Vec<String> {
        self.model.outputs().iter().map(ValueInfo::to_string).collect()
    }

    pub fn operators(&self) -> Vec<Operator> {
        let operators = self.model.operators().into_iter();
        let named = |domain: &str, name: String| if domain.is_empty() { name } else { format!("{domain}::{name}") };
        operators
            .map(|operator| Operator {
                name: named(&operator.domain, operator.name),
                count: operator.count,
                refusal: operator.refusal,
            })
            .collect()
    }

    /// Plans the model for a picture, given as pixels of red, green, blue and opacity. `progress` is called with the nodes that are planned, and
    /// the number of all.
    pub fn for_picture(
        &self,
        device: &Device,
        picture: Picture,
        float: &str,
        progress: &Function,
    ) -> Result<Planned, JsError> {
        let Picture { picture, options } = picture;
        let (name, spec) = options.input(&self.model, &picture, float.parse()?)?;
        let tensor = options.tensor(&device.gpu, &picture, spec)?;
        self.plan(device, vec![(name, tensor)], float.parse()?, progress, Some((picture, options)))
    }

    /// Plans the model for arrays of NumPy's files, which belong to inputs in the model's order, but for those whose file is called as an input.
    pub fn for_arrays(
        &self,
        device: &Device,
        names: Vec<String>,
        files: Vec<Uint8Array>,
        float: &str,
        progress: &Function,
    ) -> Result<Planned, JsError> {
        let dtype: DType = float.parse()?;
        let all = || self.model.inputs().iter().map(|input| input.name.as_str());
        let called = |file: &str| all().find(|name| file.strip_suffix(".npy") == Some(*name));
        let mut left = all().filter(|name| !names.iter().any(|file| called(file) == Some(*name)));
        let mut tensors = Vec::new();
        for (file, bytes) in names.iter().zip(&files) {
            let array = Array::of_file(&bytes.to_vec()).map_err(|error| JsError::new(&format!("{file}: {error}")))?;
            let extra = || JsError::new(&format!("{file}: the model has {} inputs", self.model.inputs().len()));
            let name = called(file).or_else(|| left.next()).ok_or_else(extra)?;
            tensors.push((name, array.upload_as(&device.gpu, dtype)?));
        }
        self.plan(device, tensors, dtype, progress, None)
    }
}

impl Network {
    fn plan(
        &self,
        device: &Device,
        tensors: Vec<(&str, Tensor)>,
        float: DType,
        progress: &Function,
        picture: Option<(RgbImage, PictureOptions)>,
    ) -> Result<Planned, JsError> {
        let inputs: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, ModelInput::from(tensor.spec()))).collect();
        let mut show = |done: usize, all: usize| {
            // What the page does with it is its own affair.
            let _ = progress.call2(&JsValue::NULL, &JsValue::from(done as u32), &JsValue::from(all as u32));
        };
        let options = ModelOptions { float, progress: Some(&mut show), ..ModelOptions::default() };
        let plan = ModelPlan::with_options(&device.gpu, &self.model, &inputs, options)?;
        let mut recorder = Recorder::new(&device.gpu);
        let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
        let outputs = plan.forward(&mut recorder, &tensors)?;
        let outputs = outputs.into_iter().map(|(name, tensor)| (name.to_string(), tensor)).collect();
        Ok(Planned { memory: plan.memory(), recorder, outputs, picture })
    }
}

/// A picture with how it is prepared.
#[wasm_bindgen]
pub struct Picture {
    picture: RgbImage,
    options: PictureOptions,
}

#[wasm_bindgen]
impl Picture {
    /// A picture for a family of models, or, where `preset` names none, for the model's own size, from 0 to 1.
    #[wasm_bindgen(constructor)]
    pub fn new(width: u32, height: u32, pixels: Vec<u8>, preset: &str, threshold: f32) -> Result<Self, JsError> {
        let picture = RgbaImage::from_raw(width, height, pixels);
        let picture = picture.ok_or_else(|| JsError::new("the picture has too few pixels"))?;
        let preset = Preset::ALL.iter().find(|known| known.name() == preset);
        let options = preset.map_or_else(PictureOptions::default, |preset| preset.options());
        Ok(Self { picture: DynamicImage::from(picture).into_rgb8(), options: PictureOptions { threshold, ..options } })
    }
}

/// A model with its inputs, recorded.
#[wasm_bindgen]
pub struct Planned {
    memory: u64,
    recorder: Recorder,
    outputs: Vec<(String, Tensor)>,
    picture: Option<(RgbImage, PictureOptions)>,
}

/// An output as a file of NumPy's, and its name with what it holds.
#[wasm_bindgen(getter_with_clone)]
pub struct Output {
    pub name: String,
    pub about: String,
    pub file: Vec<u8>,
}

/// A picture of the outputs of a model, to be shown.
#[wasm_bindgen(getter_with_clone)]
pub struct Seen {
    pub output: String,
    pub kind: String,
    pub width: u32,
    pub height: u32,
    /// Red, green, blue and opacity of each pixel.
    pub pixels: Vec<u8>,
    /// Label, score, left, top, right and bottom of each box, in pixels.
    pub boxes: Vec<f32>,
}

#[wasm_bindgen]
impl Planned {
    #[wasm_bindgen(getter)]
    pub fn memory(&self) -> f64 {
        self.memory as f64
    }

    #[wasm_bindgen(getter)]
    pub fn dispatches(&self) -> usize {
        self.recorder.len()
    }

    /// Runs the model, and gives its outputs.
    pub async fn run(&self) -> Result<Vec<Output>, JsError> {
        self.recorder.submit()?;
        let mut outputs = Vec::new();
        for (name, tensor) in &self.outputs {
            let array = Array::download(tensor).await?;
            let elements = array.elements();
            let least = elements.iter().copied().fold(f64::INFINITY, f64::min);
            let largest = elements.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let about = format!("{name} ({} of {}): {least:.4} to {largest:.4}", array.shape, tensor.dtype());
            outputs.push(Output { name: name.clone(), about, file: array.file() });
        }
        Ok(outputs)
    }

    /// Makes a picture of the outputs of the last run; none where the inputs were arrays.
    pub async fn show(&self) -> Result<Option<Seen>, JsError> {
        let Some((picture, options)) = &self.picture else { return Ok(None) };
        let outputs: Vec<_> = self.outputs.iter().map(|(name, tensor)| (name.as_str(), tensor.clone())).collect();
        let (output, shown) = options.show(picture, &outputs).await?;
        let mut boxes = Vec::new();
        let (kind, image) = match shown {
            Shown::Matte(cut_out) => ("matte", DynamicImage::from(cut_out)),
            Shown::Picture(picture) => ("picture", DynamicImage::from(picture)),
            Shown::Channels(grid) => ("channels", DynamicImage::from(grid)),
            Shown::Labels(labels) => {
                let colour = |x, y| Rgb(pliant::onnx::label_colour(labels.get_pixel(x, y)[0].into()));
                ("labels", DynamicImage::from(RgbImage::from_fn(labels.width(), labels.height(), colour)))
            }
            Shown::Boxes(found) => {
                let rows = found.iter().map(|found| (found.label as f32, found.score, found.corners));
                boxes = rows.flat_map(|(label, score, [a, b, c, d])| [label, score, a, b, c, d]).collect();
                ("boxes", DynamicImage::from(picture.clone()))
            }
            _ => return Err(Error::Unsupported(format!("the page does not show {output}")).into()),
        };
        let image = image.into_rgba8();
        let (width, height) = image.dimensions();
        Ok(Some(Seen { output, kind: kind.to_string(), width, height, pixels: image.into_raw(), boxes }))
    }
}
