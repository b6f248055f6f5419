//! Convolution of 3 x 3 taps by Winograd's F(4 x 4, 3 x 3): images and weight are transformed in tiles, multiplied element by element of a tile over the
//! channels, and the sums transformed back. A quarter of the multiplications: shaders/conv/winograd/points.wgsl.

use std::cmp::Reverse;
use std::ops::Range;

use super::im2col::Im2colConvolution;
use super::problem::Problem;
use super::rule::Strategy;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{Conv2dGeometry, Im2col, Im2colGeometry};
use crate::gpu::{Axis, Binding, Fit, Gpu, Lines, Loops, Recorder, Tensor, Texel, Texture, Unfit};
use crate::kernels::activation::{Activation, Ending};
use crate::kernels::conv::winograd::winograd_input::{self, Pixels, winograd_input};
use crate::kernels::conv::winograd::winograd_output::{self, winograd_output};
use crate::kernels::conv::winograd::winograd_weight::{self, winograd_weight};
use crate::kernels::conv::winograd::{ELEMENTS, TILE, TileGrid};
use crate::kernels::layout::{Layout, Storage};
use crate::kernels::matmul::copy_lines::copy_lines;
use crate::kernels::stores::Stores;
use crate::ops::conv::channels_last::QUAD;
use crate::ops::conv::columns;
use crate::ops::conv::packed_matrix::PackedMatrix;
use crate::ops::conv::strips::{self, Strip, StripPlanes};
use crate::ops::matmul::product::{self, Elements, Output, Product, product};
use crate::ops::packing::{Packed, Packing};
use crate::ops::plan::{Argument, bindable, in_pieces, pieces};
use crate::ops::planes::copied;

/// The tiles of a strip, input and sums, take about this many bytes, or are one row: few enough to stay in caches. What is copied into textures takes as many
/// once more.
const STRIP_BYTES: u64 = 6 << 20;

/// Output channels that winograd_output writes together.
const TOGETHER: u32 = 4;

/// Compiles what a plan of one pixel does not.
pub(crate) fn compile_all(gpu: &Gpu) -> Result<()> {
    let dtypes = [DType::F32, DType::F16];
    dtypes.into_iter().try_for_each(|dtype| compile(gpu, Layout::Panels, [dtype; 2]))
}

fn compile(gpu: &Gpu, layout: Layout, [data, weight]: [DType; 2]) -> Result<()> {
    gpu.compile::<winograd_weight::Kernel>((weight.into(), layout))?;
    gpu.compile::<winograd_input::Kernel>(Pixels::from(Storage::from(data)))?;
    if layout == Layout::Panels && data == DType::F32 {
        gpu.compile::<winograd_input::Kernel>(Pixels::Texels)?;
    }
    let stores = Stores::all().into_iter();
    stores
        .map(|stores| ((data.into(), layout), (stores, Ending::Bounds)))
        .try_for_each(|axes| gpu.compile::<winograd_output::Kernel>(axes))
}

/// Refuses a problem that tiles are not for, or that is too large for them on the device.
pub(super) fn check(gpu: &Gpu, problem: &Problem) -> Result<()> {
    Tiling::of(gpu, problem).map(drop)
}

/// Whether tiles are faster than columns on adapters that run on the CPU: of 32 channels to 64 they take 0.9 of the time, of 32 to 32, which fill half a tile
/// of the products, 1.25. The batch makes no difference, so that an image's bits are the same in any.
pub(super) fn pays(gpu: &Gpu, problem: &Problem) -> bool {
    let g = &problem.geometry;
    let Im2colGeometry { out_height, out_width, .. } = g.im2col;
    let filled = |extent: u32| u64::from(extent.next_multiple_of(TILE));
    gpu.capabilities().textures()
        && g.group_channels() >= 32
        && g.group_out_channels() > 32
        && g.im2col.out_pixels() >= 256
        && 2 * filled(out_height) * filled(out_width) <= 3 * u64::from(g.im2col.out_pixels())
        && check(gpu, problem).is_ok()
}

/// How images are cut into tiles, and what makes a strip: some images, or some rows of tiles of one.
#[derive(Debug, Clone, Copy)]
struct Tiling {
    layout: Layout,
    /// Quads of a group's channels, and of its output channels.
    quads: u32,
    out_quads: u32,
    /// Rows of tiles of an image, and tiles of a row.
    rows: u32,
    row_tiles: u32,
    strip_images: u32,
    strip_rows: u32,
}

impl Tiling {
    /// # Errors
    /// [`Error::Unsupported`] where the window is another than that of tiles, and where the device is too small for the weight, a group's planes of an
    /// image, or a row of tiles.
    fn of(gpu: &Gpu, problem: &Problem) -> Result<Self> {
        check_window(problem)?;
        let geometry = &problem.geometry;
        let g @ Im2colGeometry { batch, height, width, out_height, out_width, .. } = geometry.im2col;
        let layout = columns::layout(gpu, &g, geometry.groups, None, geometry.out_channels);
        let most = match layout {
            Layout::Rows => bindable(gpu),
            Layout::Panels => Texture::most_bytes(gpu, Texel::Quad),
        };
        let mut tiling = Self {
            layout,
            quads: geometry.group_channels().div_ceil(4),
            out_quads: geometry.group_out_channels().div_ceil(4),
            rows: out_height.div_ceil(TILE),
            row_tiles: out_width.div_ceil(TILE),
            strip_images: 1,
            strip_rows: 1,
        };
        let matrices = QUAD * u64::from(ELEMENTS) * u64::from(geometry.groups);
        let fits = |tiling: &Self| {
            // In a buffer, and in panels in a texture too.
            let most = bindable(gpu).min(most);
            matrices * tiling.tiles() * u64::from(tiling.quads) <= most && matrices * tiling.sums_batch() <= most
        };
        let weight = matrices * layout.filled_rows(geometry.group_out_channels()) * u64::from(tiling.quads);
        let planes = u64::from(geometry.group_channels()) * u64::from(height) * u64::from(width);
        let grid = TileGrid { group_quads: tiling.quads, ..Default::default() };
        let params = winograd_output::Params { grid, ..Default::default() };
        if let Err(Unfit::TooLarge { error, .. }) = gpu.capabilities().check_iterations("weight", params.iterations()) {
            return Err(Error::Unsupported(error.to_string()));
        }
        if weight > most || planes * problem.dtypes[0].size() > bindable(gpu) || !fits(&tiling) {
            let message = format!(
                "input is {} and weight {}: more than winograd binds at once on this device",
                geometry.input_shape(),
                geometry.weight_shape()
            );
            return Err(Error::Unsupported(message));
        }
        let tile = matrices * u64::from(tiling.quads + tiling.out_quads);
        let suits = |tiling: &Self| tiling.tiles() * tile <= STRIP_BYTES && fits(tiling);
        let of_rows = |strip_rows| Self { strip_rows, ..tiling };
        let rows = (1..=tiling.rows).take_while(|&rows| rows == 1 || suits(&of_rows(rows)));
        // Those that leave least of the products' tiles empty, of these the most.
        tiling.strip_rows = rows.min_by_key(|&rows| (tiling.rows_multiplied(rows), Reverse(rows))).unwrap_or(1);
        if tiling.strip_rows == tiling.rows {
            let of_images = |strip_images| Self { strip_images, ..tiling };
            let images = (1..=batch.max(1)).take_while(|&images| images == 1 || suits(&of_images(images)));
            tiling.strip_images = images.last().unwrap_or(1);
        }
        Ok(tiling)
    }

    /// The rows that products multiply for an image, in their tiles of 16, in strips of so many rows of tiles.
    fn rows_multiplied(&self, strip_rows: u32) -> u64 {
        let filled = |rows: u32| (u64::from(rows) * u64::from(self.row_tiles)).next_multiple_of(16);
        u64::from(self.rows / strip_rows) * filled(strip_rows) + filled(self.rows % strip_rows)
    }

    /// The tiles of a strip.
    fn tiles(&self) -> u64 {
        u64::from(self.strip_images) * u64::from(self.strip_rows) * u64::from(self.row_tiles)
    }

    /// Quads of the sums of an element of a group's tiles: an odd number of lines of a cache, so that those of all elements are not in the same sets.
    fn sums_batch(&self) -> u64 {
        4 * ((self.tiles() * u64::from(self.out_quads)).div_ceil(4) | 1)
    }
}

fn check_window(problem: &Problem) -> Result<()> {
    if problem.deformation.is_some() {
        return Err(Error::Unsupported("the convolution is deformable; winograd is for plain ones".to_string()));
    }
    let Im2col { kernel, stride, dilation, .. } = problem.geometry.im2col.window;
    for (name, has, needs) in [("weight", kernel, 3), ("stride", stride, 1), ("dilation", dilation, 1)] {
        if has != [needs; 2] {
            let [down, across] = has;
            return Err(Error::Unsupported(format!(
                "{name} is {down} x {across}; winograd is for a kernel of 3 x 3, stride 1 and dilation 1"
            )));
        }
    }
    Ok(())
}

/// A weight as it is multiplied, and as columns have it.
#[derive(Debug, Clone)]
pub(crate) struct WinogradWeight {
    /// (element of a tile, group), output channel of the group, quad of channels.
    transformed: PackedMatrix,
    /// Output channels of a group, by tap and quad.
    pub(crate) packed: PackedMatrix,
}

/// A plain convolution by tiles.
pub(crate) struct WinogradConvolution {
    geometry: Conv2dGeometry,
    data: DType,
    tiling: Tiling,
    /// The convolution by columns, which packs the weight.
    columns: Im2colConvolution,
    pub(super) packing: Packing,
}

impl WinogradConvolution {
    /// Plans a convolution.
    ///
    /// # Errors
    /// The same as of [`check`].
    pub(crate) fn new(gpu: &Gpu, problem: &Problem) -> Result<Self> {
        let &Problem { geometry, dtypes, .. } = problem;
        let tiling = Tiling::of(gpu, problem)?;
        let columns = Im2colConvolution::packing_only(gpu, geometry, None, dtypes)?;
        compile(gpu, tiling.layout, dtypes)?;
        product::compile_packed(gpu)?;
        strips::compile(gpu, TOGETHER, geometry.im2col.out_pixels())?;
        let packing = Packing::of_convolution(Strategy::Winograd, tiling.layout, &geometry, None);
        Ok(Self { geometry, data: dtypes[0], tiling, columns, packing })
    }

    /// Matrices of a group's channels of so many rows, one for each element of a tile and group.
    fn matrices(&self, rows: u32) -> [u32; 3] {
        [ELEMENTS * self.geometry.groups, rows, self.tiling.quads]
    }

    /// Records the transform of a weight into a tensor of its own.
    pub(crate) fn pack_weight(&self, recorder: &mut Recorder, weight: &Tensor) -> Result<Packed> {
        let packed = self.memory(|shape| PackedMatrix::new(recorder.gpu(), self.tiling.layout, shape))?;
        recorder.op(|recorder| self.pack_into(recorder, weight, &packed))?;
        Ok(Packed::Winograd(packed))
    }

    /// Whether a weight was packed for columns alone.
    pub(crate) fn is_by_columns(&self, weight: Argument) -> bool {
        matches!(weight, Argument::Packed(packed) if packed.packing == self.packing.by(Strategy::Im2col))
    }

    /// The transformed weight: given so, or transformed now, into workspace.
    pub(crate) fn weight(&self, recorder: &mut Recorder, weight: Argument) -> Result<WinogradWeight> {
        match weight {
            Argument::Tensor(plain) => {
                let packed = self.memory(|shape| PackedMatrix::workspace(recorder, self.tiling.layout, shape))?;
                self.pack_into(recorder, plain, &packed)?;
                Ok(packed)
            }
            Argument::Packed(packed) => packed.packed_for(self.packing)?.winograd(),
        }
    }

    fn memory(&self, mut matrix: impl FnMut([u32; 3]) -> Result<PackedMatrix>) -> Result<WinogradWeight> {
        let rows = self.geometry.group_out_channels();
        let transformed = matrix(self.matrices(rows))?;
        Ok(WinogradWeight { transformed, packed: matrix(self.columns.packed_shape(rows))? })
    }

    fn pack_into(&self, recorder: &mut Recorder, weight: &Tensor, packed: &WinogradWeight) -> Result<()> {
        let g = &self.geometry;
        let group_rows = g.group_out_channels();
        self.columns.pack_into(recorder, weight, &packed.packed, group_rows)?;
        let variant = (self.tiling.layout, weight.dtype());
        let transformed = packed.transformed.binding("weight")?;
        self.columns.weight_pieces(recorder, weight, group_rows, &mut |recorder, piece, weight| {
            let made = u64::from(piece.rows.end - piece.rows.start) * u64::from(ELEMENTS * 4 * self.tiling.quads);
            if piece.rows.end - piece.rows.start > 1 {
                recorder.gpu().capabilities().check_elements("weight", made)?;
            }
            let params = winograd_weight::Params {
                out_channel_first: piece.rows.start,
                rows: piece.rows.end - piece.rows.start,
                groups: g.groups,
                group_rows,
                group_channels: g.group_channels(),
                group_quads: self.tiling.quads,
                ..Default::default()
            };
            winograd_weight(recorder, variant, params, [weight, &transformed])
        })
    }

    /// Records the convolution with a transformed weight.
    pub(crate) fn forward(
        &self,
        recorder: &mut Recorder,
        input: &Tensor,
        weight: &WinogradWeight,
        (bias, activation): (Option<&Tensor>, Activation),
        output: &Tensor,
    ) -> Result<()> {
        let Im2colGeometry { batch, out_height, out_width, .. } = self.geometry.im2col;
        if batch == 0 {
            return Ok(());
        }
        let Tiling { rows, row_tiles, strip_images, strip_rows, .. } = self.tiling;
        let made = PackedMatrix::workspace(recorder, Layout::Rows, self.matrices(self.tiling.tiles() as u32))?;
        let sums = recorder.workspace([ELEMENTS * self.geometry.groups, self.tiling.sums_batch() as u32, 4])?;
        for images in pieces(0..batch, strip_images) {
            for rows in pieces(0..rows, strip_rows) {
                let pixels = match images.end - images.start {
                    1 => rows.start * TILE * out_width..rows.end.saturating_mul(TILE).min(out_height) * out_width,
                    _ => Strip::whole(images.clone(), self.geometry.im2col.out_pixels()).pixels,
                };
                let tiles = (images.end - images.start) * (rows.end - rows.start) * row_tiles;
                let strip = Strip { images: images.clone(), pixels };
                let call = Call { convolution: self, input, strip: &strip, first: rows.start * row_tiles, tiles };
                let made = made.with_rows(tiles);
                call.transform(recorder, &made)?;
                call.multiply(recorder, &made, &weight.transformed, &sums)?;
                StripPlanes::write(recorder, output.into(), &strip, TOGETHER, |recorder, output| {
                    call.transform_back(recorder, (&sums, &weight.packed, bias), activation, output)
                })?;
            }
        }
        Ok(())
    }
}

/// A strip of a convolution.
struct Call<'a> {
    convolution: &'a WinogradConvolution,
    input: &'a Tensor,
    strip: &'a Strip,
    /// The first tile, counted over the images of the strip, and how many there are.
    first: u32,
    tiles: u32,
}

impl Call<'_> {
    /// The images of the strip, counted from its first, and the tiles that each has in it.
    fn images(&self) -> (Range<u32>, u32) {
        let images = self.strip.images.end - self.strip.images.start;
        (0..images, self.tiles / images)
    }

    /// The first element of a channel of an image of the strip.
    fn element(&self, image: u32, channel: u32) -> u64 {
        let Im2colGeometry { channels, height, width, .. } = self.convolution.geometry.im2col;
        (u64::from(self.strip.images.start + image) * u64::from(channels) + u64::from(channel))
            * u64::from(height * width)
    }

    /// The grid of a dispatch that does some quads of some images, and reads some of their channels, whose binding comes with it.
    fn grid(&self, images: &Range<u32>, quads: &Range<u32>, channels: &Range<u32>) -> Fit<(TileGrid, Binding)> {
        let WinogradConvolution { geometry: g, tiling, .. } = self.convolution;
        let Im2colGeometry { channels: all, height, width, out_height, out_width, window, .. } = g.im2col;
        let plane = height * width;
        let start = self.element(images.start, channels.start);
        let input = self.input.binding("input", start..self.element(images.end - 1, channels.end))?;
        let (_, image_tiles) = self.images();
        let grid = TileGrid {
            tile_first: self.first + images.start * image_tiles,
            tiles: (images.end - images.start) * image_tiles,
            strip_first: self.first,
            strip_tiles: self.tiles,
            image_tiles: tiling.rows * tiling.row_tiles,
            row_tiles: tiling.row_tiles,
            height,
            width,
            out_height,
            out_width,
            padding_top: window.padding[0],
            padding_left: window.padding[1],
            groups: g.groups,
            group_channels: g.group_channels(),
            group_quads: tiling.quads,
            quad_first: quads.start,
            quads: quads.end - quads.start,
            // Of the strip's first image and channel 0, wraps.
            input_first: input.first.wrapping_add(self.element(0, 0).wrapping_sub(start) as u32),
            input_image: all * plane,
            input_plane: plane,
        };
        Ok((grid, input))
    }

    /// Records the transform of the images, in as many pieces as these need to be bound.
    fn transform(&self, recorder: &mut Recorder, made: &PackedMatrix) -> Result<()> {
        let WinogradConvolution { geometry: g, tiling, data, .. } = self.convolution;
        let made = made.binding("input")?;
        let (images, _) = self.images();
        in_pieces([images, 0..g.groups * tiling.quads], &mut |[images, quads]| {
            let channels = lanes(quads, tiling.quads, g.group_channels());
            let (grid, input) = self.grid(images, quads, &channels)?;
            if images.end - images.start > 1 || quads.end - quads.start > 1 {
                recorder.gpu().capabilities().check_elements("input", grid.elements())?;
            }
            let record = |recorder: &mut Recorder| {
                let (grid, input, texels) = match self.texels(recorder, grid, images, &channels)? {
                    Some((grid, texture)) => (grid, texture.binding(), true),
                    None => (grid, input, false),
                };
                let params = winograd_input::Params { grid, ..Default::default() };
                winograd_input(recorder, (*data, texels), params, [&input, &made])
            };
            recorder.attempt(record)
        })
    }

    /// The rows of some channels that tiles have pixels of, in a texture, where that can be: conv/winograd/texels.wgsl.
    fn texels(
        &self,
        recorder: &mut Recorder,
        grid: TileGrid,
        images: &Range<u32>,
        channels: &Range<u32>,
    ) -> Fit<Option<(TileGrid, Texture)>> {
        let WinogradConvolution { geometry: g, tiling, data, .. } = self.convolution;
        let TileGrid { height, width, padding_top, padding_left, .. } = grid;
        let (image_count, channel_count) = (images.end - images.start, channels.end - channels.start);
        let whole_images = image_count > 1;
        if tiling.layout != Layout::Panels
            || *data != DType::F32
            || padding_left != 1
            || !width.is_multiple_of(4)
            || whole_images && channel_count != g.im2col.channels
        {
            return Ok(None);
        }
        let row_of = |tile: u32| tile % grid.image_tiles / grid.row_tiles * TILE;
        let rows = if whole_images {
            0..height
        } else {
            let last = row_of(grid.tile_first + grid.tiles - 1);
            let end = (last + TILE + 2).saturating_sub(padding_top).min(height);
            row_of(grid.tile_first).saturating_sub(padding_top).min(end)..end
        };
        let (row_quads, plane) = (width / 4, height * width);
        let lines = Lines {
            texel: Texel::Quad,
            count: image_count * channel_count,
            length: (rows.end - rows.start) * row_quads,
            stride: plane / 4,
            first: 0,
        };
        if lines.length == 0 || !lines.are_copied() {
            return Ok(None);
        }
        let start = self.element(images.start, channels.start) + u64::from(rows.start * width);
        let elements = 4 * (u64::from(lines.count - 1) * u64::from(lines.stride) + u64::from(lines.length));
        let quads = u64::from(lines.count) * u64::from(lines.pitch());
        let input = self.input.binding("input", start..start + elements)?;
        if !input.first.is_multiple_of(4) || QUAD * quads > Texture::most_bytes(recorder.gpu(), Texel::Quad) {
            return Ok(None);
        }
        let texture = recorder.texture(Texel::Quad, quads)?;
        copy_lines(recorder, &input, &texture, lines)?;
        let (input_image, input_plane) = (channel_count * lines.pitch(), lines.pitch());
        let before = images.start * input_image + channels.start * input_plane + rows.start * row_quads;
        Ok(Some((TileGrid { input_first: before.wrapping_neg(), input_image, input_plane, ..grid }, texture)))
    }

    /// Records the products, one for each element of a tile and group.
    fn multiply(
        &self,
        recorder: &mut Recorder,
        made: &PackedMatrix,
        weight: &PackedMatrix,
        sums: &Tensor,
    ) -> Result<()> {
        let WinogradConvolution { geometry: g, tiling, .. } = self.convolution;
        let elements = Elements {
            tensor: sums,
            first: 0,
            batch: 4 * tiling.sums_batch(),
            row: 4 * u64::from(tiling.out_quads),
            column_first: 0,
            plane: g.group_out_channels(),
            plane_stride: 0,
        };
        product(
            recorder,
            Product {
                batch: ELEMENTS * g.groups,
                rows: self.tiles,
                columns: g.group_out_channels(),
                depth: 4 * tiling.quads,
                a: made.along("input"),
                b: weight.along("weight"),
                bias: None,
                accumulate: false,
                activation: Activation::default(),
                output: Output::Elements(elements),
            },
        )
    }

    /// Records the transform of the sums into pixels, in as many pieces as input and output need to be bound.
    fn transform_back(
        &self,
        recorder: &mut Recorder,
        (sums, weight, bias): (&Tensor, &PackedMatrix, Option<&Tensor>),
        activation: Activation,
        output: &StripPlanes,
    ) -> Result<()> {
        let WinogradConvolution { geometry: g, tiling, data, .. } = self.convolution;
        let variant = (*data, tiling.layout);
        let group_rows = g.group_out_channels();
        let weight = weight.binding("weight")?;
        let sums_binding = sums.binding("sums", 0..sums.shape().elements())?;
        let sums = match tiling.layout {
            Layout::Rows => sums_binding,
            Layout::Panels => copied(recorder, &sums_binding, Texel::Quad, sums.shape().elements() / 4)?.binding(),
        };
        let no_bias = recorder.workspace([1])?.binding("bias", 0..1)?;
        let pixels = self.strip.image_pixels();
        // Of image 0, output channel 0 and pixel 0.
        let first = output.elements(&(0..1), &(0..1), &pixels).start.wrapping_sub(pixels.start.into());
        let (images, _) = self.images();
        in_pieces([images, 0..g.groups * tiling.out_quads], &mut |[images, quads]| {
            let groups = quads.start / tiling.out_quads..(quads.end - 1) / tiling.out_quads + 1;
            let channels_of = groups.start * g.group_channels()..groups.end * g.group_channels();
            let (grid, input) = self.grid(images, quads, &channels_of)?;
            let out_channels = lanes(quads, tiling.out_quads, group_rows);
            let elements = output.elements(images, &out_channels, &pixels);
            let output_binding = output.tensor.binding("output", elements.clone())?;
            let bias_binding = match bias {
                Some(bias) => bias.binding("bias", out_channels.start.into()..out_channels.end.into())?,
                None => no_bias.clone(),
            };
            let params = winograd_output::Params {
                grid,
                activation,
                group_rows,
                row_quads: tiling.out_quads,
                sums_batch: tiling.sums_batch() as u32,
                biased: bias.is_some().into(),
                bias_first: bias_binding.first.wrapping_sub(out_channels.start),
                output_first: output_binding.first.wrapping_add(first.wrapping_sub(elements.start) as u32),
                output_image: g.out_channels * output.plane,
                output_plane: output.plane,
                ..Default::default()
            };
            if images.end - images.start > 1 || quads.end - quads.start > 1 {
                recorder.gpu().capabilities().check_elements("output", grid.elements())?;
            }
            winograd_output(recorder, variant, params, [&input, &weight, &bias_binding, &sums, &output_binding])
        })
    }
}

/// The channels of some quads, of which each group has so many, for so many channels.
fn lanes(quads: &Range<u32>, group_quads: u32, group_channels: u32) -> Range<u32> {
    let channel = |quad: u32, lanes: u32| {
        quad / group_quads * group_channels + (quad % group_quads * 4 + lanes).min(group_channels)
    };
    channel(quads.start, 0)..channel(quads.end - 1, 4)
}
