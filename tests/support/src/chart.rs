//! Charts: the style that all have, and the files that they go to.

use std::fs;
use std::path::Path;

use image::{RgbImage, imageops};
pub use plotters;
use plotters::chart::{MeshStyle, SeriesLabelStyle};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::{Failure, output};

/// Charts are drawn larger than they are shown: edges become smooth, and places are exact, which `plotters` rounds to whole pixels.
const SCALE: u32 = 2;
const SIZE: (u32, u32) = (1600 * SCALE, 1000 * SCALE);
pub(crate) const FONT: &str = "sans-serif";

pub const INK: RGBColor = RGBColor(30, 30, 34);
const GRID: RGBColor = RGBColor(208, 208, 212);
const FAINT: RGBColor = RGBColor(236, 236, 239);

/// Colours of series, which the colour-blind tell apart too: those of Okabe and Ito without black and yellow.
pub const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// Heights of text: of the title, of axes and legends, of notes inside the chart.
const TITLE: i32 = 76;
const TEXT: i32 = 60;
const NOTE: i32 = 50;

/// How far above the middle of its line `plotters` writes text, about.
pub const RAISED: i32 = 7;

pub type Area<B> = DrawingArea<B, Shift>;
pub type Drawn<B, T = ()> = Result<T, DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// A chart that can be drawn into files of either kind.
pub trait Chart {
    /// Draws on white ground.
    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B>;
}

/// The kinds of files that hold charts.
#[derive(Clone, Copy)]
pub enum Kind {
    Png,
    Svg,
}

impl Kind {
    /// Reads the file's ending.
    pub fn of(file: &Path) -> Result<Self, Failure> {
        match file.extension().unwrap_or_default().to_ascii_lowercase().to_str() {
            Some("png") => Ok(Self::Png),
            Some("svg") => Ok(Self::Svg),
            _ => Err(output::wrong_ending(file, "a chart", ".svg or .png").into()),
        }
    }
}

/// Draws the chart into a file of the kind that its ending names.
pub fn save(chart: &impl Chart, file: &Path) -> Result<(), Failure> {
    register()?;
    match Kind::of(file)? {
        Kind::Png => {
            let mut picture = RgbImage::new(SIZE.0, SIZE.1);
            draw(chart, BitMapBackend::with_buffer(&mut picture, SIZE))?;
            output::save(&imageops::thumbnail(&picture, SIZE.0 / SCALE, SIZE.1 / SCALE), file)
        }
        Kind::Svg => {
            let mut text = String::new();
            draw(chart, SVGBackend::with_string(&mut text, SIZE))?;
            // `plotters` states the size of the drawing as the one to show it at.
            let [drawn, shown] =
                [1, SCALE].map(|part| format!(r#"width="{}" height="{}" "#, SIZE.0 / part, SIZE.1 / part));
            text = text.replacen(&drawn, &shown, 1);
            fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()).into())
        }
    }
}

/// Makes the font known, without which no text is drawn.
pub(crate) fn register() -> Result<(), Failure> {
    Ok(register_font(FONT, FontStyle::Normal, notosans::REGULAR_TTF).map_err(|_| "the font of charts is broken")?)
}

fn draw<B: DrawingBackend<ErrorType: 'static>>(chart: &impl Chart, backend: B) -> Result<(), Failure> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    chart.draw(&area)?;
    Ok(area.present()?)
}

fn text(height: i32) -> TextStyle<'static> {
    (FONT, height).into_font().color(&INK)
}

/// The style of titles, for an area that holds several charts.
pub fn title() -> TextStyle<'static> {
    text(TITLE)
}

/// Leaves room for the title and for the names of both axes.
pub fn builder<'a, 'b, B: DrawingBackend>(area: &'a Area<B>, title: &str) -> ChartBuilder<'a, 'b, B> {
    let mut builder = ChartBuilder::on(area);
    builder.margin(48).margin_right(96).x_label_area_size(180).y_label_area_size(260);
    builder.caption(title, text(TITLE));
    builder
}

/// Axes with names, over a light grid.
pub fn mesh<'a, 'b, B, X, Y>(
    chart: &'b mut ChartContext<'a, B, Cartesian2d<X, Y>>,
    [x, y]: [&str; 2],
) -> MeshStyle<'a, 'b, X, Y, B>
where
    B: DrawingBackend,
    X: Ranged + ValueFormatter<X::ValueType>,
    Y: Ranged + ValueFormatter<Y::ValueType>,
{
    let mut mesh = chart.configure_mesh();
    mesh.axis_style(INK.stroke_width(4)).bold_line_style(GRID.stroke_width(2)).light_line_style(FAINT.stroke_width(2));
    mesh.max_light_lines(1)
        .set_all_tick_mark_size(14)
        .label_style(text(TEXT))
        .y_label_offset(RAISED)
        .axis_desc_style(text(TEXT))
        .x_desc(x)
        .y_desc(y);
    mesh
}

/// The room around what is in a legend, and that for a key.
const MARGIN: i32 = 32;
const KEY: i32 = 88;

/// The width and height of a legend with these labels.
pub fn legend_size<'a, B: DrawingBackend>(area: &Area<B>, labels: impl Iterator<Item = &'a str>) -> Drawn<B, [i32; 2]> {
    let (mut widest, mut high) = (0, 0);
    for label in labels {
        widest = widest.max(width(area, label, TEXT)?);
        high += TEXT * 5 / 4;
    }
    Ok([widest + KEY + 2 * MARGIN, high + MARGIN])
}

/// A legend of all series that have labels.
pub fn legend<'a, 'b, B: DrawingBackend + 'a, C: plotters::coord::CoordTranslate>(
    chart: &'b mut ChartContext<'a, B, C>,
) -> SeriesLabelStyle<'a, 'b, B, C> {
    let mut legend = chart.configure_series_labels();
    legend.background_style(WHITE).label_font(text(TEXT)).margin(MARGIN).legend_area_size(KEY);
    legend
}

/// The width and height of a note.
pub fn note_size<B: DrawingBackend>(area: &Area<B>, words: &str) -> Drawn<B, [i32; 2]> {
    Ok([width(area, words, NOTE)?, NOTE * 5 / 4])
}

/// Writes a note into a box of `note_size`, whose upper left corner is here.
pub fn note<B: DrawingBackend>(area: &Area<B>, words: &str, [x, y]: [i32; 2]) -> Drawn<B> {
    let [wide, high] = note_size(area, words)?;
    let style = text(NOTE).pos(Pos::new(HPos::Center, VPos::Center));
    area.draw_text(words, &style, (x + wide / 2, y + high / 2 + RAISED))
}

/// Writes a note beside a place, to its left or right, the middle of its line as high.
pub fn note_beside<B: DrawingBackend>(area: &Area<B>, words: &str, [x, y]: [i32; 2], side: HPos) -> Drawn<B> {
    area.draw_text(words, &text(NOTE).pos(Pos::new(side, VPos::Center)), (x, y + RAISED))
}

/// The width of a text. Who looks at an SVG may have a wider font than the one that is measured.
fn width<B: DrawingBackend>(area: &Area<B>, words: &str, height: i32) -> Drawn<B, i32> {
    Ok(area.estimate_text_size(words, &text(height))?.0 as i32 * 6 / 5)
}
