//! The network of the example `train`: its gradients against central differences of its loss.

use fastrand::Rng;

use crate::network::{Design, Layer};
use crate::network_reference::differentiate;

#[test]
fn gradients_of_a_network_by_differences() {
    const STEP: f64 = 1e-6;
    const SEED: u64 = 81;
    let layer = |channels, stride, deformable| Layer { channels, stride, deformable };
    let layers = vec![layer(2, 2, false), layer(3, 1, true), layer(2, 2, true)];
    let design = Design { batch: 2, side: 7, layers, classes: 3 };
    let mut rng = Rng::with_seed(SEED);
    let mut parameters: Vec<Vec<f64>> = design
        .parameters(&mut rng)
        .into_iter()
        .map(|parameter| {
            // Away from 0, where samples lie on whole numbers, and so on kinks.
            let zero = parameter.elements.iter().all(|&element| element == 0.0);
            let element = |&element: &f32| if zero { rng.f64() - 0.5 } else { f64::from(element) };
            parameter.elements.iter().map(element).collect()
        })
        .collect();
    let images: Vec<f64> = (0..2 * 7 * 7).map(|_| rng.f64()).collect();
    let labels = [2.0, 0.0];
    let (loss, gradients) = differentiate(&design, &parameters, &images, &labels);
    assert!(loss > 0.1, "{loss}");
    assert_eq!(gradients.len(), parameters.len());
    let mut largest = 0.0f64;
    for (index, gradient) in gradients.iter().enumerate() {
        assert_eq!(gradient.len(), parameters[index].len());
        for (element, &value) in gradient.iter().enumerate() {
            let mut moved = |by: f64| {
                let at = parameters[index][element];
                parameters[index][element] = at + by;
                let (loss, _) = differentiate(&design, &parameters, &images, &labels);
                parameters[index][element] = at;
                loss
            };
            let difference = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let within = 1e-8 + 1e-6 * value.abs();
            assert!(
                (value - difference).abs() <= within,
                "seed {SEED}: parameter {index}[{element}] has {value}, the difference is {difference}"
            );
            largest = largest.max(value.abs());
        }
    }
    assert!(largest > 0.01, "{largest}");
}
