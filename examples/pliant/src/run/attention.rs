//! A layer of multi-scale deformable attention over the photo, done by a device and by the reference. Its parameters are made by hand: along an
//! outline of the photo its points lie further away, and the far ones weigh more.

use std::f32::consts::TAU;

use image::RgbImage;
use image::imageops::{self, FilterType};
use pliant::{
    Gpu, Matmul, MatmulInputs, MatmulPlan, MultiScaleDeformAttn, MultiScaleDeformAttnInputs, MultiScaleDeformAttnPlan,
    Recorder, Shape, Softmax, SoftmaxPlan, Tensor,
};
use pliant_support::compare::Expected;
use pliant_support::problem::{Array, Problem};

use super::photo;
use super::problem::Difference;
use super::timing::Times;

/// The longest side of the photo as the layer sees it.
const LONGEST: u32 = 640;
/// Pixels of the photo from one pixel of a level to the next, along each axis.
pub(super) const STRIDES: [u32; 3] = [8, 16, 32];
/// Heads, each of which looks in a direction of its own.
pub(super) const HEADS: u32 = 8;
/// How far away the points of a head lie in a level, in its pixels: no two levels have the same places.
pub(super) const REACHES: [f32; 2] = [1.2, 2.0];
/// The queries of a photo, about.
const QUERIES: f32 = 12.0;
/// Pixels from one query to the next, at least and about.
const APART: f32 = 80.0;
/// How far away points lie across an outline, in parts of how far they lie along it.
const NARROW: f32 = 0.25;
/// The logit of the furthest point along an outline, and of the nearest one across it.
const SHARPNESS: f32 = 2.0;
/// The difference in brightness between neighbouring pixels that makes half an outline.
const FAINT: f32 = 0.02;

/// A layer of attention over one photo, and its inputs.
pub(super) struct Attention {
    pub(super) op: MultiScaleDeformAttn,
    pub(super) queries: u32,
    /// (1, queries, channels): 1, x and y of the reference point, and the outline there.
    query: Array,
    /// (1, coordinates of all points, channels of the query)
    location_weight: Array,
    /// (1, points of all heads, channels of the query)
    logit_weight: Array,
    /// (1, pixels of all levels, heads, 3): the colours of the photo, for each head.
    value: Array,
}

/// The output of the layer, and all that it is made of.
pub(super) struct Attended {
    /// (1, queries, heads, points, 2)
    locations: Array,
    /// (1, queries, heads, points)
    logits: Array,
    /// (1, queries, heads, points)
    weights: Array,
    /// (1, queries, heads · 3)
    output: Array,
}

/// A query, and where it looks. Positions are `[y, x]`, in 0..1 within the photo.
pub(super) struct Look {
    pub(super) reference: [f32; 2],
    pub(super) points: Vec<Point>,
    /// The mean of the colours that its heads see, each from 0 to 1.
    pub(super) colour: [f32; 3],
}

/// A sampling point of a query.
pub(super) struct Point {
    pub(super) position: [f32; 2],
    /// The index of its level.
    pub(super) level: usize,
    pub(super) weight: f32,
}

/// A fully connected layer without bias.
const CONNECTED: Matmul = Matmul { transpose_a: false, transpose_b: true };
/// Over all points of a head.
const SOFTMAX: Softmax = Softmax { axis: 3 };

/// The channels of a query.
const CHANNELS: u32 = 5;

impl Attention {
    pub(super) fn new(photo: &RgbImage) -> Self {
        let photo = photo::shrink(photo.clone(), LONGEST);
        let (width, height) = photo.dimensions();
        let levels = STRIDES.map(|stride| {
            imageops::resize(&photo, width.div_ceil(stride), height.div_ceil(stride), FilterType::Triangle)
        });
        let op =
            MultiScaleDeformAttn::new(levels.iter().map(|level| [level.height(), level.width()]), REACHES.len() as u32);

        let references = references(&levels[0], [height, width]);
        let query = references.iter().flat_map(|&[y, x]| {
            let [cosine, sine] = Gradients::around(&levels[0], [y, x]).outline();
            [1.0, x, y, cosine, sine]
        });
        let query = Array { shape: [1, references.len() as u32, CHANNELS].into(), elements: query.collect() };

        let colours = levels.iter().flat_map(RgbImage::pixels).flat_map(|pixel| [pixel.0; HEADS as usize]);
        let value: Vec<_> = colours.flatten().map(|colour| f32::from(colour) / 255.0).collect();
        let pixels = value.len() / (HEADS as usize * 3);
        let [location_weight, logit_weight] = weights(&op);
        Self {
            op,
            queries: references.len() as u32,
            query,
            location_weight,
            logit_weight,
            value: Array { shape: [1, pixels as u32, HEADS, 3].into(), elements: value },
        }
    }

    /// Does it on a device.
    pub(super) async fn run(&self, gpu: &Gpu) -> pliant::Result<(Attended, Times)> {
        let [of_locations, of_weights] = self.shapes();
        let mut recorder = Recorder::new(gpu);
        let query = self.query.upload(gpu)?;
        let connected = |recorder: &mut Recorder, weight: &Array| {
            let inputs = MatmulInputs { a: query.clone(), b: weight.upload(gpu)? };
            MatmulPlan::new(gpu, &CONNECTED, &inputs)?.forward(recorder, &inputs)
        };
        let locations = connected(&mut recorder, &self.location_weight)?.reshape(of_locations)?;
        let logits = connected(&mut recorder, &self.logit_weight)?.reshape(of_weights)?;
        let weights = SoftmaxPlan::new(gpu, &SOFTMAX, &logits)?.forward(&mut recorder, &logits)?;
        let value = self.value.upload(gpu)?;
        let inputs =
            MultiScaleDeformAttnInputs { value: &value, locations: &locations, weights: &weights, padding_mask: None };
        let output = MultiScaleDeformAttnPlan::new(gpu, &self.op, &inputs)?.forward(&mut recorder, &inputs)?;

        let times = Times::of(&recorder).await?;
        let attended = Attended {
            locations: downloaded(&locations).await?,
            logits: downloaded(&logits).await?,
            weights: downloaded(&weights).await?,
            output: downloaded(&output).await?,
        };
        Ok((attended, times))
    }

    /// Does it by the reference alone.
    pub(super) fn run_reference(&self) -> pliant::Result<Attended> {
        let computed = |problem: Problem, shape: Shape| -> pliant::Result<Array> {
            let elements = problem.reference()?.value.iter().map(|&value| value as f32).collect();
            Ok(Array { shape, elements })
        };
        let [of_locations, of_weights] = self.shapes();
        let locations = computed(self.connected(&self.location_weight), of_locations)?;
        let logits = computed(self.connected(&self.logit_weight), of_weights)?;
        let weights = computed(softmax(&logits), of_weights)?;
        let output = computed(self.attention(&locations, &weights), [1, self.queries, 3 * HEADS].into())?;
        Ok(Attended { locations, logits, weights, output })
    }

    /// Compares the output of each op with the reference's, given the same inputs.
    pub(super) fn compare(&self, attended: &Attended) -> pliant::Result<Difference> {
        let Attended { locations, logits, weights, output } = attended;
        // A position in a level is rounded as that many pixels are.
        let extent = self.op.levels.iter().map(|level| level.height.max(level.width)).fold(1, u32::max);
        let ops = [
            (self.connected(&self.location_weight), locations, 1),
            (self.connected(&self.logit_weight), logits, 1),
            (softmax(logits), weights, 1),
            (self.attention(locations, weights), output, extent),
        ];
        let (mut largest, mut explained) = (0.0f64, true);
        for (problem, array, amplification) in ops {
            let mut reference = problem.reference()?;
            for (&element, value) in array.elements.iter().zip(&reference.value) {
                largest = largest.max((f64::from(element) - value).abs());
            }
            reference.magnitude.iter_mut().for_each(|magnitude| *magnitude *= f64::from(amplification));
            explained &= Expected::of_reference(reference).compare(&array.elements).is_ok();
        }
        Ok(Difference { largest, explained })
    }

    /// The extents of each level, in words.
    pub(super) fn levels(&self) -> Vec<String> {
        self.op.levels.iter().map(|level| format!("{}x{}", level.width, level.height)).collect()
    }

    /// Where each query looks.
    pub(super) fn looks(&self, attended: &Attended) -> Vec<Look> {
        let Attended { locations, weights, output, .. } = attended;
        let levels: Vec<usize> = (0..STRIDES.len()).flat_map(|level| [level; REACHES.len()]).collect();
        let points = HEADS as usize * levels.len();
        let rows =
            self.query.elements.chunks_exact(CHANNELS as usize).zip(output.elements.chunks_exact(3 * HEADS as usize));
        rows.zip(locations.elements.chunks_exact(2 * points).zip(weights.elements.chunks_exact(points)))
            .map(|((query, colours), (locations, weights))| {
                let points = locations.chunks_exact(2).zip(weights).zip(levels.iter().cycle());
                Look {
                    reference: [query[2], query[1]],
                    points: points
                        .map(|((location, &weight), &level)| Point {
                            position: [location[1], location[0]],
                            level,
                            weight,
                        })
                        .collect(),
                    colour: [0, 1, 2].map(|c| colours.iter().skip(c).step_by(3).sum::<f32>() / HEADS as f32),
                }
            })
            .collect()
    }

    fn connected(&self, weight: &Array) -> Problem {
        Problem::Matmul(CONNECTED, MatmulInputs { a: self.query.clone(), b: weight.clone() })
    }

    fn attention(&self, locations: &Array, weights: &Array) -> Problem {
        let inputs = MultiScaleDeformAttnInputs {
            value: self.value.clone(),
            locations: locations.clone(),
            weights: weights.clone(),
            padding_mask: None,
        };
        Problem::MultiScaleDeformAttn(self.op.clone(), inputs)
    }

    /// The shapes of locations and weights.
    fn shapes(&self) -> [Shape; 2] {
        let points = (STRIDES.len() * REACHES.len()) as u32;
        [[1, self.queries, HEADS, points, 2].into(), [1, self.queries, HEADS, points].into()]
    }
}

fn softmax(logits: &Array) -> Problem {
    Problem::Softmax(SOFTMAX, logits.clone())
}

async fn downloaded(tensor: &Tensor) -> pliant::Result<Array> {
    Ok(Array { shape: tensor.shape(), elements: tensor.download()?.await? })
}

/// The weights of the layers that make locations and logits of a query. Both are linear in the outline: its channels, the cosine and the sine of
/// twice its angle, times those of a head's direction are from -1, across the outline, to 1, along it.
fn weights(op: &MultiScaleDeformAttn) -> [Array; 2] {
    let (kept, turned) = (0.5 + 0.5 * NARROW, 0.5 - 0.5 * NARROW);
    let distance = |stride: u32, reach: f32| (stride as f32 * reach).log2();
    let nearest = distance(STRIDES[0], REACHES[0]);
    let furthest = distance(STRIDES[STRIDES.len() - 1], REACHES[REACHES.len() - 1]);
    let (mut of_locations, mut of_logits) = (Vec::new(), Vec::new());
    for head in 0..HEADS {
        let angle = TAU * head as f32 / HEADS as f32;
        let [(sin, cos), (sine, cosine)] = [angle, 2.0 * angle].map(f32::sin_cos);
        for (level, stride) in op.levels.iter().zip(STRIDES) {
            for reach in REACHES {
                let (x, y) = (reach / level.width as f32, reach / level.height as f32);
                of_locations.extend([kept * cos * x, 1.0, 0.0, turned * cos * x, turned * sin * x]);
                of_locations.extend([kept * sin * y, 0.0, 1.0, -turned * sin * y, turned * cos * y]);
                // From -1, the nearest point, to 1, the furthest.
                let far = (2.0 * distance(stride, reach) - nearest - furthest) / (furthest - nearest);
                of_logits.extend([0.0, 0.0, 0.0, SHARPNESS * far * cosine, SHARPNESS * far * sine]);
            }
        }
    }
    [of_locations, of_logits]
        .map(|rows| Array { shape: [1, rows.len() as u32 / CHANNELS, CHANNELS].into(), elements: rows })
}

/// The reference points `[y, x]`, in 0..1: in each cell of a grid over the photo, where its brightness changes most, not too near the cell's edge.
fn references(level: &RgbImage, photo: [u32; 2]) -> Vec<[f32; 2]> {
    let [height, width] = photo.map(|extent| extent as f32);
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
            (Gradients::around(level, [y, x]).strength() + FAINT * FAINT) * inside(0, y) * inside(1, x)
        };
        let all = places(0, row).flat_map(|y| places(1, column).map(move |x| [y, x]));
        all.max_by(|one, other| score(one).total_cmp(&score(other)))
    };
    (0..cells[0]).flat_map(|row| (0..cells[1]).map(move |column| [row, column])).filter_map(in_cell).collect()
}

/// Sums of squared slopes of brightness, and of their products, over the nine pixels around a place.
#[derive(Default)]
struct Gradients {
    xx: f32,
    yy: f32,
    xy: f32,
}

impl Gradients {
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

    /// The direction of the outline as the cosine and the sine of twice its angle, times how much of an outline it is, from 0 to 1.
    fn outline(&self) -> [f32; 2] {
        [self.yy - self.xx, -2.0 * self.xy].map(|part| part / (self.strength() + 9.0 * FAINT * FAINT))
    }
}
