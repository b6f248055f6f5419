//! Downloads: elements that are read back are those submitted before, whatever became of the downloads before it.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use fastrand::Rng;
use pliant::*;
use pliant::{Download, Error, Gpu, MatmulPlan, Recorder, Tensor, UnaryPlan, wgpu};

use crate::gpu;
use crate::support::problem::Array;

/// A product of matrices that keeps a device busy for a while, into one tensor.
struct Work<'a> {
    gpu: &'a Gpu,
    plan: MatmulPlan,
    ones: Tensor,
    output: Tensor,
    /// The current value of the output's elements.
    value: f32,
}

impl<'a> Work<'a> {
    const SIDE: u32 = 96;

    fn new(gpu: &'a Gpu) -> Self {
        let [ones, output] = [1.0, 0.0].map(|value| Self::filled(gpu, value));
        let inputs = MatmulInputs { a: ones.spec(), b: ones.spec(), bias: None };
        Self { gpu, plan: MatmulPlan::new(gpu, &Matmul::default(), &inputs).unwrap(), ones, output, value: 0.0 }
    }

    fn filled(gpu: &Gpu, value: f32) -> Tensor {
        Array::filled([1, Self::SIDE, Self::SIDE], value).upload(gpu).unwrap()
    }

    /// Gives the elements another value, by work that is submitted.
    fn run(&mut self, factor: f32) {
        let a = Self::filled(self.gpu, factor);
        let mut recorder = Recorder::new(self.gpu);
        self.plan
            .forward_into(&mut recorder, &MatmulInputs { a: &a, b: &self.ones, bias: None }, &self.output)
            .unwrap();
        recorder.submit().unwrap();
        self.value = factor * Self::SIDE as f32;
    }

    fn download(&self, consuming: bool) -> Download<f32> {
        let output = self.output.clone();
        if consuming { output.into_download() } else { output.download() }.unwrap()
    }

    fn is_right(&self, elements: pliant::Result<Vec<f32>>) -> bool {
        elements.unwrap() == vec![self.value; (Self::SIDE * Self::SIDE) as usize]
    }
}

fn poll_once(download: Download<f32>) -> Poll<pliant::Result<Vec<f32>>> {
    pin!(download).as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// wgpu answers a mapping that was given up, and asked for again, when the first one's submission is done.
#[test]
fn a_dropped_download_makes_no_later_one_stale() {
    for consuming in [false, true] {
        let (mut a, mut b) = (Work::new(gpu()), Work::new(gpu()));
        let stale = (0..200).filter(|round| {
            a.run((1 + round % 2) as f32);
            let _ = poll_once(a.download(consuming));
            // The same tensor, or the staging buffer that it left.
            let next = if consuming { &mut a } else { &mut b };
            next.run((3 + round % 2) as f32);
            !next.is_right(pollster::block_on(next.download(consuming)))
        });
        assert_eq!(stale.count(), 0, "of 200, consuming: {consuming}");
    }
}

#[test]
fn a_thousand_rounds_of_mixed_downloads_are_right() {
    let rounds = |seed: u64, rounds: usize| {
        let mut rng = Rng::with_seed(seed);
        let mut works: Vec<_> = (0..3).map(|_| Work::new(gpu())).collect();
        let mut wrong = 0;
        for _ in 0..rounds {
            let work = rng.choice(&mut works).unwrap();
            work.run(rng.u32(1..9) as f32);
            let download = work.download(rng.bool());
            wrong += match rng.u8(0..5) {
                0 => {
                    drop(download);
                    0
                }
                1 => match poll_once(download) {
                    Poll::Ready(elements) => usize::from(!work.is_right(elements)),
                    Poll::Pending => 0,
                },
                2 => usize::from(!work.is_right(download.wait())),
                _ => usize::from(!work.is_right(pollster::block_on(download))),
            };
        }
        wrong
    };
    assert_eq!(rounds(61, 1000), 0);
    let wrong: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || rounds(62 + thread, 125))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(wrong, 0, "with eight threads");
}

#[test]
fn a_second_consuming_download_leaves_the_first_alone() {
    if !gpu().capabilities().mappable_tensors() {
        return;
    }
    let mut work = Work::new(gpu());
    work.run(2.0);
    let first = work.download(true);
    let error = work.output.clone().into_download::<f32>().map(drop).unwrap_err();
    assert!(error.to_string().contains("being read back"), "{error}");
    assert!(work.is_right(first.wait()));
    assert!(work.is_right(work.download(true).wait()));
}

/// The sigmoid of [1, 2], recorded.
fn sigmoid() -> (Recorder, Tensor) {
    let input = Tensor::upload(gpu(), [2], &[1.0f32, 2.0]).unwrap();
    let plan = UnaryPlan::new(gpu(), &Unary::Sigmoid, &input).unwrap();
    let mut recorder = Recorder::new(gpu());
    let output = plan.forward(&mut recorder, &input).unwrap();
    (recorder, output)
}

fn assert_sigmoid(elements: &[f32]) {
    let expected = [1.0f32, 2.0].map(|value| 1.0 / (1.0 + (-value).exp()));
    assert!(elements.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{elements:?}");
}

#[test]
fn what_was_recorded_and_not_submitted_is_not_downloaded() {
    let refused = |output: &Tensor| {
        for error in [
            output.download::<f32>().map(drop),
            output.clone().into_download::<f32>().map(drop),
            output.download_blocking::<f32>().map(drop),
        ] {
            let error = error.unwrap_err();
            assert!(matches!(error, Error::NotSubmitted(_)), "{error:?}");
            assert!(error.to_string().contains("Recorder::submit"), "{error}");
        }
    };
    let (recorder, output) = sigmoid();
    refused(&output);
    recorder.submit().unwrap();
    assert_sigmoid(&output.download_blocking::<f32>().unwrap());

    let (recorder, output) = sigmoid();
    drop(recorder);
    refused(&output);

    // A command buffer of the caller's runs when the caller says so.
    let (recorder, output) = sigmoid();
    let mut encoder = gpu().device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    recorder.encode(&mut encoder);
    gpu().queue().submit([encoder.finish()]);
    assert_sigmoid(&output.download_blocking::<f32>().unwrap());
    let (recorder, output) = sigmoid();
    pollster::block_on(recorder.profile()).unwrap();
    assert_sigmoid(&output.download_blocking::<f32>().unwrap());
}

#[test]
fn what_was_written_before_gives_its_present_contents() {
    let untouched = Tensor::new(gpu(), [2], pliant::DType::F32).unwrap();
    assert_eq!(untouched.download_blocking::<f32>().unwrap(), [0.0; 2]);
    let input = Tensor::upload(gpu(), [2], &[1.0f32, 2.0]).unwrap();
    let output = Tensor::upload(gpu(), [2], &[5.0f32, 6.0]).unwrap();
    let plan = UnaryPlan::new(gpu(), &Unary::Sigmoid, &input).unwrap();
    let mut recorder = Recorder::new(gpu());
    plan.forward_into(&mut recorder, &input, &output).unwrap();
    assert_eq!(output.download_blocking::<f32>().unwrap(), [5.0, 6.0]);
    recorder.submit().unwrap();
    assert_sigmoid(&output.download_blocking::<f32>().unwrap());
}
