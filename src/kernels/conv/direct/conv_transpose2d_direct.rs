use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder};
use crate::kernels::{kernel, params};

kernel!("conv_transpose2d_direct", 64, Params, ["shared/grid.wgsl", "conv/conv_transpose2d_direct.wgsl"]);

params!(
    images,
    channels,
    rows,
    columns,
    channel_first,
    row_first,
    group_channels,
    group_out_channels,
    in_image,
    height,
    width,
    kernel_height,
    kernel_width,
    stride_y,
    stride_x,
    padding_top,
    padding_left,
    biased,
    input_first,
    weight_first,
    bias_first,
    output_first,
);

impl Params {
    /// The input rows and columns whose kernels reach an output pixel.
    fn reach(&self) -> [u32; 2] {
        [self.kernel_height.div_ceil(self.stride_y), self.kernel_width.div_ceil(self.stride_x)]
    }
}

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let [rows, columns] = self.reach();
        let channel = Iterations::each(rows, Iterations::of(columns));
        Iterations::each(self.group_channels, channel) + Iterations::of(self.columns.min(4))
    }
}

/// Input channels of a group at most.
pub(crate) const MOST_CHANNELS: u32 = 4;

/// `input_first` and `weight_first` of `params` count from the elements at which their bindings start; they wrap.
pub(crate) fn conv_transpose2d_direct(
    recorder: &mut Recorder,
    params: Params,
    [input, weight, bias, output]: [&Binding; 4],
) -> Fit {
    let params = Params {
        input_first: params.input_first.wrapping_add(input.first),
        weight_first: params.weight_first.wrapping_add(weight.first),
        bias_first: bias.first,
        output_first: output.first,
        ..params
    };
    let rows = [params.images, params.channels, params.rows].map(u64::from).iter().product::<u64>();
    let terms = params.reach().map(u64::from).iter().product::<u64>() * u64::from(params.group_channels);
    let elements = (rows * u64::from(params.columns)).saturating_mul(terms);
    let invocations = rows * u64::from(params.columns.div_ceil(4));
    recorder.dispatch::<Kernel>((), &params, &[input, weight, bias, output], invocations, elements)
}
