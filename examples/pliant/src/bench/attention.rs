//! The suite `attention`: ops that sample at points, each beside its decomposition into samples of a grid, products and sums, as exporters write it.

use std::time::{Duration, Instant};

use fastrand::Rng;
use pliant::op::{Differentiable, Members, Of, Op, Output};
use pliant::reference::Defined;
use pliant::{
    Binary, BinaryInputs, BinaryPlan, Concat, ConcatPlan, DType, DeformConvV3, DeformConvV3Inputs, GlobalAveragePool,
    GlobalAveragePoolPlan, Gpu, GridSample, GridSampleInputs, GridSamplePlan, MultiScaleDeformAttn,
    MultiScaleDeformAttnInputs, Plan, Recorder, Tensor,
};
use pliant_support::compare::Expected;
use pliant_support::problem::{self, Array, Problem};
use pliant_support::random;
use serde_json::json;

use super::progress::Progress;
use super::report::Format;
use super::timing::{Times, hash};
use crate::Failure;

/// Names of the shapes.
pub(crate) const NAMES: [&str; 6] = ["RTDETR-dec", "DETR-enc", "M2F-pixel", "BVSR-warp", "DCNv3-14", "DCNv3-80"];

/// A shape's problem, drawn from a fixed seed.
fn problem(name: &str) -> Problem {
    let rng = &mut Rng::with_seed(7);
    match name {
        "RTDETR-dec" => attention(rng, &[[80, 80], [40, 40], [20, 20]], Some(300)),
        "DETR-enc" => attention(rng, &[[100, 167], [50, 84], [25, 42], [13, 21]], None),
        "M2F-pixel" => attention(rng, &[[128, 128], [64, 64], [32, 32]], None),
        "BVSR-warp" => warp(rng),
        "DCNv3-14" => version_3(rng, 14),
        _ => version_3(rng, 80),
    }
}

/// A number of few binary digits, of which positions follow without rounding: so errors are those of the sums.
fn exact(value: f32) -> f32 {
    (value * 8192.0).round() / 8192.0
}

/// Attention of 8 heads of 32 channels with 4 points in a level: of so many queries anywhere, or of a query for each pixel of the value. Points lie
/// two pixels of their level around, by the standard deviation.
fn attention(rng: &mut Rng, levels: &[[u32; 2]], queries: Option<u32>) -> Problem {
    let op = MultiScaleDeformAttn::new(levels.iter().copied(), 4);
    let center = |at: u32, extent: u32| (at as f32 + 0.5) / extent as f32;
    let pixels: Vec<[f32; 2]> = levels
        .iter()
        .flat_map(|&[height, width]| (0..height * width).map(move |at| (at, height, width)))
        .map(|(at, height, width)| [center(at % width, width), center(at / width, height)])
        .collect();
    let anywhere = |rng: &mut Rng, count| (0..count).map(|_| [rng.f32(), rng.f32()]).collect();
    let references: Vec<[f32; 2]> = queries.map_or_else(|| pixels.clone(), |count| anywhere(rng, count));
    let (queries, points) = (references.len() as u32, 4 * levels.len() as u32);
    let moved = random::normal(rng, [1, queries, 8, points, 2], 2.0).elements;
    let locations = Array::from_fn([1, queries, 8, points, 2], |at| {
        let (axis, point, query) = (at % 2, at / 2 % points as usize, at / 16 / points as usize);
        let [height, width] = levels[point / 4];
        exact(references[query][axis] + moved[at] / [width, height][axis] as f32)
    });
    let inputs = MultiScaleDeformAttnInputs {
        value: random::normal(rng, [1, pixels.len() as u32, 8, 32], 1.0),
        locations,
        weights: Array::from_fn([1, queries, 8, points], |_| rng.f32() / points as f32),
        padding_mask: None,
    };
    Problem::MultiScaleDeformAttn(op, inputs)
}

/// An image of 64 channels that is moved by a flow, as BasicVSR++ does it.
fn warp(rng: &mut Rng) -> Problem {
    let [height, width] = [180u32, 320];
    let flow = random::normal(rng, [1, height, width, 2], 2.0).elements;
    let grid = Array::from_fn([1, height, width, 2], |at| {
        let (axis, pixel) = (at % 2, (at / 2) as u32);
        let (at_pixel, extent) = [(pixel % width, width), (pixel / width, height)][axis];
        exact(2.0 * (at_pixel as f32 + flow[at]) / (extent - 1) as f32 - 1.0)
    });
    let op = GridSample { align_corners: true, ..GridSample::default() };
    Problem::GridSample(op, GridSampleInputs { input: random::normal(rng, [1, 64, height, width], 1.0), grid })
}

/// A block of InternImage: 256 channels in 16 groups.
fn version_3(rng: &mut Rng, extent: u32) -> Problem {
    let moved = random::normal(rng, [1, extent, extent, 16 * 9 * 2], 2.0);
    let inputs = DeformConvV3Inputs {
        input: random::normal(rng, [1, extent, extent, 256], 1.0),
        offset: Array::from_fn(moved.shape, |at| exact(moved.elements[at])),
        mask: random::uniform(rng, [1, extent, extent, 16 * 9]),
    };
    Problem::DeformConvV3(DeformConvV3 { groups: 16, ..DeformConvV3::default() }, inputs)
}

/// A pass of an op and the same of its decomposition, where it is timed.
struct Row<'a> {
    shape: &'a str,
    pass: &'a str,
    own: (Times, u64),
    decomposed: Option<(Times, u64)>,
}

const HEADINGS: [&str; 10] = [
    "shape",
    "pass",
    "min ms",
    "median ms",
    "device ms",
    "host us",
    "extra MB",
    "decomposed ms",
    "ratio",
    "its extra MB",
];
const WIDTHS: [usize; 10] = [10, 16, 9, 9, 9, 7, 8, 13, 6, 12];

impl Row<'_> {
    fn cells(&self) -> [String; HEADINGS.len()] {
        let ms = |duration: Duration| format!("{:.3}", duration.as_secs_f64() * 1e3);
        let mega = |bytes: u64| format!("{:.1}", bytes as f64 * 1e-6);
        let (times, extra) = &self.own;
        let [decomposed, ratio, more] = match &self.decomposed {
            Some((other, bytes)) => [ms(other.min), format!("{:.1}", ratio(other, times)), mega(*bytes)],
            None => ["-", "-", "-"].map(str::to_string),
        };
        [
            self.shape.to_string(),
            self.pass.to_string(),
            ms(times.min),
            ms(times.median),
            times.device.map_or("-".to_string(), ms),
            format!("{:.0}", times.host_median.as_secs_f64() * 1e6),
            mega(*extra),
            decomposed,
            ratio,
            more,
        ]
    }

    fn print(&self, format: Format, first: bool) {
        let padded = |cells: [String; HEADINGS.len()]| {
            let pad = |(index, cell): (usize, &String)| {
                let width = WIDTHS[index];
                if index < 2 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
            };
            cells.iter().enumerate().map(pad).collect::<Vec<_>>().join("  ")
        };
        match format {
            Format::Json => println!("{}", self.json()),
            Format::Markdown => {
                if first {
                    println!("| {} |", HEADINGS.join(" | "));
                    println!("| --- | --- |{}", " ---: |".repeat(HEADINGS.len() - 2));
                }
                println!("| {} |", self.cells().join(" | "));
            }
            Format::Text => {
                if first {
                    println!("{}", padded(HEADINGS.map(str::to_string)));
                }
                println!("{}", padded(self.cells()));
            }
        }
    }

    fn json(&self) -> serde_json::Value {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let (times, extra) = &self.own;
        json!({
            "shape": self.shape,
            "pass": self.pass,
            "min_ms": ms(times.min),
            "median_ms": ms(times.median),
            "device_ms": times.device.map(ms),
            "host_median_us": times.host_median.as_secs_f64() * 1e6,
            "extra_bytes": extra,
            "decomposed_min_ms": self.decomposed.as_ref().map(|(times, _)| ms(times.min)),
            "decomposed_extra_bytes": self.decomposed.as_ref().map(|(_, bytes)| bytes),
        })
    }
}

fn ratio(other: &Times, own: &Times) -> f64 {
    other.min.as_secs_f64() / own.min.as_secs_f64()
}

/// How the suite is timed.
pub(crate) struct Bench<'a> {
    pub(crate) gpu: &'a Gpu,
    pub(crate) dtype: DType,
    pub(crate) enough: Duration,
    pub(crate) backward: bool,
    pub(crate) format: Format,
    pub(crate) stages: bool,
    /// Only a hash of the bits of output and gradients is wanted, of so many runs.
    pub(crate) digests: Option<u32>,
}

impl Bench<'_> {
    /// Times each shape of these names, once its results have been found right, and prints a line for each pass.
    pub(crate) async fn times(&self, names: &[&str]) -> Result<(), Failure> {
        for (index, name) in names.iter().enumerate() {
            let problem = problem(name);
            let rows = match &problem {
                Problem::MultiScaleDeformAttn(op, inputs) => self.rows(name, &problem, op, inputs).await?,
                Problem::GridSample(op, inputs) => self.rows(name, &problem, op, inputs).await?,
                Problem::DeformConvV3(op, inputs) => self.rows(name, &problem, op, inputs).await?,
                _ => Vec::new(),
            };
            for (pass, row) in rows.iter().enumerate() {
                row.print(self.format, index + pass == 0);
                if self.stages {
                    for stage in &row.own.0.stages {
                        println!("    {:9.3} ms  {} x{}", stage.seconds * 1e3, stage.kernel, stage.dispatches);
                    }
                }
            }
        }
        Ok(())
    }

    async fn rows<'a, O>(
        &self,
        name: &'a str,
        problem: &Problem,
        op: &O,
        arrays: &Of<O::Inputs, Array>,
    ) -> Result<Vec<Row<'a>>, Failure>
    where
        O: Differentiable + Defined + Op<Outputs = Output>,
    {
        let gpu = self.gpu;
        let inputs = O::Inputs::try_map(arrays, |array| array.upload_as(gpu, self.dtype))?;
        let plan = Plan::new::<Tensor>(gpu, op, &inputs)?;
        let spec = plan.output_spec();
        let output = Tensor::new(gpu, spec.shape, spec.dtype)?;
        let grad = random::normal(&mut Rng::with_seed(8), spec.shape, 1.0).stored(self.dtype);
        let grad_output = grad.upload_as(gpu, self.dtype)?;
        let mut recorder = Recorder::new(gpu);
        let gradients = plan.backward::<Tensor, Tensor>(&mut recorder, &inputs, &grad_output)?;
        drop(recorder);

        if let Some(repeat) = self.digests {
            let mut first = None;
            for _ in 0..repeat {
                let mut recorder = Recorder::new(gpu);
                plan.forward_into::<Tensor, Tensor>(&mut recorder, &inputs, &output)?;
                plan.backward_into::<Tensor, Tensor, Tensor>(&mut recorder, &inputs, &grad_output, &gradients)?;
                recorder.submit()?;
                let all =
                    std::iter::once(&output).chain(O::Gradients::present(&gradients).map(|(_, gradient)| gradient));
                let digest = hash(all).await?;
                let first = *first.get_or_insert(digest);
                if digest != first {
                    return Err(format!("{name} gave {first:016x}, and then {digest:016x}").into());
                }
            }
            println!("{name} {:016x}", first.unwrap_or_default());
            return Ok(Vec::new());
        }
        let progress = Progress::new(format!("{name}: reference"), 1);
        let stored = self.stored(problem);
        let expected = Expected::of_reference(stored.reference()?).stored(self.dtype);
        let of_gradients = if self.backward { stored.gradients(&grad)? } else { Vec::new() };
        drop(progress);

        let forward = |recorder: &mut Recorder| plan.forward_into::<Tensor, Tensor>(recorder, &inputs, &output);
        let (bytes, _) = self.first(forward)?;
        let wrong = |what: &str, miss| format!("{name} is wrong, so its time says nothing: {what} {miss}");
        expected.compare(&problem::elements(&output).await?).map_err(|miss| wrong("output", miss))?;
        let decomposed = Decomposed::of(gpu, problem)?;
        let mut other = None;
        if let Some(decomposed) = &decomposed {
            let (bytes, _) = self.first(|recorder| decomposed.record(recorder))?;
            decomposed.verify(&problem::elements(&output).await?, name).await?;
            let progress = Progress::new(format!("{name}: decomposed"), 1);
            let times = Times::new(gpu, self.enough, progress, |recorder| decomposed.record(recorder)).await?;
            other = Some((times, bytes + decomposed.between));
        }
        let progress = || Progress::new(format!("{name}: timing"), 1);
        let own = (Times::new(gpu, self.enough, progress(), forward).await?, bytes);
        let mut rows = vec![Row { shape: name, pass: "forward", own, decomposed: other }];
        if self.backward {
            let both = |recorder: &mut Recorder| {
                forward(recorder)?;
                plan.backward_into::<Tensor, Tensor, Tensor>(recorder, &inputs, &grad_output, &gradients)
            };
            let (bytes, _) = self.first(both)?;
            for ((what, gradient), (_, expected)) in O::Gradients::present(&gradients).zip(of_gradients) {
                let expected = Expected::of_reference(expected).stored(self.dtype);
                expected.compare(&problem::elements(gradient).await?).map_err(|miss| wrong(what, miss))?;
            }
            let own = (Times::new(gpu, self.enough, progress(), both).await?, bytes);
            rows.push(Row { shape: name, pass: "forward+backward", own, decomposed: None });
        }
        Ok(rows)
    }

    fn stored(&self, problem: &Problem) -> Problem {
        problem.stored(problem::Storage::new(self.dtype, self.dtype))
    }

    /// Runs a recording for the first time: the memory that it takes, and how long it takes.
    fn first(&self, record: impl Fn(&mut Recorder) -> pliant::Result<()>) -> pliant::Result<(u64, Duration)> {
        self.gpu.trim();
        let before = self.gpu.counts().buffer_bytes;
        let start = Instant::now();
        let mut recorder = Recorder::new(self.gpu);
        record(&mut recorder)?;
        recorder.submit()?;
        self.gpu.wait()?;
        Ok((self.gpu.counts().buffer_bytes - before, start.elapsed()))
    }
}

/// Attention as exporters write it: a grid is sampled for each level, the samples are joined, multiplied by the weights and summed. Values lie in planes
/// already, and sums are means of as many times the weights.
struct Decomposed {
    samples: Vec<(GridSamplePlan, GridSampleInputs<Tensor>, Tensor)>,
    joined: Option<(ConcatPlan, Tensor)>,
    product: (BinaryPlan, Tensor, Tensor),
    sums: (GlobalAveragePoolPlan, Tensor),
    /// Bytes of all tensors between the inputs and the output.
    between: u64,
    heads: usize,
    queries: usize,
}

/// The points of a problem: the extents of levels with the value of each, (head, channel, pixel); positions as a grid has them, (head, query, point, 2);
/// weights, (head, query, point).
struct Points {
    heads: usize,
    channels: usize,
    queries: usize,
    levels: Vec<[u32; 2]>,
    each: usize,
    value: Vec<f32>,
    grid: Vec<f32>,
    weights: Vec<f32>,
}

impl Points {
    fn of(problem: &Problem) -> Option<Self> {
        let by_head = |elements: &[f32], [rows, heads, columns]: [usize; 3]| -> Vec<f32> {
            let at =
                |index: usize| (index / columns % rows * heads + index / columns / rows) * columns + index % columns;
            (0..elements.len()).map(|index| elements[at(index)]).collect()
        };
        match problem {
            Problem::MultiScaleDeformAttn(op, inputs) => {
                let &[_, queries, heads, points] = inputs.weights.shape.extents() else { return None };
                let [queries, heads, points] = [queries, heads, points].map(|extent| extent as usize);
                let &[_, pixels, _, channels] = inputs.value.shape.extents() else { return None };
                let grid: Vec<f32> = inputs.locations.elements.iter().map(|location| 2.0 * location - 1.0).collect();
                Some(Self {
                    heads,
                    channels: channels as usize,
                    queries,
                    levels: op.levels.iter().map(|level| [level.height, level.width]).collect(),
                    each: points / op.levels.len(),
                    value: by_head(&inputs.value.elements, [pixels as usize, heads, channels as usize]),
                    grid: by_head(&grid, [queries, heads, 2 * points]),
                    weights: by_head(&inputs.weights.elements, [queries, heads, points]),
                })
            }
            Problem::DeformConvV3(op, inputs) => {
                let &[_, height, width, channels] = inputs.input.shape.extents() else { return None };
                let (heads, pixels) = (op.groups as usize, (height * width) as usize);
                let channels = channels as usize / heads;
                let grid = inputs.offset.elements.iter().enumerate().map(|(at, offset)| {
                    let (axis, tap, pixel) = (at % 2, at / 2 % 9, at / 18 / heads);
                    let (out, tap, extent) =
                        [(pixel as u32 % width, tap / 3, width), (pixel as u32 / width, tap % 3, height)][axis];
                    (2.0 * (out as f32 + tap as f32 - 1.0 + offset) + 1.0) / extent as f32 - 1.0
                });
                let grid: Vec<f32> = grid.collect();
                Some(Self {
                    heads,
                    channels,
                    queries: pixels,
                    levels: vec![[height, width]],
                    each: 9,
                    value: by_head(&inputs.input.elements, [pixels, heads, channels]),
                    grid: by_head(&grid, [pixels, heads, 18]),
                    weights: by_head(&inputs.mask.elements, [pixels, heads, 9]),
                })
            }
            _ => None,
        }
    }
}

impl Decomposed {
    fn of(gpu: &Gpu, problem: &Problem) -> Result<Option<Self>, Failure> {
        let Some(points) = Points::of(problem) else { return Ok(None) };
        let Points { heads, channels, queries, each, .. } = points;
        let all = each * points.levels.len();
        let pixels: usize = points.levels.iter().map(|[height, width]| (height * width) as usize).sum();
        let [m, d, q, k] = [heads, channels, queries, each].map(|extent| extent as u32);
        let (mut first, mut samples, mut between) = (0, Vec::new(), 0);
        let new = |between: &mut u64, extents: [u32; 4]| {
            *between += extents.iter().map(|&extent| u64::from(extent)).product::<u64>() * 4;
            Tensor::new(gpu, extents, DType::F32)
        };
        for (level, &[height, width]) in points.levels.iter().enumerate() {
            let size = (height * width) as usize;
            let value = |at: usize| {
                let (plane, pixel) = (at / size, at % size);
                points.value[(plane / channels * pixels + first + pixel) * channels + plane % channels]
            };
            let of_level = |at: usize| points.grid[at / (2 * each) * 2 * all + level * 2 * each + at % (2 * each)];
            let inputs = GridSampleInputs {
                input: Array::from_fn([m, d, height, width], value).upload(gpu)?,
                grid: Array::from_fn([m, q, k, 2], of_level).upload(gpu)?,
            };
            let plan = GridSamplePlan::new(gpu, &GridSample::default(), &inputs)?;
            samples.push((plan, inputs, new(&mut between, [m, d, q, k])?));
            first += size;
        }
        let total = all as u32;
        let sampled: Vec<&Tensor> = samples.iter().map(|(.., output)| output).collect();
        let joined = if samples.len() > 1 {
            Some((ConcatPlan::new(gpu, &Concat { axis: 3 }, &sampled)?, new(&mut between, [m, d, q, total])?))
        } else {
            None
        };
        let a = joined.as_ref().map_or_else(|| sampled[0].clone(), |(_, joined)| joined.clone());
        let weights = Array::from_fn([m, 1, q, total], |at| points.weights[at] * all as f32).upload(gpu)?;
        let product = BinaryPlan::new(gpu, &Binary::Mul, &BinaryInputs { a: &a, b: &weights })?;
        let output = new(&mut between, [m, d, q, total])?;
        let planes = output.reshape([m * d, q, total, 1])?;
        let sums = GlobalAveragePoolPlan::new(gpu, &GlobalAveragePool, &planes)?;
        let result = Tensor::new(gpu, [m * d, q, 1, 1], DType::F32)?;
        let product = (product, weights, output);
        Ok(Some(Self { samples, joined, product, sums: (sums, result), between, heads, queries }))
    }

    fn record(&self, recorder: &mut Recorder) -> pliant::Result<()> {
        for (plan, inputs, output) in &self.samples {
            plan.forward_into::<Tensor, Tensor>(recorder, inputs, output)?;
        }
        let sampled: Vec<Tensor> = self.samples.iter().map(|(.., output)| output.clone()).collect();
        let a = match &self.joined {
            Some((plan, joined)) => {
                plan.forward_into::<Tensor, Tensor>(recorder, &sampled, joined)?;
                joined
            }
            None => &sampled[0],
        };
        let (product, weights, output) = &self.product;
        product.forward_into::<&Tensor, Tensor>(recorder, &BinaryInputs { a, b: weights }, output)?;
        let (sums, result) = &self.sums;
        let [m, d, q, all] = [0, 1, 2, 3].map(|axis| output.shape().extents()[axis]);
        sums.forward_into::<Tensor, Tensor>(recorder, &output.reshape([m * d, q, all, 1])?, result)
    }

    /// Compares with the output of the op, (query, head, channel).
    async fn verify(&self, output: &[f32], name: &str) -> Result<(), Failure> {
        let result = problem::elements(&self.sums.1).await?;
        let (heads, queries) = (self.heads, self.queries);
        let channels = result.len() / heads / queries;
        for (at, &value) in result.iter().enumerate() {
            let (query, head, channel) = (at % queries, at / queries / channels, at / queries % channels);
            let other = output[(query * heads + head) * channels + channel];
            // Positions are rounded in another order.
            if (value - other).abs() > 2e-2 {
                return Err(format!("{name} decomposed gives {value}, and as one op {other}").into());
            }
        }
        Ok(())
    }
}
