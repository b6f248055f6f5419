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

use super::outlines;
use super::problem::Difference;
use super::timing::Times;

/// The longest side of the photo as the layer sees it.
const LONGEST: f32 = 640.0;
/// Pixels of the photo from one pixel of a level to the next, along each axis.
pub(super) const STRIDES: [u32; 3] = [8, 16, 32];
/// Heads, each of which looks in a direction of its own.
pub(super) const HEADS: u32 = 8;
/// How far away the points of a head lie in a level, in its pixels: no two levels have the same places.
pub(super) const REACHES: [f32; 2] = [1.2, 2.0];
/// How far away points lie across an outline, in parts of how far they lie along it.
const NARROW: f32 = 0.25;
/// The logit of the furthest point along an outline, and of the nearest one across it.
const SHARPNESS: f32 = 2.0;

/// A layer of attention over one photo, and its inputs.
pub(super) struct Attention {
    op: MultiScaleDeformAttn,
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
const SOFTMAX: Softmax = Softmax { axis: 3, log: false };

/// The channels of a query.
const CHANNELS: u32 = 5;

impl Attention {
    pub(super) fn new(photo: &RgbImage) -> Self {
        let scale = (LONGEST / photo.width().max(photo.height()) as f32).min(1.0);
        let [height, width] = [photo.height(), photo.width()].map(|extent| (extent as f32 * scale).max(1.0));
        let levels = STRIDES.map(|stride| {
            let [height, width] = [height, width].map(|extent| (extent / stride as f32).ceil() as u32);
            imageops::resize(photo, width, height, FilterType::Triangle)
        });
        let op =
            MultiScaleDeformAttn::new(levels.iter().map(|level| [level.height(), level.width()]), REACHES.len() as u32);

        let references = outlines::references(&levels[0], [height, width]);
        let query = references.iter().flat_map(|&[y, x]| {
            let [cosine, sine] = outlines::outline(&levels[0], [y, x]);
            [1.0, x, y, cosine, sine]
        });
        let query = Array { shape: [1, references.len() as u32, CHANNELS].into(), elements: query.collect() };

        let colours = levels.iter().flat_map(RgbImage::pixels).flat_map(|pixel| [pixel.0; HEADS as usize]);
        let value: Vec<_> = colours.flatten().map(|colour| f32::from(colour) / 255.0).collect();
        let pixels = value.len() / (HEADS as usize * 3);
        let [location_weight, logit_weight] = parameters(&op);
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
            let inputs = MatmulInputs { a: query.clone(), b: weight.upload(gpu)?, bias: None };
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
        // A position is rounded in parts of its level's extent, and its samples change by so many times as much.
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
        let levels = (0..STRIDES.len()).flat_map(|level| [level; REACHES.len()]).cycle();
        let look = |query: usize| {
            let part = |array: &Array| {
                let length = array.elements.len() / self.queries as usize;
                array.elements[query * length..][..length].to_vec()
            };
            let (locations, weights, colours) =
                (part(&attended.locations), part(&attended.weights), part(&attended.output));
            let points = locations.chunks_exact(2).zip(weights).zip(levels.clone());
            let mean = |colour: usize| colours.iter().skip(colour).step_by(3).sum::<f32>() / HEADS as f32;
            Look {
                reference: [2, 1].map(|channel| part(&self.query)[channel]),
                points: points.map(|((xy, weight), level)| Point { position: [xy[1], xy[0]], level, weight }).collect(),
                colour: [0, 1, 2].map(mean),
            }
        };
        (0..self.queries as usize).map(look).collect()
    }

    fn connected(&self, weight: &Array) -> Problem {
        Problem::Matmul(CONNECTED, MatmulInputs { a: self.query.clone(), b: weight.clone(), bias: None })
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

/// The parameters of the layers that make locations and logits of a query. Both are linear in the outline: its channels, the cosine and the sine of
/// twice its angle, times those of a head's direction are from -1, across the outline, to 1, along it.
fn parameters(op: &MultiScaleDeformAttn) -> [Array; 2] {
    // Parts of a direction and of its mirror image at the outline: together 1 along it, and NARROW across.
    let [own, mirrored] = [0.5 + 0.5 * NARROW, 0.5 - 0.5 * NARROW];
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
                of_locations.extend([own * cos * x, 1.0, 0.0, mirrored * cos * x, mirrored * sin * x]);
                of_locations.extend([own * sin * y, 0.0, 1.0, -mirrored * sin * y, mirrored * cos * y]);
                // From -1, the nearest point, to 1, the furthest.
                let far = (2.0 * distance(stride, reach) - nearest - furthest) / (furthest - nearest);
                of_logits.extend([0.0, 0.0, 0.0, SHARPNESS * far * cosine, SHARPNESS * far * sine]);
            }
        }
    }
    [of_locations, of_logits]
        .map(|rows| Array { shape: [1, rows.len() as u32 / CHANNELS, CHANNELS].into(), elements: rows })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use image::Rgb;

    use super::super::picture;
    use super::*;

    fn looks(photo: &RgbImage) -> Vec<Look> {
        let attention = Attention::new(photo);
        let attended = attention.run_reference().unwrap();
        assert!(attention.compare(&attended).unwrap().explained);
        attention.looks(&attended)
    }

    fn weight_of_levels(look: &Look) -> [f32; STRIDES.len()] {
        let mut sums = [0.0; STRIDES.len()];
        look.points.iter().for_each(|point| sums[point.level] += point.weight);
        sums
    }

    #[test]
    fn points_follow_an_outline() {
        for degrees in [0.0f32, 45.0, 90.0, 135.0, 160.0] {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let halves = RgbImage::from_fn(160, 160, |x, y| {
                let beyond = (x as f32 - 79.5) * sin < (y as f32 - 79.5) * cos;
                Rgb(if beyond { [20, 30, 40] } else { [220, 210, 200] })
            });
            for look in looks(&halves) {
                let way = |point: &Point| [0, 1].map(|axis| point.position[axis] - look.reference[axis]);
                let parts = |[y, x]: [f32; 2]| [x * cos + y * sin, y * cos - x * sin].map(f32::abs);
                let ways: Vec<_> = look.points.iter().map(|point| (point.weight, parts(way(point)))).collect();
                let [along, across] = [0, 1].map(|part| ways.iter().map(|(_, way)| way[part]).sum::<f32>());
                assert!(along > 2.0 * across, "{degrees}: {along} along, {across} across");
                let coarse = ways.iter().zip(&look.points).filter(|(_, point)| point.level == STRIDES.len() - 1);
                let heaviest = coarse.map(|(way, _)| way).max_by(|one, other| one.0.total_cmp(&other.0)).unwrap();
                assert!(heaviest.1[0] > 3.0 * heaviest.1[1], "{degrees}: {heaviest:?}");
            }
        }
    }

    #[test]
    fn a_plain_photo_is_seen_alike_on_all_sides() {
        let plain = RgbImage::from_pixel(200, 200, Rgb([50, 100, 200]));
        let looks = looks(&plain);
        let middle = looks.iter().find(|look| look.reference.iter().all(|place| (place - 0.5).abs() < 0.1));
        let each = HEADS as f32 / STRIDES.len() as f32;
        assert!(looks.iter().flat_map(weight_of_levels).all(|sum| (sum - each).abs() < 1e-3));
        // Elsewhere some points lie beyond the photo.
        for (seen, there) in middle.unwrap().colour.into_iter().zip([50.0, 100.0, 200.0]) {
            assert!((255.0 * seen - there).abs() < 1.0, "{seen}, not {there}");
        }
    }

    #[test]
    fn any_photo_will_do() {
        for ([width, height], queries) in [([1, 1], 1), ([1, 700], 8), ([5000, 2], 8), ([90, 40], 1), ([640, 480], 12)]
        {
            let photo = RgbImage::from_fn(width, height, |x, y| Rgb([x * x + y, 3 * x * y, 7 * y].map(|c| c as u8)));
            let looks = looks(&photo);
            assert_eq!(looks.len(), queries, "{width}x{height}");
            for look in &looks {
                assert!(look.reference.iter().all(|place| (0.0..1.0).contains(place)), "{:?}", look.reference);
                assert!((weight_of_levels(look).iter().sum::<f32>() - HEADS as f32).abs() < 1e-3);
            }
            picture::looks(&photo, &looks);
        }
    }

    #[test]
    fn what_rounding_does_not_explain_is_found() {
        let attention = Attention::new(&RgbImage::from_fn(100, 80, |x, y| Rgb([x as u8, y as u8, (x * y) as u8])));
        let change: [fn(&mut Attended) -> &mut Array; 4] =
            [|all| &mut all.locations, |all| &mut all.logits, |all| &mut all.weights, |all| &mut all.output];
        for array in change {
            for error in [1e-2, f32::NAN] {
                let mut attended = attention.run_reference().unwrap();
                array(&mut attended).elements[5] += error;
                assert!(!attention.compare(&attended).unwrap().explained);
            }
        }
    }
}
