//! Pictures: the sampling positions drawn over the photo, and the contact sheet.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::problem::Problem;
use super::stroke::stroke;

/// The longer side of the picture of sampling positions.
const SAMPLES_SIDE: u32 = 1600;
/// The width of the contact sheet, and the gaps between its pictures.
const SHEET_WIDTH: u32 = 1000;
const SHEET_GAP: u32 = 8;
const SHEET_COLOUR: Rgb<u8> = Rgb([24, 24, 27]);

const OWN_PLACE: [f32; 3] = [255.0, 255.0, 255.0];
const SAMPLE: [f32; 3] = [255.0, 196.0, 60.0];

/// The photo, dimmed, and over it for some output pixels a white dot at their own place and lines to the dots where their
/// taps sample.
pub(super) fn sampling_positions(photo: &RgbImage, problem: &Problem) -> RgbImage {
    let longer = photo.width().max(photo.height());
    let scale = SAMPLES_SIDE as f32 / longer as f32;
    let [width, height] = [photo.width(), photo.height()].map(|extent| ((extent as f32 * scale) as u32).max(1));
    let mut canvas = imageops::resize(photo, width, height, FilterType::CatmullRom);
    for pixel in canvas.pixels_mut() {
        let grey = pixel.0.iter().map(|&value| f32::from(value)).sum::<f32>() / 3.0;
        pixel.0 = pixel.0.map(|value| (0.2 * f32::from(value) + 0.22 * grey) as u8);
    }
    // The centre of pixel 0 is position 0.
    let on_canvas = |position: [f32; 2]| position.map(|along| (along + 0.5) * scale);
    for y in evenly(problem.height, longer) {
        for x in evenly(problem.width, longer) {
            let own = on_canvas([y as f32, x as f32]);
            let samples: Vec<_> = problem.sampling_positions(y, x).into_iter().map(on_canvas).collect();
            for &sample in &samples {
                stroke(&mut canvas, own, sample, 1.5, SAMPLE, 0.45);
            }
            for &sample in &samples {
                stroke(&mut canvas, sample, sample, 6.0, SAMPLE, 1.0);
            }
            stroke(&mut canvas, own, own, 8.0, OWN_PLACE, 1.0);
        }
    }
    canvas
}

/// Places along an axis of `extent` pixels, so far apart that about sixteen fit along the longer one.
fn evenly(extent: u32, longer: u32) -> impl Iterator<Item = u32> {
    let step = (longer / 16).max(1);
    let count = (extent / step).max(1);
    (0..count).map(move |index| ((2 * index + 1) * extent / (2 * count)).min(extent - 1))
}

/// A grid of three by three: the large picture over two rows and columns at the top left, the small ones around it.
pub(super) fn contact_sheet(large: &RgbImage, small: &[RgbImage]) -> RgbImage {
    let cell_width = (SHEET_WIDTH - 4 * SHEET_GAP) / 3;
    let cell_height =
        (u64::from(cell_width) * u64::from(large.height()) / u64::from(large.width())).clamp(40, 1200) as u32;
    let [x, y] = [cell_width, cell_height].map(|extent| move |cell: u32| SHEET_GAP + cell * (extent + SHEET_GAP));
    let mut sheet = RgbImage::from_pixel(SHEET_WIDTH, y(3), SHEET_COLOUR);
    let mut put = |picture: &RgbImage, [row, column]: [u32; 2], cells: u32| {
        let [width, height] = [cell_width, cell_height].map(|extent| cells * extent + (cells - 1) * SHEET_GAP);
        let fitted = imageops::resize(picture, width, height, FilterType::CatmullRom);
        imageops::replace(&mut sheet, &fitted, x(column).into(), y(row).into());
    };
    put(large, [0, 0], 2);
    for (picture, cell) in small.iter().zip([[0, 2], [1, 2], [2, 0], [2, 1], [2, 2]]) {
        put(picture, cell, 1);
    }
    sheet
}
