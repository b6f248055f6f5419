pub(crate) mod adam;
pub(crate) mod cross_entropy;
pub(crate) mod sgd;

use crate::error::Result;
use crate::gpu::{Binding, Fit, Recorder, Tensor};
use crate::ops::plan::{Argument, Destination, Gradient, in_pieces};

/// Has `dispatch` do some elements of the tensors that a step updates, in f32, and of the gradient.
fn update<const N: usize>(
    recorder: &mut Recorder,
    updated: [&Tensor; N],
    gradient: Argument,
    mut dispatch: impl FnMut(&mut Recorder, u32, [&Binding; N], &Binding) -> Fit,
) -> Result<()> {
    let gradient = gradient.wide(recorder)?;
    // Read and written in f32, as a gradient is that is added to.
    let updated = updated.map(|tensor| Gradient::begin(recorder, Destination::Add(tensor)));
    let updated = updated.into_iter().collect::<Result<Vec<_>>>()?;
    let whole = 0..gradient.shape().elements() as u32;
    in_pieces([whole], &mut |[piece]| {
        let elements = piece.end - piece.start;
        let range = || piece.start.into()..piece.end.into();
        let bindings = updated.iter().map(|tensor| tensor.destination().tensor().binding("parameter", range()));
        let bindings = bindings.collect::<Fit<Vec<_>>>()?;
        recorder.gpu().capabilities().check_elements("parameter", elements.into())?;
        dispatch(
            recorder,
            elements,
            std::array::from_fn(|index| &bindings[index]),
            &gradient.binding("gradient", range())?,
        )
    })?;
    updated.iter().try_for_each(|updated| updated.finish(recorder))
}
