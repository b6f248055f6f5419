//! Boxes with words, drawn over pictures.

use image::RgbImage;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Failure;
use crate::chart::{FONT, register};

/// A box over a picture.
pub struct Frame {
    /// Left, top, right and bottom in pixels, which may lie beyond the picture.
    pub corners: [f32; 4],
    pub colour: [u8; 3],
    /// Written at the upper left corner.
    pub words: String,
}

/// Draws boxes, the first above the others.
pub fn draw(picture: &mut RgbImage, frames: &[Frame]) -> Result<(), Failure> {
    register()?;
    let size = picture.dimensions();
    let text = (size.0.max(size.1) / 40).clamp(14, 80) as i32;
    let area = BitMapBackend::with_buffer(picture, size).into_drawing_area();
    let [width, height] = [size.0, size.1].map(|extent| extent as i32);
    for frame in frames.iter().rev() {
        let [left, right] = [0, 2].map(|corner| (frame.corners[corner] as i32).clamp(0, width - 1));
        let [top, bottom] = [1, 3].map(|corner| (frame.corners[corner] as i32).clamp(0, height - 1));
        let [red, green, blue] = frame.colour;
        let colour = RGBColor(red, green, blue);
        let outline = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top), (right, top)];
        area.draw(&PathElement::new(outline, colour.stroke_width((text / 8).max(2) as u32)))?;

        let bright = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue) > 128_000;
        let style = (FONT, text).into_font().color(if bright { &BLACK } else { &WHITE });
        let style = style.pos(Pos::new(HPos::Left, VPos::Center));
        let wide = area.estimate_text_size(&frame.words, &style)?.0 as i32 + text / 2;
        let high = text * 5 / 4;
        // Above the box, or within it where that is beyond the picture.
        let [x, y] = [left.min(width - wide).max(0), if top >= high { top - high } else { top }];
        area.draw(&Rectangle::new([(x, y), (x + wide, y + high)], colour.filled()))?;
        area.draw_text(&frame.words, &style, (x + text / 4, y + high / 2 + text / 9))?;
    }
    Ok(area.present()?)
}
