//! Pictures: the losses of the trainings, and where a deformable network samples its digits.

use image::imageops::{self, FilterType};
use image::{GrayImage, Luma, Rgb, RgbImage};

use crate::canvas::stroke;
use crate::digits::SIDE;

const PAPER: Rgb<u8> = Rgb([24, 24, 27]);
const LINES: [f32; 3] = [70.0, 70.0, 76.0];
const TEXT: [f32; 3] = [190.0, 190.0, 196.0];
pub(crate) const ORANGE: [f32; 3] = [255.0, 196.0, 60.0];
const OWN_PLACE: [f32; 3] = [255.0, 80.0, 80.0];

/// The width and height of the plot, and of its margins on the left and at the bottom; those on the other sides are `GAP`.
const PLOT: [u32; 2] = [900, 520];
const MARGIN: [u32; 2] = [64, 48];
const GAP: u32 = 24;
/// Pixels of a picture of samples for each of a digit's.
const ZOOM: u32 = 8;

/// The loss of each epoch, for each training in a colour of its own.
pub(crate) fn losses(curves: &[(Vec<f32>, [f32; 3])]) -> RgbImage {
    let mut canvas = RgbImage::from_pixel(PLOT[0], PLOT[1], PAPER);
    let highest = curves.iter().flat_map(|(losses, _)| losses).copied().fold(0.5, f32::max);
    let epochs = curves.iter().map(|(losses, _)| losses.len()).max().unwrap_or(1).max(2);
    let (left, right) = (MARGIN[0] as f32, (PLOT[0] - GAP) as f32);
    let (top, bottom) = (GAP as f32, (PLOT[1] - MARGIN[1]) as f32);
    let at = |epoch: f32, loss: f32| {
        let along = (epoch - 1.0) / (epochs - 1) as f32;
        [bottom - (bottom - top) * loss / highest, left + (right - left) * along]
    };
    let mut tick = 0.0;
    while tick <= highest {
        let [y, _] = at(1.0, tick);
        stroke(&mut canvas, [y, left], [y, right], 1.0, LINES, 1.0);
        write(&mut canvas, [y - 7.0, left - 48.0], &format!("{tick:.1}"));
        tick += 0.5;
    }
    for epoch in (1..=epochs).filter(|epoch| *epoch == 1 || epoch % 10 == 0) {
        let [_, x] = at(epoch as f32, 0.0);
        stroke(&mut canvas, [top, x], [bottom, x], 1.0, LINES, 1.0);
        write(&mut canvas, [bottom + 12.0, x - 7.0], &epoch.to_string());
    }
    for (losses, colour) in curves {
        let places: Vec<_> = losses.iter().enumerate().map(|(index, &loss)| at(index as f32 + 1.0, loss)).collect();
        for pair in places.windows(2) {
            stroke(&mut canvas, pair[0], pair[1], 2.0, *colour, 0.9);
        }
    }
    canvas
}

/// Where one output pixel of the last layer samples: its own place on the digit, and for each place the part with which it counts.
pub(crate) struct Samples {
    pub(crate) own: [f32; 2],
    pub(crate) places: Vec<([f32; 2], f32)>,
}

/// A digit, and over it the samples in orange, fainter where they count less, and their own place in red.
pub(crate) fn samples(digit: &[f32], samples: &Samples) -> RgbImage {
    let digit = GrayImage::from_fn(SIDE, SIDE, |x, y| Luma([(digit[(y * SIDE + x) as usize] * 160.0) as u8]));
    let digit = imageops::resize(&digit, SIDE * ZOOM, SIDE * ZOOM, FilterType::Triangle);
    let mut canvas = RgbImage::from_fn(digit.width(), digit.height(), |x, y| {
        let Luma([ink]) = *digit.get_pixel(x, y);
        Rgb(PAPER.0.map(|paper| paper.saturating_add(ink)))
    });
    // The centre of pixel 0 is position 0.
    let on_canvas = |place: [f32; 2]| place.map(|along| (along + 0.5) * ZOOM as f32);
    for &(place, part) in &samples.places {
        stroke(&mut canvas, on_canvas(place), on_canvas(place), 5.0, ORANGE, part.clamp(0.15, 1.0));
    }
    let own = on_canvas(samples.own);
    stroke(&mut canvas, own, own, 8.0, OWN_PLACE, 1.0);
    canvas
}

/// Pictures of one size in rows.
pub(crate) fn sheet(rows: &[Vec<RgbImage>]) -> RgbImage {
    const BETWEEN: u32 = 6;
    let step = SIDE * ZOOM + BETWEEN;
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let mut sheet = RgbImage::from_pixel(columns * step + BETWEEN, rows.len() as u32 * step + BETWEEN, Rgb([0; 3]));
    for (y, row) in rows.iter().enumerate() {
        for (x, picture) in row.iter().enumerate() {
            let [x, y] = [x, y].map(|place| i64::from(place as u32 * step + BETWEEN));
            imageops::replace(&mut sheet, picture, x, y);
        }
    }
    sheet
}

/// Digits and points from `at` on, `[y, x]`, in cells of 3 x 5 squares.
fn write(canvas: &mut RgbImage, at: [f32; 2], text: &str) {
    const SQUARE: f32 = 3.0;
    // From the top left, row by row.
    const GLYPHS: [(char, u16); 11] = [
        ('0', 0b111_101_101_101_111),
        ('1', 0b010_110_010_010_111),
        ('2', 0b111_001_111_100_111),
        ('3', 0b111_001_111_001_111),
        ('4', 0b101_101_111_001_001),
        ('5', 0b111_100_111_001_111),
        ('6', 0b111_100_111_101_111),
        ('7', 0b111_001_010_010_010),
        ('8', 0b111_101_111_101_111),
        ('9', 0b111_101_111_001_111),
        ('.', 0b000_000_000_000_010),
    ];
    for (index, letter) in text.chars().enumerate() {
        let Some((_, glyph)) = GLYPHS.iter().find(|(other, _)| *other == letter) else { continue };
        for cell in (0..15u16).filter(|cell| glyph >> (14 - cell) & 1 == 1) {
            let y = at[0] + SQUARE * f32::from(cell / 3);
            let x = at[1] + SQUARE * (4.0 * index as f32 + f32::from(cell % 3));
            stroke(canvas, [y, x], [y, x], 1.4 * SQUARE, TEXT, 1.0);
        }
    }
}
