//! The shortest useful program: one deformable convolution.
//!
//! `cargo run --release --example quickstart`

use pliant::{DeformConv2d, DeformConv2dInputs, Gpu, Tensor};

fn main() -> pliant::Result<()> {
    let gpu = Gpu::new_blocking()?;
    // One 5x5 image whose value is its column; a 1x1 kernel of weight 1.
    let image: Vec<f32> = (0..25).map(|pixel| (pixel % 5) as f32).collect();
    let input = Tensor::upload(&gpu, [1, 1, 5, 5], &image)?;
    let weight = Tensor::upload(&gpu, [1, 1, 1, 1], &[1.0f32])?;
    // Every output pixel looks half a pixel to the right of its place: dy, then dx.
    let offset = Tensor::upload(&gpu, [1, 2, 5, 5], &[[0.0f32; 25], [0.5; 25]].concat())?;
    let inputs = DeformConv2dInputs { input, offset, weight, mask: None, bias: None };
    let output: Vec<f32> = DeformConv2d::default().forward(&inputs)?.download_blocking()?;
    // Beyond the last column there is 0, so the last sample is half of 4.
    println!("{:?} on {gpu:?}", &output[..5]);
    assert_eq!(output[..5], [0.5, 1.5, 2.5, 3.5, 2.0]);
    Ok(())
}
