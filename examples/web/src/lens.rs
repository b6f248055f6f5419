//! The lens over a photo, frame by frame.

use pliant::{DeformConv2dInputs, DeformConv2dPlan, Recorder, Tensor};
use pliant_support::filters::{FILTERS, Filter};
use pliant_support::lens::{self, Lens, tap_positions};
use wasm_bindgen::prelude::*;

use crate::Device;

/// A photo under a lens. What a frame needs of the device is made once, and used again by the next.
#[wasm_bindgen]
pub struct View {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
    look: Option<Look>,
}

/// The recording of a convolution by some filter and spacing.
struct Look {
    filter: usize,
    spacing: u32,
    inputs: DeformConv2dInputs<Tensor>,
    recorder: Recorder,
    output: Tensor,
}

/// Where the lens is and what it does, as [`Lens`] has it: the centre and the radius in parts of the photo, the swirl in degrees.
#[wasm_bindgen]
pub struct Controls {
    pub x: f64,
    pub y: f64,
    pub radius: f64,
    pub strength: f64,
    pub swirl: f64,
    pub spacing: u32,
    pub filter: usize,
}

#[wasm_bindgen]
impl Controls {
    #[wasm_bindgen(constructor)]
    pub fn new(x: f64, y: f64, radius: f64, strength: f64, swirl: f64, spacing: u32, filter: usize) -> Self {
        Self { x, y, radius, strength, swirl, spacing, filter }
    }
}

impl Controls {
    fn lens(&self, width: u32, height: u32) -> Lens {
        let Self { x, y, radius, strength, swirl, .. } = *self;
        Lens { centre: [y, x], radius, strength, swirl: swirl.to_radians() }.over(width, height)
    }
}

/// The filters' names with their effects, in order.
#[wasm_bindgen]
pub fn filters() -> Vec<String> {
    FILTERS.iter().map(|Filter { name, effect, .. }| format!("{name}: {effect}")).collect()
}

/// Pixels from one tap to the next that suit a photo of such an extent.
#[wasm_bindgen]
pub fn spacing(width: u32, height: u32) -> u32 {
    lens::spacing(width, height)
}

#[wasm_bindgen]
impl View {
    /// A photo as pixels of red, green, blue and opacity.
    #[wasm_bindgen(constructor)]
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self, JsError> {
        check(width, height, &pixels)?;
        Ok(Self { width, height, pixels, look: None })
    }

    /// Shows another photo of the same extent, as a camera gives them.
    pub fn replace(&mut self, pixels: Vec<u8>) -> Result<(), JsError> {
        check(self.width, self.height, &pixels)?;
        if let Some(look) = &self.look {
            write(&look.inputs.input, &lens::planes(&pixels, 4));
        }
        self.pixels = pixels;
        Ok(())
    }

    /// The photo through the lens, as pixels.
    pub async fn frame(&mut self, device: &Device, controls: &Controls) -> Result<Vec<u8>, JsError> {
        let Controls { spacing, filter: index, .. } = *controls;
        let filter = FILTERS.get(index).ok_or_else(|| JsError::new("there is no such filter"))?;
        let lens = controls.lens(self.width, self.height);
        let kept = self.look.take().filter(|look| (look.filter, look.spacing) == (index, spacing));
        let look = match kept {
            Some(look) => {
                let (offset, mask) = lens.offset_and_mask(self.width, self.height, spacing);
                write(&look.inputs.offset, &offset);
                look.inputs.mask.iter().for_each(|tensor| write(tensor, &mask));
                look
            }
            None => self.look(device, &lens, spacing, index)?,
        };
        look.recorder.submit()?;
        let output: Vec<f32> = look.output.download()?.await?;
        self.look = Some(look);
        Ok(filter.colours(&output).flat_map(|[red, green, blue]| [red, green, blue, 255]).collect())
    }

    fn look(&self, device: &Device, lens: &Lens, spacing: u32, filter: usize) -> Result<Look, JsError> {
        let extent = [self.width, self.height];
        let arrays = lens::inputs((&self.pixels, 4), extent, (lens, spacing), &FILTERS[filter..=filter]);
        let inputs = arrays.try_map(|array| array.upload(&device.gpu))?;
        let plan = DeformConv2dPlan::new(&device.gpu, &lens::convolution(spacing), &inputs)?;
        let mut recorder = Recorder::new(&device.gpu);
        let output = plan.forward(&mut recorder, &inputs)?;
        Ok(Look { filter, spacing, inputs, recorder, output })
    }

    /// Where the taps of an output pixel sample the photo: x and y of each.
    pub fn samples(&self, controls: &Controls, x: u32, y: u32) -> Vec<f32> {
        let lens = controls.lens(self.width, self.height);
        let last = [self.height, self.width].map(|extent| f64::from(extent - 1));
        let places = tap_positions(y, x, controls.spacing).map(|place| lens.source(place));
        places.flat_map(|[y, x]| [x.clamp(0.0, last[1]) as f32, y.clamp(0.0, last[0]) as f32]).collect()
    }
}

fn check(width: u32, height: u32, pixels: &[u8]) -> Result<(), JsError> {
    let needed = 4 * width as usize * height as usize;
    if needed == 0 || pixels.len() != needed {
        let message = format!("a photo of {width}x{height} has {needed} bytes; {} were given", pixels.len());
        return Err(JsError::new(&message));
    }
    Ok(())
}

/// Overwrites all elements of a tensor.
fn write(tensor: &Tensor, elements: &[f32]) {
    tensor.gpu().queue().write_buffer(tensor.buffer(), tensor.offset(), bytemuck::cast_slice(elements));
}
