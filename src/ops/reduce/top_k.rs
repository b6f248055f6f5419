use std::ops::Range;

use crate::dtype::DType;
use crate::error::Result;
use crate::geometry::{TopK, TopKGeometry, TopKOutputs};
use crate::gpu::{Binding, Fit, Gpu, Recorder, Tensor, TensorSpec, Unfit};
use crate::kernels::order::{NAN_LAST, order};
use crate::kernels::reduce::top_k_gather::{self, top_k_gather};
use crate::kernels::reduce::top_k_keys::{self, top_k_keys};
use crate::kernels::reduce::top_k_tiles::{self, MOST_BITS, top_k_tiles};
use crate::ops::movement::sort::{self, Sort};
use crate::ops::plan::{Argument, Kernels, Plan, bindable, in_pieces};

/// The most elements that tiles find: half a tile, so that each stage of tiles leaves half as many elements at most.
const MOST_OF_TILES: u32 = 1 << (MOST_BITS - 1);

impl Kernels for TopK {
    type Compiled = ();

    fn takes(_: &TopKGeometry, _: &'static str, _: DType) -> bool {
        true
    }

    fn output_dtype(_: &TopKGeometry, output: &'static str, first: DType) -> DType {
        if output == "indices" { DType::I32 } else { first }
    }

    fn compile(gpu: &Gpu, geometry: &TopKGeometry, _: &TensorSpec) -> Result<()> {
        if by_tiles(geometry) {
            gpu.compile::<top_k_tiles::Kernel>(())?;
        } else {
            gpu.compile::<top_k_keys::Kernel>(())?;
            sort::compile(gpu)?;
        }
        gpu.compile::<top_k_gather::Kernel>(())
    }

    fn record(
        plan: &Plan<Self>,
        recorder: &mut Recorder,
        input: &Argument,
        outputs: &TopKOutputs<Tensor>,
    ) -> Result<()> {
        let (geometry, input) = (plan.geometry(), input.tensor()?);
        let [planes, extent, columns] = geometry.rows;
        // Where floats were widened, it is still floats.
        let order = order(input.dtype(), geometry.op.largest) | if geometry.op.largest { 0 } else { NAN_LAST };
        in_pieces([0..planes, 0..columns], &mut |[planes, columns]| {
            let piece = Piece { geometry, order, planes: planes.clone(), columns: columns.clone() };
            // A row that is too large for a dispatch is done all the same.
            let rows = u64::from(piece.rows());
            recorder
                .gpu()
                .capabilities()
                .check_elements("input", if rows > 1 { 16 * rows * u64::from(extent) } else { 0 })?;
            recorder.scratch(|recorder| {
                recorder.all(|recorder| {
                    if by_tiles(geometry) {
                        piece.by_tiles(recorder, input, outputs)
                    } else {
                        piece.sorted(recorder, input, outputs)
                    }
                })
            })
        })
    }

    fn smallest() -> (Self, TensorSpec) {
        (Self::default(), TensorSpec { shape: [1].into(), dtype: DType::F32 })
    }
}

/// Whether tiles find the elements, and else a sort does.
fn by_tiles(geometry: &TopKGeometry) -> bool {
    geometry.op.k <= MOST_OF_TILES || geometry.rows[1] <= 1 << MOST_BITS
}

/// Rows that are done together.
struct Piece<'a> {
    geometry: &'a TopKGeometry,
    order: u32,
    planes: Range<u32>,
    columns: Range<u32>,
}

impl Piece<'_> {
    fn rows(&self) -> u32 {
        (self.planes.end - self.planes.start) * (self.columns.end - self.columns.start)
    }

    /// The binding of a tensor with so many elements along the axis.
    fn binding(&self, name: &'static str, tensor: &Tensor, extent: u32) -> Fit<Binding> {
        let [_, _, columns] = self.geometry.rows;
        let plane = |plane: u32| u64::from(plane) * u64::from(extent) * u64::from(columns);
        let last = u64::from(extent - 1) * u64::from(columns) + u64::from(self.columns.end);
        tensor
            .binding(name, plane(self.planes.start) + u64::from(self.columns.start)..plane(self.planes.end - 1) + last)
    }

    /// Records lists of the first elements of tiles, of tiles of these lists, and so on.
    fn by_tiles(&self, recorder: &mut Recorder, input: &Tensor, outputs: &TopKOutputs<Tensor>) -> Fit {
        let [_, whole, step] = self.geometry.rows;
        let (rows, k) = (self.rows(), self.geometry.op.k);
        let input = self.binding("input", input, whole)?;
        let (mut extent, mut from, mut listed) = (whole, input.clone(), false);
        loop {
            let bits = extent.next_power_of_two().ilog2().min(MOST_BITS);
            let (tiles, kept) = (extent.div_ceil(1 << bits), k.min(1 << bits));
            let words = 2 * u64::from(rows) * u64::from(tiles) * u64::from(kept);
            let most = bindable(recorder.gpu()) / 4;
            if words > most {
                let message = format!("lists of {words} words are needed; the device binds {most} at most");
                return Err(Unfit::too_large("lists", message));
            }
            let lists = recorder.workspace([words as u32])?.binding("lists", 0..words)?;
            let params = top_k_tiles::Params {
                rows,
                columns: self.columns.end - self.columns.start,
                extent,
                plane: whole * step,
                step,
                tiles,
                bits,
                kept,
                order: self.order,
                listed: listed.into(),
                ..Default::default()
            };
            top_k_tiles(recorder, params, [&from, &lists])?;
            (extent, from, listed) = (tiles * kept, lists, true);
            if tiles == 1 {
                // Of a pair the second word.
                let list = top_k_gather::Params { each: 2, list_row: 2 * kept, base: 0, ..Default::default() };
                return self.gather(recorder, list, [&input, &from], 1, outputs);
            }
        }
    }

    /// Records a sort of all elements.
    fn sorted(&self, recorder: &mut Recorder, input: &Tensor, outputs: &TopKOutputs<Tensor>) -> Fit {
        let [_, extent, step] = self.geometry.rows;
        let rows = self.rows();
        let elements = u64::from(rows) * u64::from(extent);
        let most = bindable(recorder.gpu()) / 4;
        if elements > most {
            let message = format!("{elements} elements are sorted together; the device binds {most} at most");
            return Err(Unfit::too_large("keys", message));
        }
        let elements = elements as u32;
        let input = self.binding("input", input, extent)?;
        let sort = Sort::workspace(recorder, elements)?;
        let params = top_k_keys::Params {
            rows,
            columns: self.columns.end - self.columns.start,
            extent,
            plane: extent * step,
            step,
            order: self.order,
            ..Default::default()
        };
        let [keys, values] = sort.unsorted(elements)?;
        top_k_keys(recorder, params, [&input, &keys, &values])?;
        let [keys, mut values] = sort.record(recorder, elements, u32::MAX)?;
        if rows > 1 {
            // Those of a row stay in their order. An even number of passes has left the words where they are sorted from.
            top_k_keys(recorder, top_k_keys::Params { by_row: 1, ..params }, [&input, &keys, &values])?;
            [_, values] = sort.record(recorder, elements, rows - 1)?;
        }
        let list = top_k_gather::Params { each: 1, list_row: extent, base: extent, ..Default::default() };
        self.gather(recorder, list, [&input, &values], 0, outputs)
    }

    /// Records the elements and indices of a list, whose first index is so many words behind its start.
    fn gather(
        &self,
        recorder: &mut Recorder,
        list: top_k_gather::Params,
        [input, from]: [&Binding; 2],
        first: u32,
        outputs: &TopKOutputs<Tensor>,
    ) -> Fit {
        let ([_, extent, step], k) = (self.geometry.rows, self.geometry.op.k);
        let params = top_k_gather::Params {
            planes: self.planes.end - self.planes.start,
            columns: self.columns.end - self.columns.start,
            k,
            plane: extent * step,
            out_plane: k * step,
            step,
            list_first: first,
            ..list
        };
        let values = self.binding("values", &outputs.values, k)?;
        let indices = self.binding("indices", &outputs.indices, k)?;
        top_k_gather(recorder, params, [input, from, &values, &indices])
    }
}
