use crate::gpu::{Binding, File, Fit, Iterations, Loops, Recorder, axis, wgsl};
use crate::kernels::reduce::Rows;
use crate::kernels::{kernel, params};

/// The result that segments are folded into: one of the files reduce/parts/fold_*.wgsl.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    Sums,
    Products,
    Integers,
    Extremes,
    Arguments,
    Exponentials,
    Moments,
}

axis!(Fold {
    Sums: "sums",
    Products: "products",
    Integers: "integers",
    Extremes: "extremes",
    Arguments: "arguments",
    Exponentials: "exponentials",
    Moments: "moments",
});

impl Fold {
    /// The words of a state: WORDS of the file.
    pub(crate) fn words(self) -> u32 {
        match self {
            Fold::Sums | Fold::Products | Fold::Integers | Fold::Extremes => 1,
            Fold::Arguments => 2,
            Fold::Exponentials | Fold::Moments => 3,
        }
    }

    fn files(self) -> &'static [File] {
        match self {
            Fold::Sums => wgsl!["reduce/parts/fold_sums.wgsl"],
            Fold::Products => wgsl!["reduce/parts/fold_products.wgsl"],
            Fold::Integers => wgsl!["reduce/parts/fold_integers.wgsl"],
            Fold::Extremes => wgsl!["shared/order.wgsl", "reduce/parts/fold_extremes.wgsl"],
            Fold::Arguments => wgsl!["shared/order.wgsl", "reduce/parts/fold_arguments.wgsl"],
            Fold::Exponentials => wgsl!["shared/softmax.wgsl", "reduce/parts/fold_exponentials.wgsl"],
            Fold::Moments => wgsl!["reduce/parts/fold_moments.wgsl"],
        }
    }
}

/// The functions of each element of a sum, ABSOLUTE and SQUARES of the files; and of integers the product.
pub(crate) const ABSOLUTE: u32 = 1;
pub(crate) const SQUARES: u32 = 2;
pub(crate) const PRODUCT: u32 = 3;
/// Added to the order of arguments, where of equal elements the last counts.
pub(crate) const LAST_EQUAL: u32 = 8;

/// The function of a result, by its number in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    Nothing = 0,
    Root = 1,
    Logarithm = 2,
    Quotient = 3,
}

kernel!("fold", 64, Params, |fold: Fold| [wgsl!["shared/grid.wgsl"], fold.files(), wgsl!["reduce/fold.wgsl"]]);

params!(
    planes,
    extent,
    columns,
    segments,
    length,
    plane,
    row,
    width,
    lanes,
    position,
    folded,
    continues,
    finishes,
    operation,
    finish,
    scale: f32,
    count,
    input_first,
    output_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        // Of elements, or of states, and the tree.
        let each = self.length.min(self.extent).div_ceil(self.lanes);
        Iterations::of(each) + Iterations::of(0u32) + Rows::tree()
    }
}

pub(crate) fn fold(recorder: &mut Recorder, fold: Fold, params: Params, [input, output]: [&Binding; 2]) -> Fit {
    let params = Params { input_first: input.first, output_first: output.first, ..params };
    let segments = params.planes * params.segments * params.columns;
    let invocations = 64 * u64::from(segments.div_ceil(params.width));
    let elements = u64::from(params.planes) * u64::from(params.extent.max(1)) * u64::from(params.columns);
    recorder.dispatch::<Kernel>(fold, &params, &[input, output], invocations, elements)
}
