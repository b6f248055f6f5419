use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::{SUBGROUPS, kernel, params};

kernel!("attention", sharing.invocations(), Params, |(sharing, length): (Sharing, Length)| [
    if matches!(sharing, Sharing::Subgroup) { SUBGROUPS } else { &[] },
    wgsl!["shared/grid.wgsl", "shared/softmax.wgsl"],
    match sharing {
        Sharing::Subgroup => wgsl!["matmul/attention/subgroup.wgsl"],
        Sharing::Workgroup => wgsl!["matmul/attention/workgroup.wgsl"],
    },
    match length {
        Length::To32 => wgsl!["matmul/attention/vector_32.wgsl"],
        Length::To64 => wgsl!["matmul/attention/vector_64.wgsl"],
    },
    wgsl!["matmul/attention.wgsl"],
]);

/// How invocations share keys and values: by a subgroup's broadcasts, or by workgroup memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    Subgroup,
    Workgroup,
}

axis!(Sharing { Subgroup: "subgroup", Workgroup: "workgroup" });

/// The elements that a query, a key or a value has at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    To32,
    To64,
}

axis!(Length { To32: "32", To64: "64" });

impl Sharing {
    fn invocations(self) -> u32 {
        match self {
            Self::Subgroup => 8,
            Self::Workgroup => 64,
        }
    }

    /// The queries of an invocation.
    fn rows(self) -> u32 {
        match self {
            Self::Subgroup => 4,
            Self::Workgroup => 1,
        }
    }

    /// The keys that are made ready at once.
    fn ready(self) -> u32 {
        match self {
            Self::Subgroup => 4,
            Self::Workgroup => 16,
        }
    }
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
    scale: f32,
    biased,
    masked,
);

impl Params {
    /// The iterations of a variant's loops.
    pub(crate) fn iterations_of(&self, (sharing, length): (Sharing, Length)) -> Iterations {
        let eights = match length {
            Length::To32 => 1u32,
            Length::To64 => 2,
        };
        let ready = match sharing {
            Sharing::Subgroup => Iterations::NONE,
            Sharing::Workgroup => Iterations::of((sharing.ready() * 8 * eights).div_ceil(sharing.invocations())),
        };
        // Scores and values of four keys.
        let four = Iterations::of(4u32) + Iterations::of(4u32);
        let keys = ready + Iterations::each(sharing.ready() / 4, four);
        let stores = (0..eights).map(|_| Iterations::of(8u32)).fold(Iterations::NONE, |all, one| all + one);
        Iterations::of(sharing.rows())
            + Iterations::each(self.keys.div_ceil(sharing.ready()), keys)
            + Iterations::each(sharing.rows(), stores)
    }
}

impl Loops for Params {}

/// Records the attention of some heads; bindings are those of query, key, value, bias, mask and output.
pub(crate) fn attention(
    recorder: &mut Recorder,
    axes @ (sharing, _): (Sharing, Length),
    mut params: Params,
    bindings: [&Binding; 6],
) -> Fit {
    let [query, key, value, bias, mask, output] = bindings;
    let quads = [&mut params.query, &mut params.key, &mut params.value, &mut params.output];
    for (operand, binding) in quads.into_iter().zip([query, key, value, output]) {
        operand.first = binding.first / 4;
    }
    (params.bias_first, params.mask_first) = (bias.first, mask.first);
    let tiles = params.queries.div_ceil(sharing.rows() * sharing.invocations());
    let heads = u64::from(params.batch) * u64::from(params.heads);
    let products = heads * u64::from(params.queries) * u64::from(params.keys);
    let work = products * 4 * u64::from(params.quads + params.value_quads);
    recorder.dispatch_workgroups::<Kernel>(
        axes,
        &params,
        &bindings,
        heads * u64::from(tiles),
        work,
        params.iterations_of(axes),
    )
}
