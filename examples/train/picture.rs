//! Pictures: the losses of the trainings, and where a deformable network samples its digits.

use image::imageops::{self, FilterType};
use image::{GrayImage, Luma, Rgb, RgbImage};
use pliant_support::canvas::{DARK, LIGHT, LINE, captioned, stroke, text};
use pliant_support::chart::plotters::prelude::*;
use pliant_support::chart::{self, Area, Chart, Drawn, RAISED};

use crate::digits::SIDE;

const ORANGE: [f32; 3] = [255.0, 196.0, 60.0];
const OWN_PLACE: [f32; 3] = [255.0, 80.0, 80.0];

/// How many pixels of the canvas a pixel of the font is wide and high.
const SCALE: u32 = 2;
/// Pixels of a picture of samples for each of a digit's.
const ZOOM: u32 = 8;

/// The losses of a training, one for each epoch.
pub(crate) struct Curve {
    /// Name of the network that is trained; curves of one name have one colour.
    pub(crate) name: &'static str,
    pub(crate) losses: Vec<f32>,
}

/// The loss of each epoch, for each training.
pub(crate) struct Losses<'a>(pub(crate) &'a [Curve]);

impl Chart for Losses<'_> {
    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let &Self(curves) = self;
        let highest = curves.iter().flat_map(|curve| &curve.losses).copied().fold(0.5, f32::max);
        let epochs = curves.iter().map(|curve| curve.losses.len()).max().unwrap_or(1).max(2);
        let mut builder = chart::builder(area, "Training loss, one line per seed");
        let mut chart = builder.build_cartesian_2d(1..epochs, 0.0..1.05 * highest)?;
        chart::mesh(&mut chart, ["epoch", "mean cross-entropy"]).draw()?;
        let mut named: Vec<&str> = Vec::new();
        for Curve { name, losses } in curves {
            let found = named.iter().position(|other| other == name);
            let style = chart::COLOURS[found.unwrap_or(named.len()) % chart::COLOURS.len()].stroke_width(5);
            // A single loss is no line.
            let mark = if losses.len() == 1 { 10 } else { 0 };
            let line = LineSeries::new((1..).zip(losses.iter().copied()), style).point_size(mark);
            let line = chart.draw_series(line)?;
            if found.is_none() {
                line.label(*name)
                    .legend(move |(x, y)| PathElement::new([(x, y - RAISED), (x + 64, y - RAISED)], style));
                named.push(name);
            }
        }
        let fallen = curves.iter().any(|curve| curve.losses.last().is_some_and(|loss| loss * 2.0 < highest));
        let corner = if fallen { SeriesLabelPosition::UpperRight } else { SeriesLabelPosition::LowerLeft };
        chart::legend(&mut chart).position(corner).draw()
    }
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
