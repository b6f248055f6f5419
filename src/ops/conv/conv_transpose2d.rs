use std::ops::Range;
use std::sync::OnceLock;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{
    BroadcastAxis, ConvTranspose2d, ConvTranspose2dGeometry, ConvTranspose2dGradients, ConvTranspose2dInputs,
    DeformConv2dGradients, Im2col,
};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::kernels::activation::Activation;
use crate::kernels::conv::direct::conv_transpose2d_direct::{self, MOST_CHANNELS, conv_transpose2d_direct};
use crate::kernels::elementwise::binary::{self, Function};
use crate::ops::conv::columns::SampleSource;
use crate::ops::conv::strategy::{Convolution, Problem};
use crate::ops::elementwise::broadcast::Elementwise;
use crate::ops::matmul::product::{
    self, Bias, BiasOf, Elements, Matrix, Operand, Output, Product, packed_once, product,
};
use crate::ops::plan::{Argument, Destination, Differentiable, Kernels, Plan, get_or_try_init, in_pieces};
use crate::ops::reduce::sums::sum_over;
use crate::shape::MAX_RANK;

/// The most products that a transposed convolution is made of.
const MOST_PRODUCTS: u64 = 64;

/// A plan's way of doing a transposed convolution, and the convolution that leads back.
#[derive(Debug)]
pub struct TransposedConvolution {
    way: Way,
    convolution: OnceLock<Convolution>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// Each output pixel adds up what reaches it: of groups with few input channels.
    Gathered,
    /// Kernels that lie side by side: a product for each tap, of the rows of an image.
    Apart,
    /// As the gradient of a convolution's input.
    Columns,
}

impl Way {
    pub(crate) fn of(geometry: &ConvTranspose2dGeometry) -> Self {
        let (convolution, g) = (&geometry.convolution, &geometry.convolution.im2col);
        let Im2col { kernel, stride, padding, dilation } = g.window;
        let kernels = [g.out_height * kernel[0], g.out_width * kernel[1]];
        let apart = stride == kernel && padding == [0; 4] && kernels == [g.height, g.width];
        let products = [g.batch, convolution.groups, g.taps()].map(u64::from).iter().product::<u64>();
        if dilation != [1, 1] {
            Self::Columns
        } else if convolution.group_out_channels() <= MOST_CHANNELS {
            Self::Gathered
        } else if apart && products <= MOST_PRODUCTS {
            Self::Apart
        } else {
            Self::Columns
        }
    }
}

impl TransposedConvolution {
    fn convolution(&self, gpu: &Gpu, geometry: &ConvTranspose2dGeometry) -> Result<&Convolution> {
        let problem = Problem { geometry: geometry.convolution, deformation: None, dtypes: [DType::F32; 2] };
        get_or_try_init(&self.convolution, || Convolution::new(gpu, &problem))
    }
}

impl Kernels for ConvTranspose2d {
    type Compiled = TransposedConvolution;

    fn compile(
        gpu: &Gpu,
        geometry: &ConvTranspose2dGeometry,
        _: &ConvTranspose2dInputs<TensorSpec>,
    ) -> Result<TransposedConvolution> {
        let compiled = TransposedConvolution { way: Way::of(geometry), convolution: OnceLock::new() };
        match compiled.way {
            Way::Gathered => gpu.compile::<conv_transpose2d_direct::Kernel>(())?,
            Way::Apart => product::compile(gpu)?,
            Way::Columns => {
                binary::compile(gpu, Function::First)?;
                compiled.convolution(gpu, geometry)?.compile_backward(gpu)?;
            }
        }
        Ok(compiled)
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &ConvTranspose2dInputs<Argument>,
        output: &Tensor,
    ) -> Result<()> {
        let geometry = plan.geometry();
        let inputs = inputs.try_map(|input| input.tensor())?;
        match plan.compiled().way {
            Way::Gathered => return gather(geometry, recorder, &inputs, output),
            Way::Apart => return multiply(geometry, recorder, &inputs, plan.activation(), output),
            Way::Columns => {}
        }
        let destination = match inputs.bias {
            Some(bias) => {
                repeat(geometry, recorder, bias, output)?;
                Destination::Add(output)
            }
            None => Destination::Write(output),
        };
        let convolution = plan.compiled().convolution(recorder.gpu(), geometry)?;
        // Of what would be the input nothing is read.
        let source = SampleSource { input: output, offset: None, mask: None };
        let gradients = DeformConv2dGradients { input: Some(destination), ..Default::default() };
        convolution.backward(recorder, &source, inputs.weight, inputs.input, &gradients)
    }

    fn flops(geometry: &Self::Geometry) -> u64 {
        geometry.flops()
    }

    fn smallest() -> (Self, ConvTranspose2dInputs<TensorSpec>) {
        // By columns, which need most kernels.
        let (input, weight, bias) = ([1, 5, 1, 1].into(), [5, 1, 2, 2].into(), Some([1].into()));
        let shapes = ConvTranspose2dInputs { input, weight, bias };
        (Self::default(), shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 }))
    }
}

/// Records a bias into each pixel of its channel.
fn repeat(geometry: &ConvTranspose2dGeometry, recorder: &mut Recorder, bias: &Tensor, output: &Tensor) -> Result<()> {
    let g = &geometry.convolution.im2col;
    let mut axes = [BroadcastAxis { extent: 1, strides: [0; 2] }; MAX_RANK];
    axes[3..].copy_from_slice(&[
        BroadcastAxis { extent: g.batch, strides: [0; 2] },
        BroadcastAxis { extent: g.channels, strides: [1; 2] },
        BroadcastAxis { extent: g.height * g.width, strides: [0; 2] },
    ]);
    Elementwise { op: None, scale: 1.0, axes, accumulate: false, integers: false }.record(recorder, [bias; 2], output)
}

/// Records a transposed convolution whose kernels do not overlap: a tap is a product of the weight and the input, written a stride apart.
fn multiply(
    geometry: &ConvTranspose2dGeometry,
    recorder: &mut Recorder,
    inputs: &ConvTranspose2dInputs<&Tensor>,
    activation: Activation,
    output: &Tensor,
) -> Result<()> {
    let (convolution, g) = (&geometry.convolution, &geometry.convolution.im2col);
    let (group_channels, group_out_channels) = (convolution.group_out_channels(), convolution.group_channels());
    let (in_pixels, out_pixels) = (u64::from(g.out_height * g.out_width), u64::from(g.height * g.width));
    let [stride_y, stride_x] = g.window.stride;
    let of_channel = u64::from(group_out_channels) * u64::from(g.taps());
    for image in 0..u64::from(g.batch) {
        for group in 0..convolution.groups {
            let [channel, out_channel] = [group * group_channels, group * group_out_channels].map(u64::from);
            let input = Operand::Matrix(Matrix {
                argument: "input",
                tensor: inputs.input,
                first: (image * u64::from(convolution.out_channels) + channel) * in_pixels,
                batch: g.out_width.into(),
                vector: 1,
                depth: in_pixels,
            });
            let out_plane = image * u64::from(g.channels) + out_channel;
            recorder.scratch(|recorder| {
                let input = packed_once(recorder, input, [g.out_height, g.out_width, group_channels])?;
                (0..g.taps()).try_for_each(|tap| {
                    let weight = Matrix {
                        argument: "weight",
                        tensor: inputs.weight,
                        first: channel * of_channel + u64::from(tap),
                        batch: 0,
                        vector: g.taps().into(),
                        depth: of_channel,
                    };
                    let [row, column] = [tap / stride_x, tap % stride_x].map(u64::from);
                    let elements = Elements {
                        tensor: output,
                        first: out_plane * out_pixels + row * u64::from(g.width) + column,
                        batch: u64::from(stride_y) * u64::from(g.width),
                        row: out_pixels,
                        column_first: 0,
                        plane: 1,
                        plane_stride: stride_x.into(),
                    };
                    let of_tap = Product {
                        batch: g.out_height,
                        rows: group_out_channels,
                        columns: g.out_width,
                        depth: group_channels,
                        a: Operand::Matrix(weight),
                        b: input.clone(),
                        bias: inputs.bias.map(|tensor| Bias { tensor, first: out_channel, batch: 0, of: BiasOf::Rows }),
                        accumulate: false,
                        activation,
                        output: Output::Elements(elements),
                    };
                    product(recorder, of_tap)
                })
            })?;
        }
    }
    Ok(())
}

/// Records a transposed convolution without columns.
fn gather(
    geometry: &ConvTranspose2dGeometry,
    recorder: &mut Recorder,
    inputs: &ConvTranspose2dInputs<&Tensor>,
    output: &Tensor,
) -> Result<()> {
    let (convolution, g) = (&geometry.convolution, &geometry.convolution.im2col);
    let Im2col { kernel, stride, padding, .. } = g.window;
    let (group_channels, group_out_channels) = (convolution.group_out_channels(), convolution.group_channels());
    let (in_pixels, out_pixels) = (g.out_height * g.out_width, g.height * g.width);
    in_pieces([0..g.batch, 0..g.channels, 0..g.height], &mut |[images, channels, rows]: &[Range<u32>; 3]| {
        let groups = channels.start / group_out_channels..channels.end.div_ceil(group_out_channels);
        let reached = groups.start * group_channels..groups.end * group_channels;
        let planes = |image: u32, of_image: u32, plane: u32, pixels: u32| {
            (u64::from(image) * u64::from(of_image) + u64::from(plane)) * u64::from(pixels)
        };
        let in_start = planes(images.start, convolution.out_channels, reached.start, in_pixels);
        let in_end = planes(images.end - 1, convolution.out_channels, reached.end, in_pixels);
        // Halved from the outermost axis on, a piece is one range of the output.
        let row = |row: u32| u64::from(row) * u64::from(g.width);
        let out_start = planes(images.start, g.channels, channels.start, out_pixels) + row(rows.start);
        let out_end = planes(images.end - 1, g.channels, channels.end - 1, out_pixels) + row(rows.end);
        recorder.gpu().capabilities().check_elements("output", out_end - out_start)?;
        let weights = |channel: u32| planes(0, 0, channel, group_out_channels * g.taps());
        let input = inputs.input.binding("input", in_start..in_end)?;
        let weight = inputs.weight.binding("weight", weights(reached.start)..weights(reached.end))?;
        let of_channels = channels.start.into()..channels.end.into();
        let bias = inputs.bias.map_or(Ok(input.clone()), |bias| bias.binding("bias", of_channels))?;
        let params = conv_transpose2d_direct::Params {
            images: images.end - images.start,
            channels: channels.end - channels.start,
            rows: rows.end - rows.start,
            columns: g.width,
            channel_first: channels.start,
            row_first: rows.start,
            group_channels,
            group_out_channels,
            in_image: convolution.out_channels * in_pixels,
            height: g.out_height,
            width: g.out_width,
            kernel_height: kernel[0],
            kernel_width: kernel[1],
            stride_y: stride[0],
            stride_x: stride[1],
            padding_top: padding[0],
            padding_left: padding[1],
            biased: inputs.bias.is_some().into(),
            // The first of all channels.
            input_first: 0u32.wrapping_sub(reached.start * in_pixels),
            weight_first: 0u32.wrapping_sub(weights(reached.start) as u32),
            ..Default::default()
        };
        let output = output.binding("output", out_start..out_end)?;
        conv_transpose2d_direct(recorder, params, [&input, &weight, &bias, &output])
    })
}

/// The vector-Jacobian products: the input's is a convolution of `grad_output`, the weight's that of this convolution's weight.
impl Differentiable for ConvTranspose2d {
    type Gradients = ConvTranspose2dGradients<()>;

    fn record_backward(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        inputs: &ConvTranspose2dInputs<Argument>,
        grad_output: &Tensor,
        destinations: &ConvTranspose2dGradients<Destination>,
    ) -> Result<()> {
        let g = &plan.geometry().convolution.im2col;
        let convolution = plan.compiled().convolution(recorder.gpu(), plan.geometry())?;
        let source = SampleSource { input: grad_output, offset: None, mask: None };
        let weight = inputs.weight.wide(recorder)?;
        if let Some(destination) = destinations.bias {
            let mut axes = [(1, false); MAX_RANK];
            axes[..3].copy_from_slice(&[(g.batch, true), (g.channels, false), (g.height * g.width, true)]);
            sum_over(recorder, axes, grad_output, destination)?;
        }
        match destinations.input {
            None => {}
            Some(Destination::Write(tensor)) => {
                convolution.forward(recorder, &source, Argument::from(&weight), None, Activation::default(), tensor)?;
            }
            Some(Destination::Add(tensor)) => {
                let gradient = recorder.workspace(tensor.shape())?;
                recorder.scratch(|recorder| {
                    convolution.forward(
                        recorder,
                        &source,
                        Argument::from(&weight),
                        None,
                        Activation::default(),
                        &gradient,
                    )
                })?;
                let mut axes = [BroadcastAxis { extent: 1, strides: [0; 2] }; MAX_RANK];
                axes[MAX_RANK - 1] = BroadcastAxis { extent: tensor.shape().elements() as u32, strides: [1; 2] };
                let sum = Elementwise { op: None, scale: 1.0, axes, accumulate: true, integers: false };
                sum.record(recorder, [&gradient; 2], tensor)?;
            }
        }
        let Some(destination) = destinations.weight else { return Ok(()) };
        let input = inputs.input.wide(recorder)?;
        let gradients = DeformConv2dGradients { weight: Some(destination), ..Default::default() };
        convolution.backward(recorder, &source, &weight, &input, &gradients)
    }
}
