//! Pictures: the sampling positions of the convolution and of the attention drawn over the photo, and the contact sheet.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use pliant_support::canvas::{DARK, Key, LIGHT, LINE, legend, paragraph, stroke, text};
use pliant_support::filters::FILTERS;

use super::attention::{Attention, Look, STRIDES};
use super::problem::Problem;

/// The longer side of pictures of sampling positions.
const SAMPLES_SIDE: u32 = 1600;
/// The width of the contact sheet, the gaps between its pictures, and the scale of its text.
const SHEET_WIDTH: u32 = 1320;
const SHEET_GAP: u32 = 8;
const SHEET_SCALE: u32 = 2;

const OWN_PLACE: [f32; 3] = [255.0, 255.0, 255.0];
const SAMPLE: [f32; 3] = [255.0, 196.0, 60.0];

/// Colours of the levels of the attention, which the colour-blind tell apart too: yellow, sky blue and vermilion of Okabe and Ito.
const LEVELS: [[f32; 3]; STRIDES.len()] = [[240.0, 228.0, 66.0], [86.0, 180.0, 233.0], [213.0, 94.0, 0.0]];

/// Caption of the picture of sampling positions.
pub(super) const DOTS: &str = "White dots: some output pixels. Orange dots, at the ends of the lines: where the nine taps of each sample \
                               the photo, which is dimmed here.";

/// Caption of the picture of where queries look.
pub(super) const LOOKS: &str = "White rings: reference points of queries, filled with the mean of the colours that their heads see. Dots at the ends \
                                of the lines: where the heads sample the photo's levels, whose sizes are above; a dot's area is its weight. \
                                Along an outline they lie further away, and the far ones weigh more.";

/// A canvas with the photo, dimmed, and how many of its pixels a pixel of the photo is wide.
fn dimmed(photo: &RgbImage, [colour, brightness]: [f32; 2]) -> (RgbImage, f32) {
    let scale = SAMPLES_SIDE as f32 / photo.width().max(photo.height()) as f32;
    let [width, height] = [photo.width(), photo.height()].map(|extent| ((extent as f32 * scale) as u32).max(1));
    let mut canvas = imageops::resize(photo, width, height, FilterType::CatmullRom);
    for pixel in canvas.pixels_mut() {
        let grey = pixel.0.iter().map(|&value| f32::from(value)).sum::<f32>() / 3.0;
        pixel.0 = pixel.0.map(|value| (colour * f32::from(value) + brightness * grey) as u8);
    }
    (canvas, scale)
}

/// The photo, dimmed, and over it for some output pixels a white dot at their own place and lines to the dots where their
/// taps sample.
pub(super) fn sampling_positions(photo: &RgbImage, problem: &Problem) -> RgbImage {
    let (mut canvas, scale) = dimmed(photo, [0.2, 0.22]);
    let longer = photo.width().max(photo.height());
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

/// The photo, dimmed, and over it for each query a ring at its reference point and lines to the dots where it samples, whose areas are their
/// weights.
pub(super) fn looks(photo: &RgbImage, looks: &[Look]) -> RgbImage {
    /// The width of a dot of weight 1.
    const WHOLE: f32 = 42.0;
    let (mut canvas, _) = dimmed(photo, [0.2, 0.35]);
    let extents = [canvas.height() as f32, canvas.width() as f32];
    let on_canvas = |position: [f32; 2]| [position[0] * extents[0], position[1] * extents[1]];
    let mut points = Vec::new();
    for look in looks {
        let own = on_canvas(look.reference);
        for point in &look.points {
            let place = on_canvas(point.position);
            stroke(&mut canvas, own, place, 1.5, LEVELS[point.level], 0.4);
            points.push((place, point.weight, LEVELS[point.level]));
        }
    }
    // Small ones on top.
    points.sort_by(|(_, one, _), (_, other, _)| other.total_cmp(one));
    for (place, weight, colour) in points {
        let width = WHOLE * weight.max(0.0).sqrt();
        stroke(&mut canvas, place, place, width + 3.0, [0.0; 3], 0.7);
        stroke(&mut canvas, place, place, width, colour, 1.0);
    }
    for look in looks {
        let own = on_canvas(look.reference);
        stroke(&mut canvas, own, own, 21.0, [0.0; 3], 0.7);
        stroke(&mut canvas, own, own, 18.0, OWN_PLACE, 1.0);
        stroke(&mut canvas, own, own, 12.0, look.colour.map(|colour| 255.0 * colour), 1.0);
    }
    canvas
}

/// The legend of the picture of where queries look.
pub(super) fn keys(attention: &Attention) -> Vec<Key> {
    let levels = LEVELS.into_iter().zip(STRIDES).zip(attention.levels());
    levels.map(|((colour, stride), level)| Key { colour, meaning: format!("1/{stride}: {level}") }).collect()
}

/// Places along an axis of `extent` pixels, so far apart that about sixteen fit along the longer one.
fn evenly(extent: u32, longer: u32) -> impl Iterator<Item = u32> {
    let step = (longer / 16).max(1);
    let count = (extent / step).max(1);
    (0..count).map(move |index| ((2 * index + 1) * extent / (2 * count)).min(extent - 1))
}

/// A grid of four columns: the sampling positions of convolution and attention, over two of them each, then the photo, what the filters make of it and
/// the mask, each with a line below it, and in the last cell why the pictures darken.
pub(super) fn contact_sheet(
    photo: &RgbImage,
    problem: &Problem,
    responses: &[RgbImage],
    samples: &RgbImage,
    (looks, keys): (&RgbImage, &[Key]),
) -> RgbImage {
    const CAPTION: u32 = (LINE + 3) * SHEET_SCALE;
    let width_of = |cells: u32| cells * (SHEET_WIDTH - 5 * SHEET_GAP) / 4 + (cells - 1) * SHEET_GAP;
    let cell_height =
        (u64::from(width_of(1)) * u64::from(photo.height()) / u64::from(photo.width())).clamp(40, 1200) as u32;
    let height_of = |cells: u32| cell_height * width_of(cells) / width_of(1);
    let x = |column: u32| SHEET_GAP + column * (width_of(1) + SHEET_GAP);
    let y =
        |row: u32| SHEET_GAP + row.min(1) * (height_of(2) + CAPTION) + row.saturating_sub(1) * (cell_height + CAPTION);
    let mut sheet = RgbImage::from_pixel(SHEET_WIDTH, y(3), DARK);
    // Gives where the line below begins.
    let put = |sheet: &mut RgbImage, picture: &RgbImage, [row, column]: [u32; 2]| {
        let cells = if row == 0 { 2 } else { 1 };
        let fitted = imageops::resize(picture, width_of(cells), height_of(cells), FilterType::CatmullRom);
        imageops::replace(sheet, &fitted, x(column).into(), y(row).into());
        [x(column), y(row) + height_of(cells) + 6]
    };
    let below = put(&mut sheet, looks, [0, 2]);
    text(&mut sheet, below, SHEET_SCALE, LIGHT, "attention");
    legend(&mut sheet, [below[0] + 120, below[1]], SHEET_WIDTH, SHEET_SCALE, keys);
    let mut captioned = |picture: &RgbImage, caption: &str, place: [u32; 2]| {
        let below = put(&mut sheet, picture, place);
        text(&mut sheet, below, SHEET_SCALE, LIGHT, caption);
    };
    captioned(samples, "convolution; white: output pixels, orange: samples", [0, 0]);
    captioned(photo, "original, undistorted", [1, 0]);
    let cells = [[1, 1], [1, 2], [1, 3], [2, 0], [2, 1]];
    for ((filter, picture), cell) in FILTERS.iter().zip(responses).zip(cells) {
        captioned(picture, &format!("{}: {}", filter.name, filter.effect), cell);
    }
    let mask = problem.middle_mask();
    let mask = RgbImage::from_fn(problem.width, problem.height, |x, y| {
        let value = mask.get((y * problem.width + x) as usize).map_or(0.0, |value| value * 255.0);
        Rgb([value.round() as u8; 3])
    });
    captioned(&mask, "mask: white is 1, black 0", [2, 2]);
    let why = "The mask is what each sample counts: 1 in the lens, less and less away from it. So all that is computed darkens there; \
               the original does not.";
    paragraph(&mut sheet, [x(3), y(2) + CAPTION], width_of(1), SHEET_SCALE, why);
    sheet
}
