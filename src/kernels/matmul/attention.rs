use crate::gpu::{Binding, Capabilities, Fit, Iterations, Recorder, Subgroup, Unfit, axis, wgsl};
use crate::kernels::layout::ReadFrom;
use crate::kernels::{SUBGROUPS, kernel, params};

kernel!("attention", sharing.invocations(), Params, |(sharing, addends): (Sharing, ReadFrom)| [
    if sharing.subgroup().is_some() { SUBGROUPS } else { &[] },
    wgsl!["shared/grid.wgsl", "shared/softmax.wgsl"],
    match addends {
        ReadFrom::Buffer => wgsl!["matmul/attention/addends_buffer.wgsl"],
        ReadFrom::Texture => wgsl!["shared/panels/layout.wgsl", "matmul/attention/addends_texture.wgsl"],
    },
    match sharing.subgroup() {
        Some(Subgroup::Of4) => wgsl!["matmul/attention/of_4.wgsl", "matmul/attention/subgroup.wgsl"],
        Some(Subgroup::Of8) => wgsl!["matmul/attention/of_8.wgsl", "matmul/attention/subgroup.wgsl"],
        None => wgsl!["matmul/attention/workgroup.wgsl"],
    },
    match sharing {
        Sharing::Subgroup4Vector32 | Sharing::Subgroup8Vector32 => {
            wgsl!["matmul/attention/vector_32.wgsl", "matmul/attention/rows_4.wgsl"]
        }
        Sharing::Subgroup8Vector32Rows7 =>
            wgsl!["matmul/attention/vector_32.wgsl", "matmul/attention/two_blocks.wgsl", "matmul/attention/rows_7.wgsl",],
        Sharing::Subgroup8Vector32Rows8 =>
            wgsl!["matmul/attention/vector_32.wgsl", "matmul/attention/two_blocks.wgsl", "matmul/attention/rows_8.wgsl",],
        Sharing::Subgroup4Vector64 | Sharing::Subgroup8Vector64 => {
            wgsl!["matmul/attention/vector_64.wgsl", "matmul/attention/rows_4.wgsl"]
        }
        Sharing::Workgroup => &[],
    },
    wgsl!["matmul/attention.wgsl"],
]);

/// How invocations share keys and values: by a subgroup's broadcasts, of vectors of 32 or 64 elements, or by workgroup memory. Those of a subgroup do
/// four queries each, seven or eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    Subgroup4Vector32,
    Subgroup4Vector64,
    Subgroup8Vector32,
    Subgroup8Vector32Rows7,
    Subgroup8Vector32Rows8,
    Subgroup8Vector64,
    Workgroup,
}

axis!(Sharing {
    Subgroup4Vector32: "subgroup.4.32",
    Subgroup4Vector64: "subgroup.4.64",
    Subgroup8Vector32: "subgroup.8.32",
    Subgroup8Vector32Rows7: "subgroup.8.32.rows_7",
    Subgroup8Vector32Rows8: "subgroup.8.32.rows_8",
    Subgroup8Vector64: "subgroup.8.64",
    Workgroup: "workgroup",
});

impl Sharing {
    /// How those of so many queries are shared, queries and keys of some elements, values of others.
    pub(crate) fn of(capabilities: &Capabilities, queries: u32, elements: [u32; 2]) -> Self {
        let short = elements.iter().all(|elements| *elements <= 32);
        match (capabilities.cpu_subgroup(), short) {
            (Some(Subgroup::Of8), true) => {
                let variants = [Self::Subgroup8Vector32Rows8, Self::Subgroup8Vector32Rows7, Self::Subgroup8Vector32];
                variants.into_iter().min_by_key(|variant| variant.cost(queries)).unwrap_or(Self::Subgroup8Vector32)
            }
            (Some(Subgroup::Of4), true) => Self::Subgroup4Vector32,
            (Some(Subgroup::Of4), false) => Self::Subgroup4Vector64,
            (Some(Subgroup::Of8), false) => Self::Subgroup8Vector64,
            (None, _) => Self::Workgroup,
        }
    }

    fn subgroup(self) -> Option<Subgroup> {
        match self {
            Self::Subgroup4Vector32 | Self::Subgroup4Vector64 => Some(Subgroup::Of4),
            Self::Subgroup8Vector32
            | Self::Subgroup8Vector32Rows7
            | Self::Subgroup8Vector32Rows8
            | Self::Subgroup8Vector64 => Some(Subgroup::Of8),
            Self::Workgroup => None,
        }
    }

    fn invocations(self) -> u32 {
        self.subgroup().map_or(64, Subgroup::invocations)
    }

    /// The queries of an invocation of a subgroup.
    fn rows(self) -> u32 {
        match self {
            Self::Subgroup8Vector32Rows8 => 8,
            Self::Subgroup8Vector32Rows7 => 7,
            _ => 4,
        }
    }

    /// The cost of a key to all queries: an invocation's take five each, loading it eight, by counts of instructions.
    fn cost(self, queries: u32) -> u64 {
        u64::from(queries.div_ceil(self.rows() * self.invocations())) * u64::from(5 * self.rows() + 8)
    }

    /// Pieces begin at multiples of these.
    pub(crate) const QUERIES: u32 = 64;

    /// The queries that a workgroup does, of some quads each.
    fn queries(self, quads: u32) -> u32 {
        self.subgroup().map_or(64 / parts(quads), |subgroup| self.rows() * subgroup.invocations())
    }
}

/// The parts of eight quads that a vector of up to sixteen has.
fn parts(quads: u32) -> u32 {
    quads.div_ceil(8)
}

params!(
    /// Vectors in quads: shaders/matmul/attention.wgsl.
    struct Operand {
        first,
        batch,
        head,
        row,
    }
);

params!(
    /// Addends of scores: shaders/matmul/attention.wgsl.
    struct Addend {
        batch,
        head,
        row,
        column,
    }
);

params!(
    query: Operand,
    key: Operand,
    value: Operand,
    output: Operand,
    bias: Addend,
    mask: Addend,
    bias_first,
    mask_first,
    batch,
    heads,
    queries,
    keys,
    quads,
    value_quads,
    parts,
    scale: f32,
    biased,
    masked,
);

impl Params {
    /// The iterations of a variant's loops.
    pub(crate) fn iterations_of(&self, sharing: Sharing) -> Iterations {
        let store = Iterations::of(8u32);
        let by_subgroups = |stores| {
            let keys = Iterations::each(self.keys.div_ceil(4), Iterations::of(4u32));
            Iterations::of(sharing.rows()) + keys + Iterations::each(sharing.rows(), stores)
        };
        match sharing {
            Sharing::Subgroup4Vector32
            | Sharing::Subgroup8Vector32
            | Sharing::Subgroup8Vector32Rows7
            | Sharing::Subgroup8Vector32Rows8 => by_subgroups(store),
            Sharing::Subgroup4Vector64 | Sharing::Subgroup8Vector64 => by_subgroups(store + store),
            Sharing::Workgroup => {
                let at_once = 32 / self.parts;
                let keys = (0..3).fold(Iterations::of(4u32), |all, _| all + Iterations::of(at_once));
                Iterations::of(1u32)
                    + Iterations::each(self.keys.div_ceil(at_once), keys)
                    + Iterations::each(1u32, store)
            }
        }
    }
}

/// Records the attention of some heads; bindings are those of query, key, value, bias, mask and output.
pub(crate) fn attention(
    recorder: &mut Recorder,
    axes @ (sharing, _): (Sharing, ReadFrom),
    mut params: Params,
    bindings: [&Binding; 6],
) -> Fit {
    let [query, key, value, bias, mask, output] = bindings;
    let quads = [&mut params.query, &mut params.key, &mut params.value, &mut params.output];
    for (operand, binding) in quads.into_iter().zip([query, key, value, output]) {
        operand.first = binding.first / 4;
    }
    (params.bias_first, params.mask_first) = (bias.first, mask.first);
    let quads = params.quads.max(params.value_quads);
    params.parts = if sharing == Sharing::Workgroup { parts(quads) } else { 1 };
    let tiles = params.queries.div_ceil(sharing.queries(quads));
    let heads = u64::from(params.batch) * u64::from(params.heads);
    let products = heads * u64::from(params.queries) * u64::from(params.keys);
    let work = products.saturating_mul(4 * u64::from(params.quads + params.value_quads));
    let most = recorder.gpu().capabilities().work_per_dispatch();
    if work > most && (heads > 1 || params.queries > Sharing::QUERIES) {
        let message = format!("the attention takes {work} units of work; a dispatch takes {most} at most");
        return Err(Unfit::too_large("query", message));
    }
    recorder.dispatch_workgroups::<Kernel>(
        axes,
        &params,
        &bindings,
        heads * u64::from(tiles),
        work,
        params.iterations_of(sharing),
    )
}
