use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{
    DeformConvV3, DeformConvV3Geometry, DeformConvV3Gradients, DeformConvV3Inputs, DeformConvV4, DeformConvV4Geometry,
    DeformConvV4Gradients, DeformConvV4Inputs, Im2colGeometry,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::points::placement::Points;
use crate::ops::movement::zeros::zeros;
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan};
use crate::ops::points::sampling::{Extents, PointInputs, PointRows, PointSampling, check_points};

/// The points of a window, whose offsets and masks lie in rows of so many channels for each output pixel.
fn sampling(gpu: &Gpu, geometry: &DeformConvV3Geometry, rows: [PointRows; 2]) -> Result<PointSampling> {
    let DeformConvV3Geometry { op, im2col } = geometry;
    let &Im2colGeometry { batch, channels, height, width, window, out_height, out_width } = im2col;
    let extents =
        Extents { images: batch, queries: out_height * out_width, heads: op.groups, channels: channels / op.groups };
    let [top, left, ..] = window.padding;
    // In f64: rounded once.
    let scale = f64::from(op.offset_scale);
    let place = |axis: usize, tap: u32, padding: u32| {
        let dilation = f64::from(window.dilation[axis]);
        let center = (dilation * f64::from(window.kernel[axis] - 1) / 2.0).floor();
        (center - f64::from(padding) - center * scale + f64::from(tap) * dilation * scale) as f32
    };
    check_points(gpu, geometry.taps().into())?;
    let taps = geometry.tap_positions();
    let taps: Vec<_> = taps.iter().map(|&[column, row]| [place(0, row, top), place(1, column, left)]).collect();
    let window = Points {
        height,
        width,
        out_width,
        stride_y: window.stride[0],
        stride_x: window.stride[1],
        scale: op.offset_scale,
        ..Points::default()
    };
    PointSampling::in_window(gpu, extents, &taps, rows, (window, op.edge_derivative))
}

impl Kernels for DeformConvV3 {
    type Compiled = PointSampling;

    fn compile(
        gpu: &Gpu,
        geometry: &DeformConvV3Geometry,
        _: &DeformConvV3Inputs<TensorSpec>,
    ) -> Result<PointSampling> {
        let taps = u64::from(geometry.taps());
        let rows = |length: u64| PointRows::dense(geometry.im2col.out_pixels(), geometry.op.groups, length);
        sampling(gpu, geometry, [rows(2 * taps), rows(taps)])
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformConvV3Inputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let DeformConvV3Inputs { input, offset, mask } = inputs.try_map(|input| input.tensor())?;
        plan.compiled().sums(recorder, input, &PointInputs { positions: offset, weights: Some(mask) }, output)
    }

    fn smallest() -> (Self, DeformConvV3Inputs<TensorSpec>) {
        let shapes = DeformConvV3Inputs { input: [1; 4].into(), offset: [1, 1, 1, 2].into(), mask: [1; 4].into() };
        let op = Self { kernel: [1; 2], padding: [0; 4], ..Self::default() };
        (op, shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 }))
    }
}

/// The vector-Jacobian products of input, offset and mask. At whole numbers the derivative of a sample is the right-hand one; at exactly -1,
/// [`EdgeDerivative`](crate::EdgeDerivative) says. A sample whose offset is not finite has none, and gives none.
impl Differentiable for DeformConvV3 {
    type Gradients = DeformConvV3Gradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformConvV3Inputs<Argument>,
        grad_output: &Tensor,
        destinations: &DeformConvV3Gradients<Destination>,
    ) -> Result<()> {
        let inputs = inputs.try_map(|input| input.wide(recorder))?;
        let points = PointInputs { positions: &inputs.offset, weights: Some(&inputs.mask) };
        let DeformConvV3Gradients { input, offset, mask } = *destinations;
        plan.compiled().gradients(recorder, (&inputs.input, &points), grad_output, [offset, mask], input)
    }
}

impl Kernels for DeformConvV4 {
    type Compiled = PointSampling;

    fn compile(
        gpu: &Gpu,
        geometry: &DeformConvV4Geometry,
        inputs: &DeformConvV4Inputs<TensorSpec>,
    ) -> Result<PointSampling> {
        let taps = u64::from(geometry.window.taps());
        let query = u64::from(inputs.offset_mask.shape.extents()[3]);
        let image = u64::from(geometry.window.im2col.out_pixels()) * query;
        let rows = |first: u64, length: u64| PointRows { first, image, query, head: 3 * taps, length };
        sampling(gpu, &geometry.window, [rows(0, 2 * taps), rows(2 * taps, taps)])
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformConvV4Inputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let DeformConvV4Inputs { input, offset_mask } = inputs.try_map(|input| input.tensor())?;
        let points = PointInputs { positions: offset_mask, weights: Some(offset_mask) };
        plan.compiled().sums(recorder, input, &points, output)
    }

    fn smallest() -> (Self, DeformConvV4Inputs<TensorSpec>) {
        let shapes = DeformConvV4Inputs { input: [1; 4].into(), offset_mask: [1, 1, 1, 8].into() };
        let (window, _) = DeformConvV3::smallest();
        (Self { window }, shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 }))
    }
}

/// The vector-Jacobian products of input and offset_mask: as those of a [`DeformConvV3`]. Channels that fill up `offset_mask` have 0.
impl Differentiable for DeformConvV4 {
    type Gradients = DeformConvV4Gradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &DeformConvV4Inputs<Argument>,
        grad_output: &Tensor,
        destinations: &DeformConvV4Gradients<Destination>,
    ) -> Result<()> {
        let inputs = inputs.try_map(|input| input.wide(recorder))?;
        let points = PointInputs { positions: &inputs.offset_mask, weights: Some(&inputs.offset_mask) };
        let joint = destinations.offset_mask.map(|joint| -> Result<_> {
            if joint.accumulates() {
                return Ok(joint);
            }
            // Those that fill up are written by nothing else.
            zeros(recorder, joint.tensor())?;
            Ok(Destination::Add(joint.tensor()))
        });
        let joint = joint.transpose()?;
        plan.compiled().gradients(recorder, (&inputs.input, &points), grad_output, [joint; 2], destinations.input)
    }
}
