//! Pictures: the losses of the trainings, and where a deformable network samples its digits.

use image::imageops::{self, FilterType};
use image::{GrayImage, Luma, Rgb, RgbImage};
use pliant_support::canvas::{CHARACTER, DARK, LIGHT, LINE, captioned, stroke, text};

use crate::digits::SIDE;

const LINES: [f32; 3] = [70.0, 70.0, 76.0];
pub(crate) const ORANGE: [f32; 3] = [255.0, 196.0, 60.0];
const OWN_PLACE: [f32; 3] = [255.0, 80.0, 80.0];

/// The width and height of the plot, and its margins: left, top, right with the legend, bottom.
const PLOT: [u32; 2] = [1080, 560];
const MARGIN: [u32; 4] = [64, 56, 240, 68];
/// How many pixels of the canvas a pixel of the font is wide and high.
const SCALE: u32 = 2;
/// Pixels of a picture of samples for each of a digit's.
const ZOOM: u32 = 8;

/// The losses of a training, one for each epoch.
pub(crate) struct Curve {
    /// Name of the network that is trained; curves of one name have one colour.
    pub(crate) name: &'static str,
    pub(crate) colour: [f32; 3],
    pub(crate) losses: Vec<f32>,
}

/// The loss of each epoch, for each training.
pub(crate) fn losses(curves: &[Curve]) -> RgbImage {
    let mut canvas = RgbImage::from_pixel(PLOT[0], PLOT[1], DARK);
    let highest = curves.iter().flat_map(|curve| &curve.losses).copied().fold(0.5, f32::max);
    let epochs = curves.iter().map(|curve| curve.losses.len()).max().unwrap_or(1).max(2);
    let [left, top, right, bottom] = [MARGIN[0], MARGIN[1], PLOT[0] - MARGIN[2], PLOT[1] - MARGIN[3]];
    let write = |canvas: &mut RgbImage, place: [u32; 2], words: &str| text(canvas, place, SCALE, LIGHT, words);
    let wide = |words: &str| words.len() as u32 * CHARACTER[0] * SCALE;
    write(&mut canvas, [8, 16], "mean loss of an epoch: cross-entropy");
    let below = "epoch";
    write(&mut canvas, [(left + right - wide(below)) / 2, bottom + 40], below);

    let edges = [left, top, right, bottom].map(|edge| edge as f32);
    let at = |epoch: f32, loss: f32| {
        let along = (epoch - 1.0) / (epochs - 1) as f32;
        [edges[3] - (edges[3] - edges[1]) * loss / highest, edges[0] + (edges[2] - edges[0]) * along]
    };
    let mut tick = 0.0;
    while tick <= highest {
        let [y, _] = at(1.0, tick);
        stroke(&mut canvas, [y, edges[0]], [y, edges[2]], 1.0, LINES, 1.0);
        write(&mut canvas, [left - 48, y as u32 - 7], &format!("{tick:.1}"));
        tick += 0.5;
    }
    for epoch in (1..=epochs).filter(|epoch| *epoch == 1 || *epoch == epochs || epoch % 10 == 0) {
        let [_, x] = at(epoch as f32, 0.0);
        stroke(&mut canvas, [edges[1], x], [edges[3], x], 1.0, LINES, 1.0);
        let name = epoch.to_string();
        write(&mut canvas, [x as u32 - wide(&name) / 2, bottom + 12], &name);
    }
    let mut named: Vec<&str> = Vec::new();
    for Curve { name, colour, losses } in curves {
        let places: Vec<_> = losses.iter().enumerate().map(|(index, &loss)| at(index as f32 + 1.0, loss)).collect();
        for pair in places.windows(2) {
            stroke(&mut canvas, pair[0], pair[1], 2.0, *colour, 0.9);
        }
        if !named.contains(name) {
            let [x, y] = [right + 24, top + 14 * SCALE * named.len() as u32];
            let middle = (y + CHARACTER[1]) as f32;
            stroke(&mut canvas, [middle, x as f32], [middle, (x + 20) as f32], 3.0, *colour, 1.0);
            write(&mut canvas, [x + 30, y], name);
            named.push(name);
        }
    }
    let [x, y] = [right + 24, top + 14 * SCALE * named.len() as u32];
    write(&mut canvas, [x, y], "one line per seed");
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
        Rgb(DARK.0.map(|paper| paper.saturating_add(ink)))
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

/// Pictures of one size in rows, a heading above each column, and text below all.
pub(crate) fn sheet(headings: &[String], rows: &[Vec<RgbImage>], words: &str) -> RgbImage {
    const BETWEEN: u32 = 6;
    const TOP: u32 = LINE * SCALE;
    let step = SIDE * ZOOM + BETWEEN;
    let [width, height] = [headings.len(), rows.len()].map(|count| count as u32 * step + BETWEEN);
    let mut sheet = RgbImage::from_pixel(width, TOP + height, Rgb([0; 3]));
    for (heading, column) in headings.iter().zip(0..) {
        text(&mut sheet, [column * step + BETWEEN, BETWEEN], SCALE, LIGHT, heading);
    }
    for (y, row) in rows.iter().enumerate() {
        for (x, picture) in row.iter().enumerate() {
            let [x, y] = [x, y].map(|place| place as u32 * step + BETWEEN);
            imageops::replace(&mut sheet, picture, x.into(), (TOP + y).into());
        }
    }
    captioned(&sheet, SCALE, words)
}
