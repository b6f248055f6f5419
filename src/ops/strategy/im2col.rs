//! Convolution by columns: pack the images channels last, and for each strip of output pixels make the columns and multiply.

use super::super::columns::{Columns, Sampler};
use super::super::convert::widened;
use super::super::matmul::{self, Matrix, Output, Product};
use super::super::weight::{PackedWeight, Packing, Weight};
use super::super::{bindable, pieces};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{Conv2dGeometry, Deformation};
use crate::gpu::{Gpu, Recorder, Tensor};
use crate::kernels::columns::ColumnsLayout;
use crate::kernels::pack_weight;

/// The columns of a strip take about this many bytes: few enough to stay in a cache, enough to keep a device busy.
const STRIP_BYTES: u64 = 10 << 20;

/// A convolution, plain or deformable, by columns.
pub(in crate::ops) struct Im2colConvolution {
    pub(super) geometry: Conv2dGeometry,
    pub(super) columns: Columns,
    packing: Packing,
}

impl Im2colConvolution {
    pub(in crate::ops) fn new(gpu: &Gpu, geometry: Conv2dGeometry, deformation: Option<Deformation>) -> Result<Self> {
        let columns = Columns::new(gpu, geometry.im2col, geometry.groups, deformation, ColumnsLayout::Quads)?;
        gpu.compile(&pack_weight::PACK_WEIGHT)?;
        matmul::compile(gpu)?;
        let offset_groups = deformation.map_or(1, |deformation| deformation.offset_groups);
        Ok(Self { geometry, columns, packing: Packing { groups: geometry.groups, offset_groups } })
    }

    /// Records the packing of a weight into a tensor of its own.
    pub(in crate::ops) fn pack_weight(&self, recorder: &mut Recorder, weight: &Tensor) -> Result<PackedWeight> {
        let packed = Tensor::new(recorder.gpu(), self.packed_shape(), DType::F32)?;
        recorder.op(|recorder| self.pack_into(recorder, weight, &packed))?;
        Ok(PackedWeight { spec: weight.spec(), packing: self.packing, packed })
    }

    /// The packed weight: given so, or packed now, into workspace.
    pub(in crate::ops) fn weight(&self, recorder: &mut Recorder, weight: Weight) -> Result<Tensor> {
        match weight {
            Weight::Plain(plain) => {
                let packed = recorder.workspace(self.packed_shape())?;
                self.pack_into(recorder, plain, &packed)?;
                Ok(packed)
            }
            Weight::Packed(PackedWeight { packing, packed, .. }) => {
                let (has, needs) = (packing, self.packing);
                if *has != needs {
                    let message = format!(
                        "weight was packed for {} groups and {} offset groups; the plan has {} and {}",
                        has.groups, has.offset_groups, needs.groups, needs.offset_groups
                    );
                    return Err(Error::attribute("weight", message));
                }
                Ok(packed.clone())
            }
        }
    }

    fn packed_shape(&self) -> [u32; 2] {
        [self.geometry.out_channels, depth(&self.geometry, &self.columns) as u32]
    }

    fn pack_into(&self, recorder: &mut Recorder, weight: &Tensor, packed: &Tensor) -> Result<()> {
        let weight = widened(recorder, weight)?;
        let g = &self.geometry;
        let [row, packed_row] = [&weight, packed].map(|tensor| tensor.shape().elements() / u64::from(g.out_channels));
        let most = (bindable(recorder.gpu()) / 4).min(recorder.gpu().capabilities().elements_per_dispatch());
        let some = (most / packed_row).clamp(1, g.out_channels.into()) as u32;
        for out_channels in pieces(0..g.out_channels, some) {
            let part = |tensor: &Tensor, row: u64| {
                tensor.part("weight", u64::from(out_channels.start) * row..u64::from(out_channels.end) * row)
            };
            let params = pack_weight::Params {
                out_channel_first: out_channels.start,
                out_channels: out_channels.end - out_channels.start,
                group_out_channels: g.group_out_channels(),
                group_channels: g.group_channels(),
                taps: g.im2col.taps(),
                quads_per_group: self.columns.quads_per_group(),
                ..Default::default()
            };
            let parts = [&part(&weight, row)?, &self.columns.channel_quads(), &part(packed, packed_row)?];
            pack_weight::pack_weight(recorder, params, parts)?;
        }
        Ok(())
    }

    /// Records the convolution with a packed weight.
    pub(in crate::ops) fn forward(
        &self,
        recorder: &mut Recorder,
        sampler: &Sampler,
        packed_weight: &Tensor,
        bias: Option<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let (g, im2col) = (&self.geometry, &self.geometry.im2col);
        if im2col.batch == 0 {
            return Ok(());
        }
        let out_pixels = im2col.out_pixels();
        let depth = depth(g, &self.columns);

        let chunk = self.columns.images_per_chunk(recorder.gpu());
        let strip = self.columns.strip_pixels(recorder.gpu(), chunk, STRIP_BYTES);
        let packed = self.columns.packed(recorder, chunk)?;
        let columns = recorder.workspace([strip, g.groups, depth as u32])?;
        for images in pieces(0..im2col.batch, chunk) {
            self.columns.pack(recorder, sampler.input, images.clone(), &packed)?;
            let image_pixels = (images.end - images.start) * out_pixels;
            for pixels in pieces(0..image_pixels, strip) {
                let strip_pixels = pixels.end - pixels.start;
                let elements = u64::from(strip_pixels) * u64::from(g.groups) * depth;
                let part = columns.part("columns", 0..elements)?;
                self.columns.sample(recorder, sampler, images.clone(), pixels.clone(), &packed, &part)?;
                matmul::product(
                    recorder,
                    Product {
                        batch: g.groups,
                        rows: g.group_out_channels(),
                        columns: strip_pixels,
                        depth: depth as u32,
                        a: Matrix {
                            argument: "weight",
                            tensor: packed_weight,
                            first: 0,
                            batch: u64::from(g.group_out_channels()) * depth,
                            row: depth,
                            column: 1,
                        },
                        b: Matrix {
                            argument: "columns",
                            tensor: &columns,
                            first: 0,
                            batch: u64::from(strip_pixels) * depth,
                            row: 1,
                            column: depth,
                        },
                        bias: bias.map(|bias| (bias, 0, g.group_out_channels())),
                        accumulate: false,
                        output: Output {
                            tensor: output,
                            first: u64::from(images.start) * u64::from(g.out_channels) * u64::from(out_pixels),
                            batch: u64::from(g.group_out_channels()) * u64::from(out_pixels),
                            row: out_pixels.into(),
                            column_first: pixels.start,
                            block: out_pixels,
                            block_stride: u64::from(g.out_channels) * u64::from(out_pixels),
                        },
                    },
                )?;
            }
        }
        Ok(())
    }
}

/// Elements of one group's row of the columns, and of a row of the packed weight.
pub(super) fn depth(geometry: &Conv2dGeometry, columns: &Columns) -> u64 {
    u64::from(geometry.im2col.taps()) * u64::from(columns.quads_per_group()) * 4
}
