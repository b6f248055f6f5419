use std::ops::Range;
use std::sync::OnceLock;

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{
    BroadcastAxis, GlobalMaxPool, GlobalMaxPoolGeometry, IndexOrder, IndexPart, Indexing, InputGradient, Pool,
    PoolAxis, PoolGeometry, PoolKind, PoolOutputs, PooledAxis, ScatterReduction, Taps,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec, Texel};
use crate::kernels::reduce::cum_sum::Number;
use crate::kernels::reduce::pool::{self, Axis, Function, Windows, pool};
use crate::ops::movement::scatter::Scattering;
use crate::ops::movement::zeros::zeros;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, get_or_try_init, in_pieces, pieces};
use crate::ops::planes::PlaneReads;
use crate::ops::sample::resampling::{Changed, Resampling};

/// The elements that a pass of a global pooling makes one of.
const PASS: u32 = 64;

impl Kernels for Pool {
    /// The taps of the gradient of means, once they are needed.
    type Compiled = OnceLock<Resampling>;

    fn output_dtype(_: &PoolGeometry, output: &'static str, first: DType) -> DType {
        if output == "indices" { DType::I32 } else { first }
    }

    fn compile(gpu: &Gpu, geometry: &PoolGeometry, _: &TensorSpec) -> Result<OnceLock<Resampling>> {
        let planes = geometry.planes_read(gpu);
        planes.compile(gpu)?;
        pool::compile(gpu, geometry.variant(planes))?;
        Ok(OnceLock::new())
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        input: &Argument,
        outputs: &PoolOutputs<Tensor>,
    ) -> Result<()> {
        plan.geometry().record(recorder, input.tensor()?, &outputs.output, outputs.indices.as_ref())
    }

    fn smallest() -> (Self, TensorSpec) {
        let op = Self { axes: vec![PoolAxis::default()], ..Self::default() };
        (op, TensorSpec { shape: [1; 3].into(), dtype: DType::F32 })
    }
}

/// The vector-Jacobian product. Of maxima, the element that an index names, the first of several that are equal, has the sum of `grad_output` of its
/// windows, in order; of means, each element that of its windows over the elements that count in each. Indices have no gradient, and theirs is not read.
impl Differentiable for Pool {
    type Gradients = InputGradient;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        input: &Argument,
        grad_outputs: &PoolOutputs<Tensor>,
        destination: &Destination,
    ) -> Result<()> {
        let geometry = plan.geometry();
        let (grad_output, to) = (&grad_outputs.output, destination.tensor());
        match geometry.kind {
            PoolKind::Average { count_padding } => {
                let backward = get_or_try_init(plan.compiled(), || {
                    let [depth, height, width] = geometry.axes.map(|axis| axis.out_extent);
                    let means = geometry.axes.iter().zip(1..).map(|(pooled, axis)| {
                        let taps = pooled.means(count_padding);
                        Changed { axis, taps, extent: pooled.extent }.transposed()
                    });
                    Resampling::new(recorder.gpu(), [geometry.planes, depth, height, width].into(), means)
                })?;
                backward.record_gradient(recorder, grad_output, *destination)
            }
            PoolKind::Max { .. } => {
                if !destination.accumulates() {
                    zeros(recorder, to)?;
                }
                let (elements, windows) = (geometry.input.elements() as u32, geometry.output.elements() as u32);
                if i32::try_from(elements).is_err() {
                    let message = format!("input has {elements} elements; indices of i32 count {}", i32::MAX);
                    return Err(Error::limit("input", message));
                }
                let kind = PoolKind::Max { indices: Some(IndexOrder::RowMajor) };
                let named = PoolGeometry { kind, ..geometry.clone() };
                let [largest, indices] = [recorder.workspace([windows])?, recorder.workspace([windows])?];
                let input = input.wide(recorder)?;
                named.record(recorder, &input, &largest, Some(&indices))?;
                // The index of a window without elements, -1, counts from behind one element more than there are.
                let part = IndexPart { extent: elements + 1, stride: 1 };
                let indexing = Indexing::new([BroadcastAxis { extent: windows, strides: [0, 1] }], vec![part]);
                let scattering =
                    Scattering { indexing: &indexing, reduction: ScatterReduction::Add, number: Number::F32 };
                scattering.record(recorder, &indices, ("grad_output", grad_output), ("grad_input", to))
            }
        }
    }
}

impl PoolGeometry {
    fn function(&self) -> Function {
        match self.kind {
            PoolKind::Max { indices: None } => Function::Max,
            PoolKind::Max { indices: Some(_) } => Function::MaxIndices,
            PoolKind::Average { .. } => Function::Average,
        }
    }

    fn variant(&self, planes: PlaneReads) -> pool::Variant {
        ((self.function(), planes.from), Windows::from(&self.axes[2].window))
    }

    /// How planes of the input are read.
    fn planes_read(&self, gpu: &Gpu) -> PlaneReads {
        let elements = |extents: [u32; 3]| extents.map(u64::from).iter().product::<u64>();
        let [read, written] = [self.axes.map(|axis| axis.extent), self.axes.map(|axis| axis.out_extent)].map(elements);
        PlaneReads::of(gpu, Texel::Element, read.max(written))
    }

    fn record(&self, recorder: &mut Recorder, input: &Tensor, output: &Tensor, indices: Option<&Tensor>) -> Result<()> {
        let read = self.planes_read(recorder.gpu());
        pieces(0..self.planes, read.at_once)
            .try_for_each(|planes| self.record_planes(recorder, (read, planes), input, output, indices))
    }

    /// Records some planes.
    fn record_planes(
        &self,
        recorder: &mut Recorder,
        (reads, planes): (PlaneReads, Range<u32>),
        input: &Tensor,
        output: &Tensor,
        indices: Option<&Tensor>,
    ) -> Result<()> {
        let Self { kind, axes, .. } = self;
        let count_padding = matches!(kind, PoolKind::Average { count_padding: true });
        let [index_z, index_y, index_x] = self.index_strides();
        let [depth, height, width] = axes.map(|axis| 0..axis.out_extent);
        in_pieces([planes, depth, height, width], &mut |piece: &[Range<u32>; 4]| {
            let [some_planes, z, y, x] = piece;
            let element = |extents: [u32; 3], index: [u32; 4]| {
                let [plane, rest @ ..] = index.map(u64::from);
                rest.iter().zip(extents).fold(plane, |element, (index, extent)| element * u64::from(extent) + index)
            };
            let range = |extents: [u32; 3], [planes, z, y, x]: [&Range<u32>; 4]| {
                let ranges = [planes, z, y, x];
                element(extents, ranges.map(|range| range.start))
                    ..element(extents, ranges.map(|range| range.end - 1)) + 1
            };
            let reached = [(0, z), (1, y), (2, x)].map(|(axis, outs)| axes[axis].reached(outs));
            let [in_z, in_y, in_x] = &reached;
            let extents = axes.map(|axis| axis.extent);
            let read = range(extents, [some_planes, in_z, in_y, in_x]);
            // Halved from the outermost axis on, a piece is one range of the output.
            let written = range(axes.map(|axis| axis.out_extent), piece.each_ref());
            recorder.gpu().capabilities().check_elements("output", written.end - written.start)?;
            let first = element(extents, [0, in_z.start, in_y.start, in_x.start]);
            let params = pool::Params {
                z: Axis::new(&axes[0], z),
                y: Axis::new(&axes[1], y),
                x: Axis::new(&axes[2], x),
                planes: some_planes.end - some_planes.start,
                count_padding: count_padding.into(),
                plane_first: some_planes.start,
                plane_elements: extents.iter().product(),
                index_z,
                index_y,
                index_x,
                input_first: 0u32.wrapping_sub(first as u32),
                ..Default::default()
            };
            let indices = indices.map(|indices| indices.binding("indices", written.clone())).transpose()?;
            let output = output.binding("output", written)?;
            recorder.attempt(|recorder| {
                let input = reads.bound(recorder, ("input", input), read)?;
                pool(recorder, self.variant(reads), params, [&input, &output], indices.as_ref())
            })
        })
    }
}

impl PooledAxis {
    /// The mean that each window is, of the elements in it or of all that it counts with the padding: the share along this axis.
    fn means(&self, count_padding: bool) -> Vec<Taps> {
        let PoolAxis { kernel, dilation, padding, .. } = self.window;
        let extent = i64::from(self.extent);
        let of = |out: u32| {
            let (start, step) = (self.start(out), i64::from(dilation));
            let positions = || (0..i64::from(kernel)).map(|tap| start + tap * step);
            let inside = |position: &i64| (0..extent).contains(position);
            let counts = |position: &i64| *position < extent + i64::from(padding[1]);
            let count =
                if count_padding { positions().filter(counts).count() } else { positions().filter(inside).count() };
            let Some(first) = positions().find(inside) else { return Taps { first: 0, weights: Vec::new() } };
            let mut weights = Vec::new();
            for position in positions().filter(inside) {
                weights.resize((position - first) as usize, 0.0);
                weights.push(1.0 / count as f64);
            }
            Taps { first: first as u32, weights }
        };
        (0..self.out_extent).map(of).collect()
    }

    /// The elements of the input that the windows of some output elements reach: one at least, so that something is bound.
    fn reached(&self, outs: &Range<u32>) -> Range<u32> {
        let last = i64::from(self.extent) - 1;
        let reach = i64::from(self.window.dilation) * i64::from(self.window.kernel - 1);
        let start = self.start(outs.start).clamp(0, last);
        let end = (self.start(outs.end - 1) + reach).clamp(start, last);
        start as u32..end as u32 + 1
    }
}

impl Kernels for GlobalMaxPool {
    type Compiled = ();

    fn compile(gpu: &Gpu, geometry: &GlobalMaxPoolGeometry, _: &TensorSpec) -> Result<()> {
        // Planes of the first pass may be too large for what those behind it read fast.
        for pixels in [geometry.pixels, 1] {
            let planes = PlaneReads::of(gpu, Texel::Element, pixels.into());
            planes.compile(gpu)?;
            pool::compile(gpu, ((Function::Max, planes.from), Windows::Apart))?;
        }
        Ok(())
    }

    /// Windows of windows, down to one.
    fn record(plan: &Plan<Self>, recorder: &mut Recorder, input: &Argument, output: &Tensor) -> Result<()> {
        let &GlobalMaxPoolGeometry { planes, pixels, .. } = plan.geometry();
        let (mut left, mut input) = (pixels, input.tensor()?.clone());
        loop {
            let window = PoolAxis { kernel: PASS, stride: PASS, ..PoolAxis::default() };
            let op = Pool { axes: vec![window], ceil_mode: true, ..Pool::default() };
            let geometry = PoolGeometry::new(&op, [planes, 1, left].into())?;
            left = left.div_ceil(PASS);
            let made = if left == 1 { output.clone() } else { recorder.workspace([planes, left])? };
            geometry.record(recorder, &input, &made, None)?;
            if left == 1 {
                return Ok(());
            }
            input = made;
        }
    }

    fn smallest() -> (Self, TensorSpec) {
        (Self, TensorSpec { shape: [1; 3].into(), dtype: DType::F32 })
    }
}
