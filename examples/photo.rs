//! From an image to a tensor and back: a photo, blurred along its columns.
//!
//! `cargo run --release --example photo [IMAGE]`; the result is output/photo.png.

use image::RgbImage;
use pliant::{Conv2d, Conv2dInputs, Gpu, Shape, Tensor};

/// The photo that comes with the project: see examples/data/README.md.
const CHELSEA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/chelsea.png");

/// (1, 3, height, width), from 0 to 1. An image holds red, green and blue of each pixel side by side, a tensor one plane behind another.
fn to_tensor(gpu: &Gpu, image: &RgbImage) -> pliant::Result<Tensor> {
    let (width, height) = image.dimensions();
    let plane = |channel: usize| image.pixels().map(move |pixel| f32::from(pixel[channel]) / 255.0);
    let elements: Vec<f32> = (0..3).flat_map(plane).collect();
    Tensor::upload(gpu, [1, 3, height, width], &elements)
}

/// The image of a tensor, as [`to_tensor`] takes it; values beyond 0 and 1 are clamped.
async fn to_image(tensor: &Tensor) -> Result<RgbImage, Box<dyn std::error::Error>> {
    let &[1, 3, height, width] = tensor.shape().extents() else {
        return Err(format!("the tensor is {}; an image is 1x3xHEIGHTxWIDTH", tensor.shape()).into());
    };
    let elements: Vec<f32> = tensor.download()?.await?;
    let pixels = height as usize * width as usize;
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    let bytes = (0..pixels).flat_map(|pixel| [0, 1, 2].map(|channel| byte(elements[channel * pixels + pixel])));
    RgbImage::from_raw(width, height, bytes.collect()).ok_or_else(|| "the image is too large".into())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| CHELSEA.to_string());
    let photo = image::open(&file).map_err(|error| format!("cannot read {file}: {error}"))?.into_rgb8();
    pollster::block_on(async {
        let gpu = Gpu::new().await?;
        let tensor = to_tensor(&gpu, &photo)?;
        assert!(to_image(&tensor).await? == photo, "there and back, it is the same image");

        // The mean of 15 rows, each channel by itself.
        let rows = 15;
        let op = Conv2d { padding: [rows / 2, 0, rows / 2, 0], groups: 3, ..Conv2d::default() };
        let shape = Shape::from([3, 1, rows, 1]);
        let weight = Tensor::upload(&gpu, shape, &vec![1.0 / rows as f32; shape.elements() as usize])?;
        let blurred = op.forward(&Conv2dInputs { input: &tensor, weight: &weight, bias: None })?;

        std::fs::create_dir_all("output")?;
        to_image(&blurred).await?.save("output/photo.png")?;
        println!("{file}, blurred on {gpu:?}: output/photo.png");
        Ok(())
    })
}
