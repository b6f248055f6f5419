//! The roofline: what a pass computes a second against what it computes for each byte that it must move, under the roofs that copying
//! and matrix products set.

use image::{Rgb, RgbImage};
use pliant_support::canvas::{CHARACTER, stroke, text};

use super::report::Row;

const WIDTH: u32 = 1600;
const HEIGHT: u32 = 1000;
/// Left, top, right with the legend, bottom.
const MARGIN: [u32; 4] = [120, 70, 340, 90];
const SCALE: u32 = 2;

const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([30, 30, 34]);
const GRID: [f32; 3] = [200.0, 200.0, 206.0];
const ROOF: [f32; 3] = [30.0, 30.0, 34.0];
const SERIES: [[u8; 3]; 8] = [
    [31, 119, 180],
    [214, 39, 40],
    [44, 160, 44],
    [148, 103, 189],
    [255, 127, 14],
    [23, 150, 170],
    [140, 86, 75],
    [227, 119, 194],
];

/// An axis that shows from `low` to `high`, logarithmically, on pixels `from` to `to`.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// Shows all values with some room around them.
    fn around(values: impl Iterator<Item = f64> + Clone, from: u32, to: u32) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min) / 2.0;
        let high = values.fold(0.0, f64::max) * 2.0;
        Self { low, high, from: f64::from(from), to: f64::from(to) }
    }

    fn pixel(&self, value: f64) -> f32 {
        (self.from + (value / self.low).ln() / (self.high / self.low).ln() * (self.to - self.from)) as f32
    }

    /// 1, 2 and 5 of each decade.
    fn ticks(&self) -> Vec<f64> {
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let ticks = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(decade)));
        ticks.filter(|tick| (self.low..=self.high).contains(tick)).collect()
    }
}

/// Draws a labelled point for each pass: a dot for forward, a ring for forward and backward. `matmul` and `copy` are rates.
pub(crate) fn draw(title: &str, rows: &[Row], matmul: f64, copy: f64) -> RgbImage {
    let mut canvas = RgbImage::from_pixel(WIDTH, HEIGHT, PAPER);
    let [left, top, right, bottom] = [MARGIN[0], MARGIN[1], WIDTH - MARGIN[2], HEIGHT - MARGIN[3]];
    let ridge = matmul / copy;
    let x = Axis::around(rows.iter().map(Row::intensity).chain([ridge]), left, right);
    let y = Axis::around(rows.iter().map(|row| row.rate() * 1e-9).chain([matmul * 1e-9]), bottom, top);
    grid(&mut canvas, &x, &y);
    write(&mut canvas, [f64::from(left), 20.0], title);
    write(&mut canvas, [f64::from(right) - 420.0, f64::from(bottom) + 50.0], "FLOP per byte that must move");
    write(&mut canvas, [10.0, 48.0], "GFLOP/s");

    // The slope of the copy up to the ridge, the plateau of the product from there on.
    let point = |intensity: f64, rate: f64| [y.pixel(rate * 1e-9), x.pixel(intensity)];
    let start = x.low.max(y.low * 1e9 / copy);
    let peak = point(ridge, matmul);
    stroke(&mut canvas, point(start, start * copy), peak, 3.0, ROOF, 1.0);
    stroke(&mut canvas, peak, point(x.high, matmul), 3.0, ROOF, 1.0);
    let plateau = format!("matrix product {} GFLOP/s", figure(matmul * 1e-9));
    let end = f64::from(right) - f64::from(plateau.len() as u32 * CHARACTER[0] * SCALE);
    write(&mut canvas, [end, f64::from(peak[0]) - 24.0], &plateau);
    let slope = format!("copy {} GB/s", figure(copy * 1e-9));
    let middle = (start * ridge).sqrt();
    let [slope_y, slope_x] = point(middle, middle * copy);
    write(&mut canvas, [f64::from(slope_x) + 16.0, f64::from(slope_y)], &slope);

    let mut series: Vec<String> = Vec::new();
    let mut taken: Vec<[f32; 4]> = Vec::new();
    let place = |row: &Row| point(row.intensity(), row.rate());
    for row in rows {
        let [y, x] = place(row);
        taken.push([x - 9.0, y - 9.0, x + 9.0, y + 9.0]);
    }
    for row in rows {
        let name = row.series();
        let index = series.iter().position(|other| *other == name).unwrap_or_else(|| {
            series.push(name);
            series.len() - 1
        });
        dot(&mut canvas, place(row), SERIES[index % SERIES.len()], row.backward);
    }
    // One label for the passes of a shape that differ in nothing but how they were computed: at the fastest.
    for (index, row) in rows.iter().enumerate() {
        let alike = |other: &Row| other.shape == row.shape && other.backward == row.backward;
        let faster = |(other_index, other): (usize, &Row)| {
            alike(other) && (other.rate() > row.rate() || (other.rate() == row.rate() && other_index < index))
        };
        if !rows.iter().enumerate().any(faster) {
            label(&mut canvas, place(row), row.shape, &mut taken);
        }
    }
    let marks = [("forward".to_string(), INK.0, false), ("forward+backward".to_string(), INK.0, true)];
    let colours = series.into_iter().zip(SERIES.into_iter().cycle()).map(|(name, colour)| (name, colour, false));
    for (line, (name, colour, ring)) in (0u32..).zip(marks.into_iter().chain(colours)) {
        let [x, y] = [right + 30, top + 28 * line].map(f64::from);
        dot(&mut canvas, [y as f32 + 7.0, x as f32], colour, ring);
        write(&mut canvas, [x + 18.0, y], &name);
    }
    canvas
}

fn grid(canvas: &mut RgbImage, x: &Axis, y: &Axis) {
    let frame = [y.to as f32, x.from as f32, y.from as f32, x.to as f32];
    for tick in x.ticks() {
        let at = x.pixel(tick);
        stroke(canvas, [frame[0], at], [frame[2], at], 1.0, GRID, 1.0);
        let name = number(tick);
        let half = f64::from(name.len() as u32 * CHARACTER[0] * SCALE) / 2.0;
        write(canvas, [f64::from(at) - half, f64::from(frame[2]) + 14.0], &name);
    }
    for tick in y.ticks() {
        let at = y.pixel(tick);
        stroke(canvas, [at, frame[1]], [at, frame[3]], 1.0, GRID, 1.0);
        let name = number(tick);
        let wide = f64::from(name.len() as u32 * CHARACTER[0] * SCALE);
        write(canvas, [f64::from(frame[1]) - wide - 12.0, f64::from(at) - 7.0], &name);
    }
}

/// A tick's value: no more digits than it has.
fn number(value: f64) -> String {
    if value >= 1.0 { format!("{value:.0}") } else { format!("{value:.*}", (-value.log10().floor()) as usize) }
}

/// A rate to about three digits.
fn figure(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn dot(canvas: &mut RgbImage, place: [f32; 2], colour: [u8; 3], ring: bool) {
    stroke(canvas, place, place, 15.0, colour.map(f32::from), 1.0);
    if ring {
        stroke(canvas, place, place, 8.0, PAPER.0.map(f32::from), 1.0);
    }
}

/// Writes a name beside its point, where it covers least of what is there.
fn label(canvas: &mut RgbImage, [y, x]: [f32; 2], name: &str, taken: &mut Vec<[f32; 4]>) {
    let [wide, high] = [name.len() as u32 * CHARACTER[0], CHARACTER[1]].map(|extent| (extent * SCALE) as f32);
    let [left, middle, right] = [x - 12.0 - wide, x - wide / 2.0, x + 12.0];
    let rows = [0.0, 16.0, -16.0, 34.0, -34.0].map(|below| y - high / 2.0 + below);
    let beside = rows.into_iter().flat_map(|top| [[right, top], [left, top]]);
    let above = [[middle, rows[2] - 4.0], [middle, rows[1] + 4.0], [middle, rows[4]], [middle, rows[3]]];
    let area = |[left, top]: [f32; 2]| [left, top, left + wide, top + high];
    let covered = |place: [f32; 2]| {
        let area = area(place);
        let common = |axis: usize, other: &[f32; 4]| {
            (area[axis + 2].min(other[axis + 2]) - area[axis].max(other[axis])).max(0.0)
        };
        let frame = if area[2] > (WIDTH - MARGIN[2]) as f32 { wide * high } else { 0.0 };
        taken.iter().map(|other| common(0, other) * common(1, other)).sum::<f32>() + frame
    };
    let mut best = ([right, rows[0]], f32::INFINITY);
    for place in beside.chain(above) {
        let covered = covered(place);
        if covered < best.1 {
            best = (place, covered);
        }
    }
    taken.push(area(best.0));
    text(canvas, best.0.map(|at| at.max(0.0) as u32), SCALE, INK, name);
}

fn write(canvas: &mut RgbImage, [x, y]: [f64; 2], line: &str) {
    let [x, y] = [x, y].map(|at| at.max(0.0) as u32);
    let [wide, high] = [line.len() as u32 * CHARACTER[0], CHARACTER[1]].map(|extent| (extent * SCALE) as f32);
    // No line of the grid runs through it.
    let middle = y as f32 + high / 2.0;
    let [from, to] = [x as f32 + high / 2.0, x as f32 + wide - high / 2.0];
    stroke(canvas, [middle, from], [middle, to], high + 4.0, PAPER.0.map(f32::from), 1.0);
    text(canvas, [x, y], SCALE, INK, line);
}
