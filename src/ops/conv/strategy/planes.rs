//! Convolutions for groups of few output channels, which read planes from a texture: of 3 x 3 taps, and of 5 x 5 and 7 x 7 for groups of one input channel.

use std::ops::Range;

use super::im2col::Im2colConvolution;
use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Conv2dGeometry, Im2col, Im2colGeometry};
use crate::gpu::{Binding, Gpu, Lines, Loops, Recorder, Tensor, Texel, Texture};
use crate::kernels::activation::Activation;
use crate::kernels::conv::direct::conv2d_planes::{self, Form, ROWS, conv2d_planes};
use crate::kernels::layout::Layout;
use crate::kernels::matmul::copy_lines::copy_lines;
use crate::kernels::window::Window;
use crate::ops::conv::columns::Columns;
use crate::ops::conv::packed_matrix::PackedMatrix;
use crate::ops::plan::{Destination, bindable, in_pieces, pieces};

/// Bytes of the rows of planes that are copied at a time.
pub(super) const COPIED_BYTES: u64 = 8 << 20;

/// The most output channels of a group: its planes are read anew for each one or three of them.
const MOST_OUT_CHANNELS: u32 = 27;

/// How planes of this element type are read from a texture, where input and output begin with a quad, if they are: those of f32, of whole quads a row, in
/// windows of the kernel.
pub(super) fn form_of_planes(gpu: &Gpu, geometry: &Conv2dGeometry, columns: &Columns, dtype: DType) -> Option<Form> {
    let Im2colGeometry { width, window, .. } = geometry.im2col;
    let Im2col { kernel, stride, padding: [_, left, _, right], dilation } = window;
    let (channels, group_rows) = (geometry.group_channels(), geometry.group_out_channels());
    let set_of_three = 2 * u64::from(geometry.im2col.out_pixels()) + u64::from(width);
    let form = Form::of(kernel, channels, group_rows >= 3 && set_of_three * DType::F32.size() <= bindable(gpu))?;
    let window = Window { quads_per_group: columns.quads_per_group(), ..Window::of(&geometry.im2col) };
    let params = conv2d_planes::Params { window, ..Default::default() };
    // Lines of a texture may lie twice as far apart as they are long.
    let rows = (ROWS + reach(geometry)).min(geometry.im2col.height);
    let least = 2 * rows_bytes(geometry, rows).max(COPIED_BYTES);
    let bias = u64::from(geometry.out_channels) * DType::F32.size();
    let reads = dtype == DType::F32
        && bias <= bindable(gpu)
        && (stride, dilation) == ([1; 2], [1; 2])
        && [left, right] == [kernel[1] / 2; 2]
        && width.is_multiple_of(4)
        && group_rows <= MOST_OUT_CHANNELS
        && least <= Texture::most_bytes(gpu, Texel::Element).min(2 * bindable(gpu))
        && columns.layout == Layout::Panels
        && columns.deformation.is_none()
        && gpu.capabilities().check_iterations("weight", params.iterations()).is_ok();
    reads.then_some(form)
}

/// Bytes of so many rows of a group's input.
fn rows_bytes(geometry: &Conv2dGeometry, rows: u32) -> u64 {
    u64::from(rows) * u64::from(geometry.group_channels()) * u64::from(geometry.im2col.width) * DType::F32.size()
}

/// Rows that a window takes of an image besides one.
fn reach(geometry: &Conv2dGeometry) -> u32 {
    geometry.im2col.window.kernel[0] - 1
}

/// How many groups are copied at once, and for how many rows of their outputs.
fn copied_at_once(geometry: &Conv2dGeometry) -> [u32; 2] {
    let Im2colGeometry { height, width, out_height, .. } = geometry.im2col;
    let group = rows_bytes(geometry, height);
    if group <= COPIED_BYTES {
        return [(COPIED_BYTES / group) as u32, out_height];
    }
    let mut rows = COPIED_BYTES / rows_bytes(geometry, 1).max(1);
    // Of many planes one command copies a line each, if a row of the texture has whole ones: the rows of an invocation's outputs, at least.
    let together = u64::from(Lines::MOST_APART / width);
    if geometry.group_channels() > Lines::MOST_COMMANDS && together >= u64::from(ROWS + reach(geometry)) {
        rows = rows.min(together);
    }
    let out_rows = rows.saturating_sub(reach(geometry).into()).min(out_height.into()) as u32;
    [1, (out_rows / ROWS * ROWS).max(ROWS)]
}

/// A bias, or what is bound in its place where there is none.
pub(super) fn whole_bias(recorder: &mut Recorder, bias: Option<&Tensor>) -> Result<Binding> {
    Ok(match bias {
        Some(bias) => bias.binding("bias", 0..bias.shape().elements())?,
        None => recorder.workspace([1])?.binding("bias", 0..1)?,
    })
}

/// Some rows of some planes, copied into a scratch texture, and the elements from a plane of these to the next.
pub(super) fn copied_rows(
    recorder: &mut Recorder,
    input: &Tensor,
    [height, width]: [u32; 2],
    planes: Range<u32>,
    rows: Range<u32>,
) -> Result<(Texture, u32)> {
    let lines = Lines {
        count: planes.end - planes.start,
        length: (rows.end - rows.start) * width,
        stride: height * width,
        ..Lines::one(Texel::Element, 0)
    };
    let texels = u64::from(lines.pitch()) * u64::from(lines.count);
    let texture = recorder.texture(Texel::Element, texels)?;
    if !rows.is_empty() {
        in_pieces([planes.clone()], &mut |[some]| {
            let element = |plane: u32, row: u32| u64::from(plane) * u64::from(height * width) + u64::from(row * width);
            let binding = input.binding("input", element(some.start, rows.start)..element(some.end - 1, rows.end))?;
            let first = (some.start - planes.start) * lines.pitch();
            copy_lines(recorder, &binding, &texture, Lines { count: some.end - some.start, first, ..lines })
        })?;
    }
    Ok((texture, lines.pitch()))
}

impl Im2colConvolution {
    /// Records a convolution of planes that are copied into a texture, some groups or some rows of one at a time.
    pub(super) fn of_planes(
        &self,
        recorder: &mut Recorder,
        form: Form,
        (input, weight): (&Tensor, &PackedMatrix),
        (bias, activation): (Option<&Tensor>, Activation),
        output: Destination,
    ) -> Result<()> {
        let g = &self.geometry;
        let Im2colGeometry { batch, height, width, out_height, window, .. } = g.im2col;
        let [groups_at_once, rows_at_once] = copied_at_once(g);
        let (group_rows, channels) = (g.group_out_channels(), g.group_channels());
        let together = form.outs();
        let group_sets = group_rows.div_ceil(together);
        let out_channel = |set: u32| set / group_sets * group_rows + set % group_sets * together;
        let out_plane = out_height * width;
        let weight = weight.binding("weight")?;
        let bias_binding = whole_bias(recorder, bias)?;
        let output_tensor = output.tensor();
        for groups in pieces(0..batch * g.groups, groups_at_once) {
            for out_rows in pieces(0..out_height, rows_at_once) {
                let top = window.padding[0];
                let within = |row: u32| row.saturating_sub(top).min(height);
                let rows = within(out_rows.start)..within(out_rows.end + reach(g));
                recorder.scratch(|recorder| {
                    let planes = groups.start * channels..groups.end * channels;
                    let (texture, plane_elements) =
                        copied_rows(recorder, input, [height, width], planes, rows.clone())?;
                    let sets = groups.start * group_sets..groups.end * group_sets;
                    in_pieces([sets, out_rows.clone()], &mut |[sets, out_rows]: &[Range<u32>; 2]| {
                        let outs = out_channel(sets.start)..out_channel(sets.end);
                        let element = |index: u32, row: u32| {
                            u64::from(index) * u64::from(out_plane) + u64::from(row) * u64::from(width)
                        };
                        let written = element(outs.start, out_rows.start)..element(outs.end - 1, out_rows.end);
                        let output_binding = output_tensor.binding("output", written)?;
                        let params = conv2d_planes::Params {
                            window: Window { quads_per_group: self.columns.quads_per_group(), ..Window::of(&g.im2col) },
                            activation,
                            group_first: groups.start,
                            groups: g.groups,
                            group_rows,
                            group_sets,
                            channels,
                            set_first: sets.start,
                            sets: sets.end - sets.start,
                            out_first: outs.start,
                            out_row_first: out_rows.start,
                            out_rows: out_rows.end - out_rows.start,
                            row_first: rows.start,
                            rows: rows.end - rows.start,
                            plane_elements,
                            accumulate: output.accumulates().into(),
                            biased: bias.is_some().into(),
                            bias_first: bias_binding.first,
                            output_first: output_binding.first,
                            output_plane: out_plane,
                        };
                        // A row of a set is done at once, however large.
                        if params.sets > 1 || params.out_rows > 1 {
                            recorder.gpu().capabilities().check_elements("input", params.elements(form))?;
                        }
                        let bindings = [&texture.binding(), &weight, &bias_binding, &output_binding];
                        conv2d_planes(recorder, form, params, bindings)
                    })
                })?;
            }
        }
        Ok(())
    }
}
