//! Pooling of regions of interest, forward and backward.

use fastrand::Rng;
use pliant::Gpu;
use pliant::geometry::*;

use crate::dtypes::STORAGES;
use crate::random::draw_roi;
use crate::support::problem::{Array, Implementation, Problem, Storage, Ways};
use crate::support::random::normal;
use crate::{check_backward_on, check_on, gpu};

fn check_with(gpu: &Gpu, problem: &Problem, storage: Storage, ways: Ways) {
    let device = Implementation::Device { gpu, strategy: None, storage };
    let forward = check_on(problem, device);
    if let Err(failure) = forward.and_then(|()| check_backward_on(problem, 90, device, ways)) {
        panic!("{storage:?}: {failure}\n{}", problem.describe());
    }
}

#[test]
fn drawn() {
    for seed in 0..60 {
        let problem = draw_roi(&mut Rng::with_seed(seed));
        eprintln!("seed {seed}");
        check_with(gpu(), &problem, Storage::F32, Ways::All);
        check_with(gpu(), &problem, STORAGES[seed as usize % 6], Ways::One);
    }
}
