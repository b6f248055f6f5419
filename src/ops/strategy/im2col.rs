//! Convolution by columns: pack the images channels last, and for each strip of output pixels make the columns and multiply.

use super::super::columns::{Columns, Sampler};
use super::super::matmul::{self, Matrix, Output, Product};
use super::super::pieces;
use crate::error::{Error, Result};
use crate::geometry::{Conv2dGeometry, Deformation};
use crate::gpu::{Gpu, Recorder, Tensor};
use crate::kernels::columns::ColumnsLayout;
use crate::kernels::pack_weight;

/// The columns of a strip take about this many bytes: few enough to stay in a cache, enough to keep a device busy.
const STRIP_BYTES: u64 = 10 << 20;

/// A convolution, plain or deformable, by columns.
pub(in crate::ops) struct Im2colConvolution {
    geometry: Conv2dGeometry,
    columns: Columns,
}

impl Im2colConvolution {
    pub(in crate::ops) fn new(gpu: &Gpu, geometry: Conv2dGeometry, deformation: Option<Deformation>) -> Result<Self> {
        let columns = Columns::new(gpu, geometry.im2col, geometry.groups, deformation, ColumnsLayout::Quads)?;
        let packed_weight = u64::from(geometry.out_channels) * depth(&geometry, &columns) * 4;
        let most = gpu.capabilities().max_binding();
        if packed_weight > most {
            let message = format!("the packed weight takes {packed_weight} bytes; the device binds {most} at most");
            return Err(Error::limit("weight", message));
        }
        gpu.compile(&pack_weight::PACK_WEIGHT)?;
        matmul::compile(gpu)?;
        Ok(Self { geometry, columns })
    }

    pub(in crate::ops) fn forward(
        &self,
        recorder: &mut Recorder,
        sampler: &Sampler,
        weight: &Tensor,
        bias: Option<&Tensor>,
        output: &Tensor,
    ) -> Result<()> {
        let (g, im2col) = (&self.geometry, &self.geometry.im2col);
        if im2col.batch == 0 {
            return Ok(());
        }
        let out_pixels = im2col.out_pixels();
        let depth = depth(g, &self.columns);
        let weight_elements = u64::from(g.out_channels) * depth;

        let chunk = self.columns.images_per_chunk(recorder.gpu());
        let strip = self.columns.strip_pixels(recorder.gpu(), chunk, STRIP_BYTES);
        let packed = self.columns.packed(recorder, chunk)?;
        let columns = recorder.workspace([strip, g.groups, depth as u32])?;
        let packed_weight = recorder.workspace([g.out_channels, depth as u32])?;

        pack_weight::pack_weight(
            recorder,
            pack_weight::Params {
                out_channels: g.out_channels,
                group_out_channels: g.group_out_channels(),
                group_channels: g.group_channels(),
                taps: im2col.taps(),
                quads_per_group: self.columns.quads_per_group(),
                ..Default::default()
            },
            [
                &weight.part("weight", 0..weight.shape().elements())?,
                &self.columns.channel_quads(),
                &packed_weight.part("weight", 0..weight_elements)?,
            ],
        )?;
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
                            tensor: &packed_weight,
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
fn depth(geometry: &Conv2dGeometry, columns: &Columns) -> u64 {
    u64::from(geometry.im2col.taps()) * u64::from(columns.quads_per_group()) * 4
}
