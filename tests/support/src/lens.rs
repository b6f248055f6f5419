//! A lens over a photo, as the offsets and the mask of a deformable convolution.

use pliant::{DeformConv2d, DeformConv2dInputs};

use crate::filters::{Filter, KERNEL};
use crate::problem::Array;

/// A round lens. Positions are `[y, x]` in pixels.
#[derive(Clone, Copy)]
pub struct Lens {
    pub centre: [f64; 2],
    pub radius: f64,
    /// The middle is magnified by 1 / (1 - strength).
    pub strength: f64,
    /// How far the middle is turned, clockwise, in radians.
    pub swirl: f64,
}

impl Lens {
    /// The lens over a photo, where `self` has its centre in parts of its height and width, and its radius in parts of the shorter side.
    pub fn over(self, width: u32, height: u32) -> Self {
        let [y, x] = self.centre;
        Self {
            centre: [y * f64::from(height - 1), x * f64::from(width - 1)],
            radius: self.radius * f64::from(width.min(height)),
            ..self
        }
    }

    /// Where the photo is sampled for what is seen at `position`. Beyond the lens that is the position itself.
    pub fn source(&self, position: [f64; 2]) -> [f64; 2] {
        let [y, x] = self.in_radii(position);
        // 1 in the middle of the lens, 0 with a slope of 0 at its rim.
        let bend = (1.0 - y * y - x * x).max(0.0).powi(2);
        if bend == 0.0 {
            return position;
        }
        let scale = self.radius * (1.0 - self.strength * bend);
        let (sin, cos) = (self.swirl * bend).sin_cos();
        [self.centre[0] + scale * (cos * y - sin * x), self.centre[1] + scale * (sin * y + cos * x)]
    }

    /// How much light comes from `position`: all of it through the lens, less and less away from it.
    pub fn light(&self, position: [f64; 2]) -> f64 {
        /// The light that is left in the dark.
        const LEAST: f64 = 0.2;
        /// The distance from the rim to the dark, in radii.
        const FADE: f64 = 1.2;
        let [y, x] = self.in_radii(position);
        let dark = ((y.hypot(x) - 1.0) / FADE).clamp(0.0, 1.0);
        1.0 - (1.0 - LEAST) * dark * dark * (3.0 - 2.0 * dark)
    }

    /// The way from the centre to `position`, in radii.
    fn in_radii(&self, position: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|axis| (position[axis] - self.centre[axis]) / self.radius)
    }

    /// (2 · taps, height, width) and (taps, height, width): each tap samples where the lens bends it to, and counts as much
    /// as the light there. No tap leaves the photo.
    pub fn offset_and_mask(&self, width: u32, height: u32, spacing: u32) -> (Vec<f32>, Vec<f32>) {
        let last = [height, width].map(|extent| f64::from(extent - 1));
        let [rows, columns] = [height, width].map(|extent| extent + 2 * spacing);
        // Of every place that a tap of some output pixel has: how far it is displaced along y and x, and its light.
        let mut field = [const { Vec::new() }; 3];
        for row in 0..rows {
            for column in 0..columns {
                let regular = [row, column].map(|place| f64::from(place) - f64::from(spacing));
                let source = self.source(regular);
                let [dy, dx] = [0, 1].map(|axis| source[axis].clamp(0.0, last[axis]) - regular[axis]);
                let values = [dy, dx, self.light(regular)];
                field.iter_mut().zip(values).for_each(|(field, value)| field.push(value as f32));
            }
        }
        let (mut offset, mut mask) = (Vec::new(), Vec::new());
        for tap in 0..KERNEL * KERNEL {
            let [down, right] = [tap / KERNEL, tap % KERNEL].map(|steps| (steps * spacing) as usize);
            for (plane, values) in field.iter().enumerate() {
                let planes = if plane < 2 { &mut offset } else { &mut mask };
                let rows = values.chunks_exact(columns as usize).skip(down).take(height as usize);
                rows.for_each(|row| planes.extend_from_slice(&row[right..][..width as usize]));
            }
        }
        (offset, mask)
    }
}

/// The regular places `[y, x]` of the taps of output pixel `(y, x)`.
pub fn tap_positions(y: u32, x: u32, spacing: u32) -> impl Iterator<Item = [f64; 2]> {
    let place = move |middle: u32, tap: u32| f64::from(middle) + f64::from(spacing) * (f64::from(tap) - 1.0);
    (0..KERNEL).flat_map(move |i| (0..KERNEL).map(move |j| [place(y, i), place(x, j)]))
}

/// Pixels from one tap to the next that suit a photo of such an extent.
pub fn spacing(width: u32, height: u32) -> u32 {
    (width.max(height) / 150).max(1)
}

/// The convolution by kernels whose taps lie `spacing` pixels apart. Its output is as large as the photo.
pub fn convolution(spacing: u32) -> DeformConv2d {
    DeformConv2d { padding: [spacing; 4], dilation: [spacing; 2], ..DeformConv2d::default() }
}

/// The inputs of the convolution: a photo, the lens over it, and some filters. `pixels` are bytes, of which each pixel has `channels`: red, green and
/// blue come first.
pub fn inputs(
    (pixels, channels): (&[u8], usize),
    [width, height]: [u32; 2],
    (lens, spacing): (&Lens, u32),
    filters: &[Filter],
) -> DeformConv2dInputs<Array> {
    let (taps, out_channels) = (KERNEL * KERNEL, filters.iter().map(Filter::out_channels).sum());
    let (offset, mask) = lens.offset_and_mask(width, height, spacing);
    let weight = filters.iter().flat_map(Filter::weight).collect();
    let bias = filters.iter().flat_map(Filter::bias).collect();
    DeformConv2dInputs {
        input: Array { shape: [1, 3, height, width].into(), elements: planes(pixels, channels) },
        offset: Array { shape: [1, 2 * taps, height, width].into(), elements: offset },
        mask: Some(Array { shape: [1, taps, height, width].into(), elements: mask }),
        weight: Array { shape: [out_channels, 3, KERNEL, KERNEL].into(), elements: weight },
        bias: Some(Array { shape: [out_channels].into(), elements: bias }),
    }
}

/// (3, height, width), from 0 to 1: the colours of pixels, as [`inputs`] takes them.
pub fn planes(pixels: &[u8], channels: usize) -> Vec<f32> {
    let plane = |colour| pixels.iter().skip(colour).step_by(channels).map(|&value| f32::from(value) / 255.0);
    (0..3).flat_map(plane).collect()
}
