//! The roofline: what a pass computes a second against what it computes for each byte that it must move, under the roofs that copying
//! and matrix products set.

use std::f64::consts::{PI, TAU};

use pliant_support::chart::plotters::element::ComposedElement;
use pliant_support::chart::plotters::prelude::*;
use pliant_support::chart::{self, Area, COLOURS, Chart, Drawn, INK, RAISED};

use super::report::Row;

/// How far a mark reaches from its middle, and the room around text, in pixels.
const REACH: i32 = 23;
const ROOM: i32 = 8;

/// A roofline with a mark for each pass. `matmul` and `copy` are rates.
pub(crate) struct Roofline<'a> {
    pub(crate) title: String,
    pub(crate) rows: &'a [Row],
    pub(crate) matmul: f64,
    pub(crate) copy: f64,
}

impl Chart for Roofline<'_> {
    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let &Self { ref title, rows, matmul, copy } = self;
        let points = || rows.iter().map(|row| (row.intensity(), row.rate() * 1e-9));
        let ridge = (matmul / copy, matmul * 1e-9);
        let x = ends(points().map(|point| point.0).chain([ridge.0]));
        let y = ends(points().map(|point| point.1).chain([ridge.1]));
        let axis = |[low, high]: [f64; 2]| {
            let [named, grid] = ticks(low, high);
            (low..high).log_scale().with_key_points(named).with_light_points(grid)
        };
        let mut chart = chart::builder(area, title).build_cartesian_2d(axis(x), axis(y))?;
        let mut mesh = chart::mesh(&mut chart, ["FLOP per byte that must move", "GFLOP/s"]);
        mesh.x_label_formatter(&f64::to_string).y_label_formatter(&f64::to_string).draw()?;

        // The slope of the copy up to the ridge, the plateau of the product from there on.
        let between = |from: f64, to: f64| (0..=100).map(move |step| from * (to / from).powf(f64::from(step) * 0.01));
        let slope = between(x[0].max(y[0] * 1e9 / copy), ridge.0).map(|x| (x, x * copy * 1e-9));
        let slope: Vec<_> = slope.map(|point| chart.backend_coord(&point)).collect();
        let plateau: Vec<_> = between(ridge.0, x[1]).map(|x| chart.backend_coord(&(x, ridge.1))).collect();
        let marks: Vec<_> = points().map(|point| chart.backend_coord(&point)).collect();
        let (across, down) = chart.plotting_area().get_pixel_range();
        let boxed = |reach: i32| move |&(x, y): &(i32, i32)| [x - reach, y - reach, x + reach, y + reach];
        let covered = slope.iter().chain(&plateau).map(boxed(ROOM)).chain(marks.iter().map(boxed(REACH))).collect();
        let mut free = Free { inside: [across.start, down.start, across.end, down.end], covered };
        area.draw(&PathElement::new([slope[0], plateau[0], plateau[100]], INK.stroke_width(6)))?;

        let mut series: Vec<String> = Vec::new();
        for name in rows.iter().map(Row::series) {
            if !series.contains(&name) {
                series.push(name);
            }
        }
        let colour = |series: usize| COLOURS[series % COLOURS.len()];
        let mut legend: Vec<_> =
            series.iter().enumerate().map(|(index, name)| (&name[..], index, colour(index), false)).collect();
        if rows.iter().any(|row| row.backward) {
            legend.extend([("forward", 0, INK, false), ("forward+backward", 0, INK, true)]);
        }
        let size = chart::legend_size(area, legend.iter().map(|(name, ..)| *name))?;
        let columns = [across.start + 3 * ROOM, across.end - 3 * ROOM - size[0]];
        let lines = [down.start + 3 * ROOM, down.end - 3 * ROOM - size[1]];
        let corner = free.place(size, lines.into_iter().flat_map(|y| columns.map(|x| [x, y])));
        for (name, series, colour, hollow) in legend {
            let key = move |(x, y)| mark((x + REACH, y - RAISED), series, colour, hollow);
            chart.draw_series(None::<Mark<(f64, f64), B>>)?.label(name).legend(key);
        }
        let corner = SeriesLabelPosition::Coordinate(corner[0] - across.start, corner[1] - down.start);
        chart::legend(&mut chart).position(corner).draw()?;

        for (row, &at) in rows.iter().zip(&marks) {
            let index = series.iter().position(|name| *name == row.series()).unwrap_or_default();
            area.draw(&mark(at, index, colour(index), row.backward))?;
        }
        let mut write = |words: &str, places: &dyn Fn([i32; 2]) -> Vec<[i32; 2]>| {
            let size = chart::note_size(area, words)?;
            chart::note(area, words, free.place(size, places(size)))
        };
        // One label for the passes of a shape that differ in nothing but how they were computed: at the fastest.
        for (row, &(x, y)) in rows.iter().zip(&marks) {
            let faster = |other: &Row| other.rate() > row.rate();
            let alike = |other: &Row| other.shape == row.shape && other.backward == row.backward;
            if !rows.iter().any(|other| alike(other) && faster(other)) {
                write(row.shape, &|[wide, high]| {
                    let beside = [x + REACH, x - REACH - wide].map(|x| [x, y - high / 2]);
                    let [above, below] = [y - REACH - high, y + REACH];
                    let lines = [above, below, above - 2 * ROOM, below + 2 * ROOM];
                    let across = [x - wide / 2, x, x - wide, x + REACH, x - REACH - wide];
                    beside.into_iter().chain(across.into_iter().flat_map(|x| lines.map(|y| [x, y]))).collect()
                })?;
            }
        }
        write(&format!("matrix product: {} GFLOP/s", figure(matmul * 1e-9)), &|[wide, high]| {
            plateau.iter().rev().flat_map(|&(x, y)| [y - high - ROOM, y + ROOM].map(|y| [x - wide, y])).collect()
        })?;
        write(&format!("copy: {} GB/s", figure(copy * 1e-9)), &|_| {
            slope[50..].iter().map(|&(x, y)| [x + 2 * ROOM, y + 2 * ROOM]).collect()
        })?;
        Ok(())
    }
}

type Mark<C, B> = ComposedElement<C, B, Polygon<(i32, i32)>, Polygon<(i32, i32)>>;

/// A mark of the series of this number, in a shape of its own: filled, or hollow.
fn mark<C, B: DrawingBackend>(at: C, series: usize, colour: RGBColor, hollow: bool) -> Mark<C, B> {
    // A regular polygon: its corners, how far they are from its middle, and the first's place in parts of a turn.
    let (corners, radius, first) = [(24, 19.0, 0.0), (4, 22.0, 0.125), (4, 22.0, 0.0), (3, 24.0, 0.75)][series % 4];
    let outline = |radius: f64| {
        let angles = (0..corners).map(|corner| TAU * (first + f64::from(corner) / f64::from(corners)));
        angles.map(|angle| [angle.cos(), angle.sin()].map(|along| (radius * along).round() as i32).into()).collect()
    };
    let inner: Vec<_> = outline(radius - 7.0 / (PI / f64::from(corners)).cos());
    let outer: Vec<_> = outline(radius);
    EmptyElement::at(at) + Polygon::new(outer, colour) + Polygon::new(inner, if hollow { WHITE } else { colour })
}

/// Where text may go, in boxes of pixels: left, top, right, bottom.
struct Free {
    inside: [i32; 4],
    covered: Vec<[i32; 4]>,
}

impl Free {
    /// Of the places inside for a box of this size, by its upper left corner, the first that covers least; the box is covered from then on.
    fn place(&mut self, size: [i32; 2], places: impl IntoIterator<Item = [i32; 2]>) -> [i32; 2] {
        let around = |[x, y]: [i32; 2]| [x, y, x + size[0], y + size[1]];
        let common = |a: [i32; 4], b: [i32; 4]| -> i32 {
            [0, 1].map(|axis| (a[axis + 2].min(b[axis + 2]) - a[axis].max(b[axis])).max(0)).iter().product()
        };
        let cost = |&place: &[i32; 2]| {
            let outside = size[0] * size[1] - common(around(place), self.inside);
            outside + self.covered.iter().map(|&other| common(around(place), other)).sum::<i32>()
        };
        let best = places.into_iter().min_by_key(cost).unwrap_or_default();
        self.covered.push(around(best));
        best
    }
}

/// The ends of an axis that shows all values that a logarithm has, with some room around them.
fn ends(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let values = values.filter(|value| value.is_normal() && *value > 0.0);
    [values.clone().fold(f64::INFINITY, f64::min) / 2.0, values.fold(0.0, f64::max) * 2.0]
}

/// The ticks with names, powers of ten or more where those are few, and all lines of the grid.
fn ticks(low: f64, high: f64) -> [Vec<f64>; 2] {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let of = |digits: &[u32]| -> Vec<f64> {
        let all = decades.clone().flat_map(|decade| digits.iter().map(move |digit| format!("{digit}e{decade}")));
        all.filter_map(|tick| tick.parse().ok()).filter(|tick| (low..=high).contains(tick)).collect()
    };
    let powers = of(&[1]);
    [if powers.len() < 3 { of(&[1, 2, 5]) } else { powers }, of(&[1, 2, 3, 4, 5, 6, 7, 8, 9])]
}

/// A rate to about three digits.
fn figure(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
