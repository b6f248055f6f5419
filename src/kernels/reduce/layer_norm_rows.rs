use crate::gpu::{Binding, Fit, Iterations, Loops, Recorder, wgsl};
use crate::kernels::layout::ReadFrom;
use crate::kernels::{kernel, params};

kernel!("layer_norm_rows", 64, Params, |from: ReadFrom| [
    wgsl!["shared/grid.wgsl"],
    match from {
        ReadFrom::Buffer => wgsl!["reduce/parts/normal_buffer.wgsl"],
        ReadFrom::Texture => wgsl!["shared/panels/layout.wgsl", "reduce/parts/normal_texture.wgsl"],
    },
    wgsl!["reduce/layer_norm_rows.wgsl"],
]);

params!(
    rows,
    quads,
    reciprocal: f32,
    epsilon: f32,
    scaled,
    shifted,
    input_first,
    factor_first,
    shift_first,
    output_first,
);

impl Loops for Params {
    fn iterations(&self) -> Iterations {
        let pass = Iterations::of(self.quads);
        pass + pass + pass
    }
}

/// Records rows whose bindings all begin at quads.
pub(crate) fn layer_norm_rows(
    recorder: &mut Recorder,
    from: ReadFrom,
    params: Params,
    [input, factor, shift, output]: [&Binding; 4],
) -> Fit {
    let params = Params {
        input_first: input.first / 4,
        factor_first: factor.first / 4,
        shift_first: shift.first / 4,
        output_first: output.first / 4,
        ..params
    };
    let elements = 4 * u64::from(params.rows) * u64::from(params.quads);
    recorder.dispatch::<Kernel>(from, &params, &[input, factor, shift, output], params.rows.into(), elements)
}
