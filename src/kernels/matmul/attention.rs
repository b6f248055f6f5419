use crate::gpu::{Binding, Fit, Iterations, Recorder, Unfit, axis, wgsl};
use crate::kernels::{SUBGROUPS, kernel, params};

kernel!("attention", sharing.invocations(), Params, |sharing: Sharing| [
    if matches!(sharing, Sharing::Workgroup) { &[] } else { SUBGROUPS },
    wgsl!["shared/grid.wgsl", "shared/softmax.wgsl"],
    match sharing {
        Sharing::Subgroup32 => wgsl!["matmul/attention/subgroup.wgsl", "matmul/attention/vector_32.wgsl"],
        Sharing::Subgroup64 => wgsl!["matmul/attention/subgroup.wgsl", "matmul/attention/vector_64.wgsl"],
        Sharing::Workgroup => wgsl!["matmul/attention/workgroup.wgsl"],
    },
    wgsl!["matmul/attention.wgsl"],
]);

/// How invocations share keys and values: by a subgroup's broadcasts, of vectors of 32 or 64 elements, or by workgroup memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    Subgroup32,
    Subgroup64,
    Workgroup,
}

axis!(Sharing { Subgroup32: "subgroup.32", Subgroup64: "subgroup.64", Workgroup: "workgroup" });

impl Sharing {
    fn invocations(self) -> u32 {
        match self {
            Self::Subgroup32 | Self::Subgroup64 => 8,
            Self::Workgroup => 64,
        }
    }

    /// A multiple of the queries that any workgroup does.
    pub(crate) const QUERIES: u32 = 64;

    /// The queries that a workgroup does, of some quads each.
    fn queries(self, quads: u32) -> u32 {
        match self {
            Self::Subgroup32 | Self::Subgroup64 => 32,
            Self::Workgroup => 64 / parts(quads),
        }
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
        match sharing {
            Sharing::Subgroup32 | Sharing::Subgroup64 => {
                let stores = if sharing == Sharing::Subgroup32 { store } else { store + store };
                let keys = Iterations::each(self.keys.div_ceil(4), Iterations::of(4u32));
                Iterations::of(4u32) + keys + Iterations::each(4u32, stores)
            }
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
pub(crate) fn attention(recorder: &mut Recorder, sharing: Sharing, mut params: Params, bindings: [&Binding; 6]) -> Fit {
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
        sharing,
        &params,
        &bindings,
        heads * u64::from(tiles),
        work,
        params.iterations_of(sharing),
    )
}
