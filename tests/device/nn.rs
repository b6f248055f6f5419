use fastrand::Rng;
use pliant::nn;

use crate::dtypes::STORAGES;
use crate::limits::with_limits;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways};
use crate::support::random::normal;
use crate::{check_backward_on, check_on, gpu};

/// What of a layer is drawn.
#[derive(Clone, Copy)]
struct Kind {
    mask: nn::Mask,
    split: bool,
    limit: Option<f32>,
    flows: u32,
    offset_channels: Option<u32>,
}

const PLAIN: Kind = Kind { mask: nn::Mask::None, split: false, limit: None, flows: 0, offset_channels: None };

/// Every part of a layer, in at least two company.
const KINDS: [Kind; 7] = [
    PLAIN,
    Kind { mask: nn::Mask::Sigmoid, ..PLAIN },
    Kind { mask: nn::Mask::TwoSigmoid, split: true, ..PLAIN },
    Kind { limit: Some(3.0), flows: 1, ..PLAIN },
    // BasicVSR++'s.
    Kind { mask: nn::Mask::Sigmoid, limit: Some(2.0), flows: 2, offset_channels: Some(5), ..PLAIN },
    Kind { mask: nn::Mask::Sigmoid, split: true, flows: 4, offset_channels: Some(3), ..PLAIN },
    Kind { mask: nn::Mask::TwoSigmoid, flows: 1, ..PLAIN },
];

/// A layer in which no two axes are alike, its parameters drawn: none of them is 0.
fn layer(rng: &mut Rng, kind: Kind, batch: u32) -> Problem {
    let Kind { mask, split, limit, flows, offset_channels } = kind;
    let layer = nn::DeformConv2d {
        stride: [2, 1],
        padding: [1, 0, 2, 3],
        dilation: [2, 1],
        groups: 2,
        offset_groups: 4,
        mask,
        offset_limit: limit,
        ..nn::DeformConv2d::default()
    };
    let sizes = nn::DeformConv2dSizes { offset_channels, split, ..nn::DeformConv2dSizes::new([8, 6], [3, 2]) };
    let shapes = layer.parameter_shapes(&sizes).unwrap();
    let spread = |name: &str| if name == "weight" || name == "bias" { 1.0 } else { 0.3 };
    let mut named = shapes.named().into_iter();
    let parameters = shapes.map(|&shape| {
        let (name, _) = named.by_ref().find(|(_, shape)| shape.is_some()).unwrap();
        normal(rng, shape, spread(name))
    });
    let inputs = nn::DeformConv2dInputs {
        input: normal(rng, [batch, 8, 7, 5], 1.0),
        offset_input: offset_channels.map(|channels| normal(rng, [batch, channels, 7, 5], 1.0)),
        flow: (flows > 0).then(|| normal(rng, [batch, 2 * flows, 3, 7], 1.5)),
    };
    Problem::Layer(layer, inputs, parameters)
}

fn check(problem: &Problem, implementation: Implementation, ways: Ways) {
    let Implementation::Device { storage, .. } = implementation else { return };
    let checked = check_on(problem, implementation).and_then(|()| check_backward_on(problem, 91, implementation, ways));
    if let Err(failure) = checked {
        panic!("{storage:?}: {failure}\n{}", problem.describe());
    }
}

fn on(storage: Storage) -> Implementation<'static> {
    Implementation::Device { gpu: gpu(), strategy: None, storage }
}

#[test]
fn layers_of_every_kind() {
    let mut rng = Rng::with_seed(92);
    for kind in KINDS {
        check(&layer(&mut rng, kind, 3), on(Storage::F32), Ways::All);
    }
    check(&layer(&mut rng, KINDS[4], 0), on(Storage::F32), Ways::All);
}

#[test]
fn layers_in_any_storage() {
    let mut rng = Rng::with_seed(93);
    for (kind, storage) in KINDS.iter().zip(STORAGES.iter().cycle()) {
        check(&layer(&mut rng, *kind, 2), on(*storage), Ways::All);
    }
}

/// Offsets and masks are done image by image, plane by plane, and row by row where no more can be bound.
#[test]
fn fields_beyond_a_binding() {
    let gpu = with_limits(|limits| limits.max_storage_buffer_binding_size = 4 << 10);
    let device = Implementation::Device { gpu: &gpu, strategy: None, storage: Storage::F32 };
    let mut rng = Rng::with_seed(94);
    let wide = nn::DeformConv2d {
        mask: nn::Mask::Sigmoid,
        offset_limit: Some(2.0),
        offset_groups: 2,
        ..nn::DeformConv2d::default()
    };
    let shapes = wide.parameter_shapes(&nn::DeformConv2dSizes::new([2, 3], [1, 1])).unwrap();
    let parameters = shapes.map(|&shape| normal(&mut rng, shape, 0.5));
    let inputs = nn::DeformConv2dInputs {
        flow: Some(normal(&mut rng, [2, 4, 30, 43], 1.0)),
        ..Array::from_fn([2, 2, 30, 43], |index| (index % 7) as f32 - 3.0).into()
    };
    check(&Problem::Layer(wide, inputs, parameters), device, Ways::All);
}
