//! Convolution by columns: pack the images channels last, and for each strip of output pixels make the columns and multiply; or, where there are
//! few output channels, or one tap, or images have few channels, neither.

use std::ops::Range;

use super::depthwise::reads_planes;
use super::planes::form_of_planes;
use super::rule::Strategy;
use super::stem::stride_of_stem;
use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{Conv2dGeometry, Deformation, Im2col, Im2colGeometry};
use crate::gpu::{Axis as _, Binding, Fit, Gpu, Loops, Recorder, Subgroup, Tensor, Texel, Texture};
use crate::kernels::activation::{Activation, Ending};
use crate::kernels::columns::ColumnsOrder;
use crate::kernels::conv::direct::conv2d_depthwise;
use crate::kernels::conv::direct::conv2d_direct::{self, Rows, Taps};
use crate::kernels::conv::direct::conv2d_planes::{self, Form};
use crate::kernels::conv::direct::conv2d_stem::{self, Stride};
use crate::kernels::conv::pack_weight;
use crate::kernels::layout::Layout;
use crate::kernels::matmul::copy_lines;
use crate::kernels::matmul::matmul_windows::{self, WindowKind};
use crate::kernels::sample::deform_im2col;
use crate::kernels::window::Window;
use crate::ops::conv::columns::{Columns, PackedImages, SampleSource, layout};
use crate::ops::conv::packed_matrix::PackedMatrix;
use crate::ops::conv::strips::{self, Strip, StripPlanes, strips, wide_bytes};
use crate::ops::matmul::product::{Bias, BiasOf, DEPTH_UNIT, Elements, Matrix, Operand, Output, Product, product};
use crate::ops::packing::{Packed, Packing};
use crate::ops::plan::{Argument, Destination, bindable, in_pieces, pieces};

/// The columns of a strip take about this many bytes: few enough to stay in a cache, enough to keep a device busy. With the packed weight they
/// take FORWARD_BYTES, but a tile of the product is filled.
const STRIP_BYTES: u64 = 10 << 20;
const FORWARD_BYTES: u64 = 13 << 20;

/// Compiles what a plan of one pixel does not.
pub(crate) fn compile_all(gpu: &Gpu) -> Result<()> {
    let Some(subgroup) = Subgroup::multiplying(gpu.capabilities()) else { return Ok(()) };
    for window in WindowKind::all() {
        matmul_windows::compile(gpu, window, subgroup)?;
    }
    gpu.compile::<deform_im2col::Kernel>((ColumnsOrder::Quads, Layout::Panels))?;
    Form::all().into_iter().try_for_each(|form| gpu.compile::<conv2d_planes::Kernel>((form, Ending::Bounds)))?;
    Stride::all().into_iter().try_for_each(|stride| gpu.compile::<conv2d_stem::Kernel>((stride, Ending::Bounds)))?;
    for taps in Taps::all() {
        conv2d_depthwise::compile(gpu, taps)?;
        for rows in Rows::all() {
            gpu.compile::<conv2d_direct::Kernel>(((taps, rows), Ending::Bounds))?;
        }
    }
    Ok(())
}

/// A convolution, plain or deformable, by columns.
pub(in crate::ops) struct Im2colConvolution {
    pub(crate) geometry: Conv2dGeometry,
    pub(crate) columns: Columns,
    pub(super) packing: Packing,
    /// Whether the forward pass reads planes as they lie: strategy/depthwise.rs.
    planes: bool,
    /// How the forward pass reads planes from a texture, if it does where input and output begin with a quad: strategy/planes.rs.
    form_of_planes: Option<Form>,
    /// How far apart windows are, where the forward pass reads images from a texture, if input and output begin with a quad: strategy/stem.rs.
    stem: Option<Stride>,
    /// Whether it is another's, from its output back to its input, and has the weight of that one.
    transposed: bool,
}

impl Im2colConvolution {
    /// Plans a convolution for data and a weight of the given element types.
    pub(in crate::ops) fn new(
        gpu: &Gpu,
        geometry: Conv2dGeometry,
        deformation: Option<Deformation>,
        dtypes: [DType; 2],
    ) -> Result<Self> {
        let mut convolution = Self::packing_only(gpu, geometry, deformation, dtypes)?;
        convolution.stem = stride_of_stem(gpu, &geometry, &convolution.columns, dtypes[0]);
        if let Some(stride) = convolution.stem {
            gpu.compile::<copy_lines::Kernel>(Texel::Element)?;
            gpu.compile::<conv2d_stem::Kernel>((stride, Ending::Bounds))?;
        } else if let Some(form) = form_of_planes(gpu, &geometry, &convolution.columns, dtypes[0]) {
            gpu.compile::<copy_lines::Kernel>(Texel::Element)?;
            gpu.compile::<conv2d_planes::Kernel>((form, Ending::Bounds))?;
            convolution.form_of_planes = Some(form);
        }
        if !convolution.is_direct(gpu) {
            match Subgroup::multiplying(gpu.capabilities()).filter(|_| convolution.reads_windows(gpu)) {
                Some(subgroup) => convolution.columns.compile_windows(gpu, subgroup)?,
                None => convolution.columns.compile(gpu, convolution.order(gpu))?,
            }
        }
        crate::ops::matmul::product::compile_packed(gpu)?;
        Ok(convolution)
    }

    /// The gradient of its input as a convolution of the gradient of its output, where that needs no columns.
    pub(crate) fn transposed(&self, gpu: &Gpu, dtypes: [DType; 2]) -> Result<Option<Self>> {
        let g @ Im2colGeometry { window, height, width, .. } = self.geometry.im2col;
        let Im2col { kernel, stride, padding: [top, left, bottom, right], dilation } = window;
        let [down, across] = [0, 1].map(|axis| dilation[axis] * (kernel[axis] - 1));
        let narrow = self.geometry.group_channels() <= conv2d_direct::MOST_ROWS;
        if self.columns.layout != Layout::Panels || self.columns.deformation.is_some() || !narrow {
            return Ok(None);
        }
        if stride != [1, 1] || down < top || across < left {
            return Ok(None);
        }
        let padding = [down - top, across - left, down.saturating_sub(bottom), across.saturating_sub(right)];
        let im2col = Im2colGeometry {
            channels: self.geometry.out_channels,
            height: g.out_height,
            width: g.out_width,
            window: Im2col { padding, ..window },
            out_height: height,
            out_width: width,
            ..g
        };
        let geometry = Conv2dGeometry { im2col, out_channels: g.channels, ..self.geometry };
        let transposed = Self { transposed: true, ..Self::packing_only(gpu, geometry, None, dtypes)? };
        Ok(direct_kernel(gpu, &geometry, &transposed.columns).is_some().then_some(transposed))
    }

    /// Plans the packing of inputs and weights, and the convolution without columns where that applies.
    pub(super) fn packing_only(
        gpu: &Gpu,
        geometry: Conv2dGeometry,
        deformation: Option<Deformation>,
        [data, weight]: [DType; 2],
    ) -> Result<Self> {
        let layout = layout(gpu, &geometry.im2col, geometry.groups, deformation.as_ref(), geometry.out_channels);
        let variant = (ColumnsOrder::Quads, layout);
        let columns = Columns::new(gpu, geometry.im2col, geometry.groups, deformation, variant, data)?;
        gpu.compile::<pack_weight::Kernel>((weight.into(), layout))?;
        let planes = reads_planes(gpu, &geometry, &columns, data);
        match direct_kernel(gpu, &geometry, &columns) {
            Some((taps, _)) if planes => conv2d_depthwise::compile(gpu, taps)?,
            Some(variant) => gpu.compile::<conv2d_direct::Kernel>((variant, Ending::Bounds))?,
            None => strips::compile(gpu, written_together(&geometry), geometry.im2col.out_pixels())?,
        }
        let packing = Packing::of_convolution(Strategy::Im2col, layout, &geometry, deformation.as_ref());
        Ok(Self { geometry, columns, packing, planes, form_of_planes: None, stem: None, transposed: false })
    }

    /// Records the packing of a weight into a tensor of its own.
    pub(in crate::ops) fn pack_weight(&self, recorder: &mut Recorder, weight: &Tensor) -> Result<Packed> {
        let packed = PackedMatrix::new(
            recorder.gpu(),
            self.columns.layout,
            self.packed_shape(self.geometry.group_out_channels()),
        )?;
        recorder.op(|recorder| self.pack_into(recorder, weight, &packed, self.geometry.group_out_channels()))?;
        Ok(Packed::Matrix(packed))
    }

    /// The packed weight: given so, or packed now, into workspace.
    pub(in crate::ops) fn weight(&self, recorder: &mut Recorder, weight: Argument) -> Result<PackedMatrix> {
        match weight {
            Argument::Tensor(plain) => {
                let rows = self.geometry.group_out_channels();
                let packed = PackedMatrix::workspace(recorder, self.columns.layout, self.packed_shape(rows))?;
                self.pack_into(recorder, plain, &packed, rows)?;
                Ok(packed)
            }
            Argument::Packed(packed) => packed.packed_for(self.packing)?.matrix(),
        }
    }

    /// Groups, rows of each, quads of a row.
    pub(crate) fn packed_shape(&self, group_rows: u32) -> [u32; 3] {
        [self.geometry.groups, group_rows, depth(&self.geometry, &self.columns) as u32 / 4]
    }

    /// Packs a weight into rows of (tap, quad), of which each group has group_rows: those beyond its output channels are 0.
    pub(crate) fn pack_into(
        &self,
        recorder: &mut Recorder,
        weight: &Tensor,
        packed: &PackedMatrix,
        group_rows: u32,
    ) -> Result<()> {
        let dtype = weight.dtype();
        let (taps, row) = (self.geometry.im2col.taps(), self.weight_row() as u32);
        let group_out_channels = self.geometry.group_out_channels();
        // A row of a transposed one is an input channel of the other's weight, its taps last to first.
        let [row_stride, channel_stride, tap_stride, last_tap] = match self.transposed {
            false => [row, taps, 1, 0],
            true => [taps, group_out_channels * taps, 1u32.wrapping_neg(), taps - 1],
        };
        self.weight_pieces(recorder, weight, group_rows, &mut |recorder, piece, weight| {
            let packed_binding = packed.rows_binding("weight", piece.packed_rows())?;
            let quads = depth(&self.geometry, &self.columns) as u32 / 4;
            let params = pack_weight::Params {
                row_first: piece.rows.start,
                rows: piece.rows.end - piece.rows.start,
                group_out_channels,
                group_rows,
                group_channels: self.geometry.group_channels(),
                group_stride: group_out_channels * row,
                row_stride,
                channel_stride,
                tap_stride,
                // Of the first output channel; wraps where that is not bound.
                weight_first: last_tap.wrapping_sub(piece.out_channel_first * row),
                taps,
                quads_per_group: self.columns.quads_per_group(),
                // Where rows are bound in pieces, quads are counted from the first; wraps where the piece starts further on.
                packed_first: match packed.layout() {
                    Layout::Rows => (piece.rows.start * quads).wrapping_sub(packed_binding.first / 4),
                    Layout::Panels => 0,
                },
                ..Default::default()
            };
            let bindings = [weight, &packed_binding, &self.columns.channel_quads()];
            pack_weight::pack_weight(recorder, (packed.layout(), dtype), params, bindings)
        })
    }

    /// Has `dispatch` do the rows of a packed weight with the weight, in pieces that can be bound.
    pub(crate) fn weight_pieces(
        &self,
        recorder: &mut Recorder,
        weight: &Tensor,
        group_rows: u32,
        dispatch: &mut impl FnMut(&mut Recorder, WeightPiece, &Binding) -> Fit,
    ) -> Result<()> {
        let g = &self.geometry;
        let (group_outs, depth) = (g.group_out_channels(), depth(g, &self.columns));
        let row = self.weight_row();
        let out_channels_before = |row: u32| row / group_rows * group_outs + (row % group_rows).min(group_outs);
        // The elements of a transposed row lie among those of the group's other rows.
        let together = if self.transposed { group_rows } else { 1 };
        let all = 0..g.groups * group_rows / together;
        in_pieces([all], &mut |[rows]| {
            let rows = rows.start * together..rows.end * together;
            // A binding shows something, even where all rows are beyond the output channels.
            let first = out_channels_before(rows.start).min(g.out_channels - 1);
            let end = out_channels_before(rows.end).max(first + 1);
            recorder.gpu().capabilities().check_elements("weight", u64::from(rows.end - rows.start) * depth)?;
            let weight = weight.binding("weight", u64::from(first) * row..u64::from(end) * row)?;
            dispatch(recorder, WeightPiece { rows, out_channel_first: first }, &weight)
        })
    }

    /// Elements of a row of the weight.
    fn weight_row(&self) -> u64 {
        u64::from(self.geometry.group_channels()) * u64::from(self.geometry.im2col.taps())
    }

    /// Whether the forward pass is direct: see `direct_kernel`.
    fn is_direct(&self, gpu: &Gpu) -> bool {
        direct_kernel(gpu, &self.geometry, &self.columns).is_some()
    }

    /// Whether the product of a forward pass that is not direct makes a window's columns from the packed images as it needs them: on devices with textures, of a
    /// deformable window where one tile has all rows, since each samples for itself.
    fn reads_windows(&self, gpu: &Gpu) -> bool {
        let Some(subgroup) = Subgroup::multiplying(gpu.capabilities()) else { return false };
        let [most_rows, _] = subgroup.tile();
        let once = self.columns.deformation.is_none() || self.geometry.group_out_channels() <= most_rows;
        let ends =
            |runs: matmul_windows::Params| gpu.capabilities().check_iterations("weight", runs.iterations()).is_ok();
        self.columns.layout == Layout::Panels && once && self.columns.window_runs().is_some_and(ends)
    }

    /// How the forward pass makes its columns: in panels by a buffer, where storing and copying a quad takes less than storing a texel, if a strip of the least
    /// whole tiles can be bound.
    fn order(&self, gpu: &Gpu) -> ColumnsOrder {
        let held = self.columns.layout == Layout::Panels
            && 64 * self.columns.pixel_bytes() <= bindable(gpu).min(Texture::most_bytes(gpu, Texel::Quad));
        if held { ColumnsOrder::HeldQuads } else { ColumnsOrder::Quads }
    }

    /// Bytes of the strips of a forward pass, where a pixel takes `pixel` bytes.
    fn strip_bytes(&self, pixel: u64) -> u64 {
        let weight = u64::from(self.geometry.out_channels) * depth(&self.geometry, &self.columns) * 4;
        FORWARD_BYTES.saturating_sub(weight).max(64 * pixel).min(STRIP_BYTES)
    }

    /// Records the convolution with a packed weight.
    pub(in crate::ops) fn forward(
        &self,
        recorder: &mut Recorder,
        source: &SampleSource,
        packed_weight: &PackedMatrix,
        (bias, activation): (Option<&Tensor>, Activation),
        output: Destination,
    ) -> Result<()> {
        let (g, im2col) = (&self.geometry, &self.geometry.im2col);
        if im2col.batch == 0 {
            return Ok(());
        }
        let depth = depth(g, &self.columns);
        let in_quads = is_in_quads(source.input) && is_in_quads(output.tensor());
        if let Some(form) = self.form_of_planes.filter(|_| in_quads) {
            return self.of_planes(recorder, form, (source.input, packed_weight), (bias, activation), output);
        }
        if let Some(stride) = self.stem.filter(|_| in_quads) {
            return self.of_stem(recorder, stride, (source.input, packed_weight), (bias, activation), output);
        }
        if self.planes {
            return self.depthwise(recorder, source.input, packed_weight, (bias, activation), output);
        }
        if self.is_product(recorder.gpu(), source.input, output.tensor()) {
            return self.as_product(recorder, source.input, packed_weight, (bias, activation), output);
        }

        let chunk = self.columns.images_per_chunk(recorder.gpu(), 0);
        let wide = wide_bytes([source.offset, source.mask, Some(output.tensor())].into_iter().flatten());
        let direct = self.is_direct(recorder.gpu());
        let windows = !direct && self.reads_windows(recorder.gpu());
        // What a pixel reads alone, without columns.
        let Im2col { stride: [stride_y, stride_x], .. } = im2col.window;
        let read = self.columns.packing.pixel_bytes().saturating_mul(u64::from(stride_y) * u64::from(stride_x));
        let pixel = if direct || windows { read.min(self.columns.pixel_bytes()) } else { self.columns.pixel_bytes() };
        let order = self.order(recorder.gpu());
        let holds = order == ColumnsOrder::HeldQuads && !direct && !windows;
        // Columns that are held are there twice.
        let wide = if holds { wide + pixel } else { wide };
        let bytes = self.strip_bytes(pixel + wide + self.columns.point_bytes());
        let most = self.columns.strips_of(recorder.gpu(), chunk, bytes, [pixel, wide]);
        let [_, strip] = most;
        let mut packed = match windows {
            true => self.columns.packed_with_zero(recorder, chunk, strip)?,
            false => self.columns.packed(recorder, chunk, strip)?,
        };
        let accumulate = matches!(output, Destination::Add(_));
        let strip = if direct || windows { 0 } else { strip };
        let together = written_together(g);
        let shape = [g.groups, strip, depth as u32 / 4];
        let columns = PackedMatrix::workspace(recorder, self.columns.layout, shape)?;
        let held = holds.then(|| columns.held(recorder)).transpose()?;
        for images in pieces(0..im2col.batch, chunk) {
            for strip in strips(images.clone(), im2col.out_pixels(), most) {
                self.columns.pack(recorder, source.input, &images, &strip, &mut packed)?;
                if direct {
                    StripPlanes::write(recorder, output, &strip, 1, |recorder, output| {
                        let operands = (&packed, packed_weight, bias);
                        self.direct(recorder, (&images, &strip), operands, (output, accumulate), activation)
                    })?;
                    continue;
                }
                recorder.scratch(|recorder| {
                    let chunk = (&images, &strip);
                    let columns = columns.with_rows(if windows { 0 } else { strip.len() });
                    let b = if windows {
                        let field = self.columns.field(recorder, source, &strip)?;
                        Operand::Windows(Box::new(self.columns.windows(chunk, &packed, field.as_ref())?))
                    } else {
                        let binding = match &held {
                            Some(held) => held.binding("columns", 0..held.shape().elements())?,
                            None => columns.binding("columns")?,
                        };
                        self.columns.sample(recorder, source, chunk, &packed, (order, &binding))?;
                        if let Some(held) = &held {
                            columns.copy_from(recorder, held)?;
                        }
                        columns.along("columns")
                    };
                    StripPlanes::write(recorder, output, &strip, together, |recorder, output| {
                        let weight = packed_weight.along("weight");
                        self.multiply(recorder, &strip, (weight, b, bias), (output, accumulate), activation)
                    })
                })?;
            }
        }
        Ok(())
    }

    /// Records the product of a packed weight with the columns of a strip.
    fn multiply(
        &self,
        recorder: &mut Recorder,
        strip: &Strip,
        (a, b, bias): (Operand, Operand, Option<&Tensor>),
        (output, accumulate): (&StripPlanes, bool),
        activation: Activation,
    ) -> Result<()> {
        let g = &self.geometry;
        let pixels = strip.image_pixels();
        let plane = u64::from(output.plane);
        let Range { start, .. } = output.elements(&(0..1), &(0..1), &pixels);
        let bias = bias.map(|tensor| Bias { tensor, first: 0, batch: g.group_out_channels(), of: BiasOf::Rows });
        let elements = Elements {
            tensor: &output.tensor,
            first: start,
            batch: u64::from(g.group_out_channels()) * plane,
            row: plane,
            column_first: 0,
            plane: pixels.end - pixels.start,
            plane_stride: u64::from(g.out_channels) * plane,
        };
        product(
            recorder,
            Product {
                batch: g.groups,
                rows: g.group_out_channels(),
                columns: strip.len(),
                depth: depth(g, &self.columns) as u32,
                a,
                b,
                bias,
                accumulate,
                activation,
                output: Output::Elements(elements),
            },
        )
    }

    /// Whether what lies outside the image counts 0 times the weight. In a gradient it counts nothing.
    pub(super) fn is_padded(&self) -> bool {
        !self.transposed
    }

    /// Whether it is a product with the images as they lie: of a pixel alone, without padding, of whole quads of channels and pixels, of which a binding shows
    /// those of [`DEPTH_UNIT`] channels.
    fn is_product(&self, gpu: &Gpu, input: &Tensor, output: &Tensor) -> bool {
        let g = &self.geometry;
        let alone = Im2col { kernel: [1; 2], stride: [1; 2], padding: [0; 4], ..g.im2col.window };
        !self.transposed
            && self.columns.layout == Layout::Panels
            && self.columns.deformation.is_none()
            && g.im2col.window == alone
            && g.group_channels().is_multiple_of(4)
            && g.im2col.out_pixels().is_multiple_of(4)
            && u64::from(g.group_channels().min(DEPTH_UNIT)) * u64::from(g.im2col.out_pixels()) * DType::F32.size()
                <= bindable(gpu)
            && [input, output].into_iter().all(is_in_quads)
    }

    /// Records a convolution that is a product: of all images at once, or of each of them by groups.
    fn as_product(
        &self,
        recorder: &mut Recorder,
        input: &Tensor,
        packed_weight: &PackedMatrix,
        (bias, activation): (Option<&Tensor>, Activation),
        output: Destination,
    ) -> Result<()> {
        let g = &self.geometry;
        let [pixels, channels, out_channels] = [g.im2col.out_pixels(), g.group_channels(), g.group_out_channels()];
        let plane = u64::from(pixels);
        let [image, out_image] = [g.im2col.channels, g.out_channels].map(|channels| u64::from(channels) * plane);
        let weight = packed_weight.along("weight");
        let of_bias = |batch: u32| bias.map(|tensor| Bias { tensor, first: 0, batch, of: BiasOf::Rows });
        let (calls, batch, a, bias) = match g.groups {
            1 => (1, g.im2col.batch, weight.batched_by(0, 0), of_bias(0)),
            groups => (g.im2col.batch, groups, weight, of_bias(out_channels)),
        };
        for call in 0..u64::from(calls) {
            let b = Matrix {
                argument: "input",
                tensor: input,
                first: call * image,
                batch: u64::from(channels) * plane,
                vector: 1,
                depth: plane,
            };
            let elements = Elements {
                tensor: output.tensor(),
                first: call * out_image,
                batch: u64::from(out_channels) * plane,
                row: plane,
                column_first: 0,
                plane: pixels,
                plane_stride: 0,
            };
            product(
                recorder,
                Product {
                    batch,
                    rows: out_channels,
                    columns: pixels,
                    depth: channels,
                    a: a.clone(),
                    b: Operand::Matrix(b),
                    bias,
                    accumulate: matches!(output, Destination::Add(_)),
                    activation,
                    output: Output::Elements(elements),
                },
            )?;
        }
        Ok(())
    }

    /// Records a strip of a chunk of images without columns, in as many pieces as the output needs to be bound.
    fn direct(
        &self,
        recorder: &mut Recorder,
        (chunk, strip): (&Range<u32>, &Strip),
        (packed, weight, bias): (&PackedImages, &PackedMatrix, Option<&Tensor>),
        (output, accumulate): (&StripPlanes, bool),
        activation: Activation,
    ) -> Result<()> {
        let (g, columns) = (&self.geometry, &self.columns);
        let out_width = g.im2col.out_width;
        let rows = g.group_out_channels();
        let images = 0..strip.images.end - strip.images.start;
        let no_bias = &recorder.workspace([1])?;
        // What there is no row for is bound all the same.
        let no_row = [(); 3].map(|()| recorder.workspace([1])?.binding("output", 0..1));
        let [no_row_1, no_row_2, no_row_3] = no_row;
        let no_rows = [no_row_1?, no_row_2?, no_row_3?];
        let (band, packed) = packed.one_band();
        let packed = packed.binding("input")?;
        in_pieces([0..g.groups, strip.pixels.clone()], &mut |[groups, pixels]| {
            // Of several images all pixels are bound.
            let bound = if images.end == 1 { pixels.clone() } else { 0..g.im2col.out_pixels() };
            let of_row = |row: u32| -> Fit<_> {
                if row >= rows {
                    return Ok((no_rows[row as usize - 1].clone(), 0));
                }
                let channels = groups.start * rows + row..(groups.end - 1) * rows + row + 1;
                let binding = output.tensor.binding("output", output.elements(&images, &channels, &bound))?;
                // Of group 0 and pixel 0, wraps where these are not bound.
                let before = (groups.start * rows).wrapping_mul(output.plane).wrapping_add(bound.start);
                let first = binding.first.wrapping_sub(before);
                Ok((binding, first))
            };
            let [
                (output_0, output_first),
                (output_1, output_1_first),
                (output_2, output_2_first),
                (output_3, output_3_first),
            ] = [of_row(0)?, of_row(1)?, of_row(2)?, of_row(3)?];
            let channels = groups.start * rows..groups.end * rows;
            let (bias_binding, bias_first) = match bias {
                Some(bias) => {
                    let binding = bias.binding("bias", channels.start.into()..channels.end.into())?;
                    // Of channel 0, wraps where that is not bound.
                    let first = binding.first.wrapping_sub(channels.start);
                    (binding, first)
                }
                None => (no_bias.binding("bias", 0..1)?, 0),
            };
            let out_row_first = pixels.start / out_width;
            let mut window = columns.window(chunk, strip, &band).window;
            (window.pixel_first, window.pixels) = (pixels.start, pixels.end - pixels.start);
            let params = conv2d_direct::Params {
                window,
                activation,
                out_row_first,
                out_rows: (pixels.end - 1) / out_width + 1 - out_row_first,
                group_first: groups.start,
                groups: groups.end - groups.start,
                rows,
                padded: self.is_padded().into(),
                accumulate: accumulate.into(),
                biased: bias.is_some().into(),
                bias_first,
                output_first,
                output_1_first,
                output_2_first,
                output_3_first,
                output_image: g.out_channels * output.plane,
                output_plane: output.plane,
            };
            // A row is done at once, however large.
            if groups.end - groups.start > 1 || params.out_rows > 1 {
                recorder.gpu().capabilities().check_elements("input", params.elements())?;
            }
            let outputs = [output_0, output_1, output_2, output_3];
            conv2d_direct::conv2d_direct(
                recorder,
                params,
                [&packed, &weight.binding("weight")?, &bias_binding],
                &outputs,
            )
        })
    }
}

/// Whether a tensor is one of f32 that begins where a quad does.
fn is_in_quads(tensor: &Tensor) -> bool {
    tensor.dtype() == DType::F32 && tensor.begins_a_quad()
}

/// Planes of the output that are written together by a product: rows of a group, up to those of its tile.
fn written_together(geometry: &Conv2dGeometry) -> u32 {
    geometry.group_out_channels().min(16)
}

/// The kernel for a plain window without columns, on devices with textures, where the products are so narrow that columns are not worth
/// making.
pub(super) fn direct_kernel(gpu: &Gpu, geometry: &Conv2dGeometry, columns: &Columns) -> Option<(Taps, Rows)> {
    let Im2col { kernel: [kernel_height, kernel_width], stride, dilation, .. } = geometry.im2col.window;
    let (quads_per_group, rows) = (columns.quads_per_group(), geometry.group_out_channels());
    let [stride_x, dilation_x] = [stride[1], dilation[1]];
    let window = Window { kernel_height, kernel_width, stride_x, dilation_x, quads_per_group, ..Default::default() };
    let params = conv2d_direct::Params { window, rows, ..Default::default() };
    let direct = columns.layout == Layout::Panels
        && columns.deformation.is_none()
        && rows <= conv2d_direct::MOST_ROWS
        && gpu.capabilities().check_iterations("weight", params.iterations()).is_ok();
    direct.then(|| params.variant())
}

/// Whether the gradient of the weight needs no columns either.
pub(crate) fn is_direct_weight(geometry: &Conv2dGeometry, columns: &Columns) -> bool {
    columns.layout == Layout::Panels
        && columns.deformation.is_none()
        && geometry.group_out_channels() <= conv2d_direct::MOST_ROWS
}

/// Some rows of a packed weight, and the output channel from which the weight is bound.
pub(crate) struct WeightPiece {
    pub(crate) rows: Range<u32>,
    pub(crate) out_channel_first: u32,
}

impl WeightPiece {
    pub(crate) fn packed_rows(&self) -> Range<u64> {
        u64::from(self.rows.start)..u64::from(self.rows.end)
    }
}

/// Elements of one group's row of the columns, and of a row of the packed weight.
pub(crate) fn depth(geometry: &Conv2dGeometry, columns: &Columns) -> u64 {
    u64::from(geometry.im2col.taps()) * u64::from(columns.quads_per_group()) * 4
}
