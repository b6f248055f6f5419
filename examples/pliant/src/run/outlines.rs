//! Outlines of the photo: where they are, and how they run.

use image::RgbImage;

/// The queries of a photo, about.
const QUERIES: f32 = 12.0;
/// Pixels from one query to the next, at least and about.
const APART: f32 = 80.0;
/// The difference in brightness between neighbouring pixels that makes half an outline.
const FAINT: f32 = 0.02;

/// The reference points `[y, x]` of a photo of this size, in 0..1: in each cell of a grid over it, where its brightness changes most, not too near the cell's edge.
pub(super) fn references(level: &RgbImage, [height, width]: [f32; 2]) -> Vec<[f32; 2]> {
    let side = (height * width / QUERIES).sqrt().max(APART);
    let cells = [height, width].map(|extent| (extent / side).round().max(1.0) as u32);
    let extents = [level.height(), level.width()];
    let places = |axis: usize, cell: u32| {
        let ends = [cell, cell + 1].map(|edge| edge * extents[axis] / cells[axis]);
        (ends[0]..ends[1]).map(move |pixel| (pixel as f32 + 0.5) / extents[axis] as f32)
    };
    let in_cell = |[row, column]: [u32; 2]| {
        // 1 in the middle of the cell, 0 at its edge.
        let inside = |axis: usize, place: f32| 1.0 - (2.0 * (place * cells[axis] as f32).fract() - 1.0).powi(2);
        let score = |&[y, x]: &[f32; 2]| {
            (Slopes::around(level, [y, x]).strength() + FAINT * FAINT) * inside(0, y) * inside(1, x)
        };
        let all = places(0, row).flat_map(|y| places(1, column).map(move |x| [y, x]));
        all.max_by(|one, other| score(one).total_cmp(&score(other)))
    };
    (0..cells[0]).flat_map(|row| (0..cells[1]).map(move |column| [row, column])).filter_map(in_cell).collect()
}

/// The outline at a place: the cosine and the sine of twice its angle, times how much of an outline it is, from 0 to 1.
pub(super) fn outline(level: &RgbImage, place: [f32; 2]) -> [f32; 2] {
    let slopes = Slopes::around(level, place);
    [slopes.yy - slopes.xx, -2.0 * slopes.xy].map(|part| part / (slopes.strength() + 9.0 * FAINT * FAINT))
}

/// Sums of squared slopes of brightness, and of their products, over the nine pixels around a place.
#[derive(Default)]
struct Slopes {
    xx: f32,
    yy: f32,
    xy: f32,
}

impl Slopes {
    fn around(level: &RgbImage, place: [f32; 2]) -> Self {
        let extents = [level.height(), level.width()].map(i64::from);
        let [y, x] = [0, 1].map(|axis| (place[axis] * extents[axis] as f32) as i64);
        let brightness = |y: i64, x: i64| {
            let [y, x] = [y.clamp(0, extents[0] - 1), x.clamp(0, extents[1] - 1)];
            let [red, green, blue] = level.get_pixel(x as u32, y as u32).0.map(|colour| f32::from(colour) / 255.0);
            0.299 * red + 0.587 * green + 0.114 * blue
        };
        let mut sums = Self::default();
        for [y, x] in (-1..=1).flat_map(|i| (-1..=1).map(move |j| [y + i, x + j])) {
            let along_x = (brightness(y, x + 1) - brightness(y, x - 1)) / 2.0;
            let along_y = (brightness(y + 1, x) - brightness(y - 1, x)) / 2.0;
            sums.xx += along_x * along_x;
            sums.yy += along_y * along_y;
            sums.xy += along_x * along_y;
        }
        sums
    }

    fn strength(&self) -> f32 {
        self.xx + self.yy
    }
}
