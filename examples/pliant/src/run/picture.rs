//! Pictures: the sampling positions drawn over the photo, and the contact sheet.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use pliant_support::canvas::{DARK, LIGHT, LINE, paragraph, stroke, text};

use super::filters::FILTERS;
use super::problem::Problem;

/// The longer side of the picture of sampling positions.
const SAMPLES_SIDE: u32 = 1600;
/// The width of the contact sheet, the gaps between its pictures, and the scale of its text.
const SHEET_WIDTH: u32 = 1000;
const SHEET_GAP: u32 = 8;
const SHEET_SCALE: u32 = 2;

const OWN_PLACE: [f32; 3] = [255.0, 255.0, 255.0];
const SAMPLE: [f32; 3] = [255.0, 196.0, 60.0];

/// Caption of the picture of sampling positions.
pub(super) const DOTS: &str = "White dots: some output pixels. Orange dots, at the ends of the lines: where the nine taps of each sample \
                               the photo, which is dimmed here.";

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

/// A grid of three columns: the sampling positions over two rows and columns at the top left, the photo and what the filters make of it
/// around them, then the mask; each with a line below it, and in the last cell why the pictures darken.
pub(super) fn contact_sheet(
    photo: &RgbImage,
    problem: &Problem,
    samples: &RgbImage,
    responses: &[RgbImage],
) -> RgbImage {
    const CAPTION: u32 = (LINE + 3) * SHEET_SCALE;
    let cell_width = (SHEET_WIDTH - 4 * SHEET_GAP) / 3;
    let cell_height =
        (u64::from(cell_width) * u64::from(photo.height()) / u64::from(photo.width())).clamp(40, 1200) as u32;
    let x = |column: u32| SHEET_GAP + column * (cell_width + SHEET_GAP);
    let y = |row: u32| SHEET_GAP + row * (cell_height + CAPTION);
    let mut sheet = RgbImage::from_pixel(SHEET_WIDTH, y(4), DARK);
    let mut put = |picture: &RgbImage, caption: &str, [row, column]: [u32; 2], cells: u32| {
        let width = cells * cell_width + (cells - 1) * SHEET_GAP;
        let height = cell_height * width / cell_width;
        let fitted = imageops::resize(picture, width, height, FilterType::CatmullRom);
        imageops::replace(&mut sheet, &fitted, x(column).into(), y(row).into());
        text(&mut sheet, [x(column), y(row) + height + 6], SHEET_SCALE, LIGHT, caption);
    };
    put(samples, "white: output pixels, orange: where their taps sample", [0, 0], 2);
    put(photo, "original, undistorted", [0, 2], 1);
    let cells = [[1, 2], [2, 0], [2, 1], [2, 2], [3, 0]];
    for ((filter, picture), cell) in FILTERS.iter().zip(responses).zip(cells) {
        put(picture, &format!("{}: {}", filter.name, filter.effect), cell, 1);
    }
    let mask = problem.middle_mask();
    let mask = RgbImage::from_fn(problem.width, problem.height, |x, y| {
        let value = mask.get((y * problem.width + x) as usize).map_or(0.0, |value| value * 255.0);
        Rgb([value.round() as u8; 3])
    });
    put(&mask, "mask: white is 1, black 0", [3, 1], 1);
    let why = "The mask is what each sample counts: 1 in the lens, less and less away from it. So all that is computed darkens there; \
               the original does not.";
    paragraph(&mut sheet, [x(2), y(3) + CAPTION], cell_width, SHEET_SCALE, why);
    sheet
}
