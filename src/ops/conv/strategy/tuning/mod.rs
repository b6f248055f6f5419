//! Choice by measurement: the candidates of a problem, timed on the device, of which the fastest is kept whose result is right.

mod inputs;
mod text;

use inputs::Tolerance;

use super::choice::{Choice, matrices};
use super::problem::Problem;
use super::rule::Strategy;
use super::tiles::{Family, Tiles};
use super::winograd;
use super::{Convolution, Convolves};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::geometry::{Members, Of};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::plan::{Plan, ToSpec};

/// The share of the time of the rule's choice that another may take at most to be chosen: what is below may be noise.
const WORTH: f64 = 0.95;

/// A candidate that takes so many times as long as the fastest is not timed again.
const HOPELESS: f64 = 2.0;

/// A kernel that takes so many times as long as the rule's choice is not tried with other splits.
const HOPELESS_KERNEL: f64 = 4.0;

/// Seconds that each candidate is timed for, about, and those that it runs at a time, in so many runs at most.
const SECONDS: f64 = 0.25;
const SECONDS_AT_A_TIME: f64 = 1e-3;
const RUNS_AT_A_TIME: f64 = 16.0;

/// The rounds in which the candidates take turns: so many at least and at most.
const ROUNDS: [f64; 2] = [5.0, 25.0];

/// Candidates of a problem as tuning found them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Tuned {
    /// The candidates, the first by the rule.
    pub candidates: Vec<Candidate>,
    /// The index of the candidate that was chosen.
    pub chosen: usize,
}

/// One way to do the forward pass of a convolution, and what came of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// The strategy with its kernel and the number of its splits, as [`Gpu::tuning`] names them.
    pub name: String,
    /// The family of kernels.
    pub strategy: Strategy,
    /// Its times, or why it is out of the question.
    pub outcome: Outcome,
}

/// Outcome of a candidate: its times, or why it is out of the question.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// Its result is right. One that is much slower than another is timed once.
    Right {
        /// The least time of a forward pass in seconds.
        least: f64,
        /// The median time in seconds.
        median: f64,
    },
    /// Its result is not that of the rule's choice: the first element that differs.
    Wrong(String),
    /// The device did not do it.
    Failed(Error),
}

#[expect(private_bounds, reason = "no op of others is a convolution of ours")]
impl<O: Convolves> Plan<O> {
    /// Measures how this device does the forward pass of a problem best, and has plans made from now on do it so.
    ///
    /// Every strategy that applies is a candidate, with its kernels and several numbers of splits. Each does the problem with inputs of its own
    /// making, their offsets a few pixels long; the weight is packed in each pass. A candidate is chosen in place of the rule's where its output
    /// is that of the rule's choice within the tolerance of the arithmetic, and where it is faster by more than 5 %. One that fails is never
    /// chosen. Times are the device's own where it has timestamps, else the clock's.
    ///
    /// The [`Gpu`] keeps the choice for every plan of the same problem and element types that is made later: by hand, within a layer or an ONNX
    /// model, or for the short ways, whose plans are made anew. Plans that there are, and weights that they have packed, stay as they are; a
    /// plan by another strategy refuses these weights. [`Gpu::tuning`] gives all choices as text.
    ///
    /// It blocks while it draws inputs and compiles kernels, and, where the device writes no timestamps, while it times them. Anything else that runs on the device meanwhile spoils the times.
    ///
    /// ```no_run
    /// use pliant::{DType, DeformConv2d, DeformConv2dInputs, DeformConv2dPlan, Gpu, Shape, TensorSpec};
    ///
    /// async fn tune(gpu: &Gpu) -> pliant::Result<()> {
    ///     let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    ///     let shapes: DeformConv2dInputs<Shape> = DeformConv2dInputs {
    ///         input: [1, 64, 56, 56].into(),
    ///         offset: [1, 18, 56, 56].into(),
    ///         weight: [64, 64, 3, 3].into(),
    ///         mask: None,
    ///         bias: None,
    ///     };
    ///     let specs = shapes.map(|&shape| TensorSpec { shape, dtype: DType::F32 });
    ///     let tuned = DeformConv2dPlan::tune(gpu, &op, &specs).await?;
    ///     println!("{} instead of {}", tuned.candidates[tuned.chosen].name, tuned.candidates[0].name);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Attribute`] with the two figures that disagree; whatever the rule's choice fails with;
    /// [`Error::DeviceLost`].
    pub async fn tune<S: ToSpec>(gpu: &Gpu, op: &O, inputs: &Of<O::Inputs, S>) -> Result<Tuned> {
        let specs = O::Inputs::map(inputs, ToSpec::to_spec);
        let geometry = op.geometry(&O::Inputs::map(&specs, |spec| spec.shape))?;
        let problem = O::problem(&geometry, &specs);
        let inputs = O::Inputs::try_map_named(&specs, |name, spec| inputs::drawn(gpu, &problem, name, spec))?;
        let measurement = Measurement::<O> { gpu, geometry, problem, specs, inputs };
        let mut trials = measurement.trials().await?;
        measurement.time(&mut trials).await?;
        let choices: Vec<_> = trials.iter().map(|trial| trial.choice).collect();
        let outcomes: Vec<_> = trials.into_iter().map(Trial::outcome).collect();
        let chosen = chosen(&outcomes);
        gpu.trim();
        gpu.keep_choice(problem.to_string(), choices[chosen].to_string());
        let candidates = choices.into_iter().zip(outcomes).map(|(choice, outcome)| Candidate {
            name: choice.to_string(),
            strategy: choice.strategy(),
            outcome,
        });
        Ok(Tuned { candidates: candidates.collect(), chosen })
    }
}

/// A problem that candidates do, with its inputs.
struct Measurement<'a, O: Convolves> {
    gpu: &'a Gpu,
    geometry: O::Geometry,
    problem: Problem,
    specs: Of<O::Inputs, TensorSpec>,
    inputs: Of<O::Inputs, Tensor>,
}

/// A candidate under way.
struct Trial<O: Convolves> {
    choice: Choice,
    state: State<O>,
}

enum State<O: Convolves> {
    /// The plan, and its times.
    Running(Box<Plan<O>>, Vec<f64>),
    Out(Outcome),
}

impl<O: Convolves> Measurement<'_, O> {
    /// Has every candidate do the problem, the rule's first, whose output and time the others' are compared with.
    async fn trials(&self) -> Result<Vec<Trial<O>>> {
        let (rule, kernels) = candidates(self.gpu, &self.problem)?;
        let (plan, expected, rule_time) = self.first(rule).await?;
        let mut trials = vec![Trial { choice: rule, state: State::Running(plan, vec![rule_time]) }];
        for kernel in kernels {
            for (index, choice) in kernel.into_iter().enumerate() {
                let state = match self.first(choice).await {
                    Ok((plan, output, time)) => {
                        match Tolerance::new(&self.problem, [rule, choice]).miss(&expected, &output) {
                            None => State::Running(plan, vec![time]),
                            Some(miss) => State::Out(Outcome::Wrong(miss)),
                        }
                    }
                    Err(error) => State::Out(failed(error)?),
                };
                let trial = Trial { choice, state };
                let hopeless = trial.first_time().is_some_and(|time| time > HOPELESS_KERNEL * rule_time);
                trials.push(trial);
                if hopeless && index == 0 && choice.family() != rule.family() {
                    break;
                }
            }
        }
        Ok(trials)
    }

    /// Plans the problem by a choice, and computes the output in a tensor that nothing has written before; the second time it takes so long.
    async fn first(&self, choice: Choice) -> Result<(Box<Plan<O>>, Vec<f32>, f64)> {
        let compile = |gpu: &Gpu, _: &_, _: &_| Convolution::by(gpu, &self.problem, choice);
        let plan = Plan::compiled_by(self.gpu, self.geometry.clone(), &self.specs, compile)?;
        let output = plan.new_outputs(&Recorder::new(self.gpu))?;
        let recorder = self.recorded(&plan, &output)?;
        recorder.submit()?;
        let elements = inputs::elements(&output).await?;
        Ok((Box::new(plan), elements, recorder.seconds(1).await?))
    }

    fn recorded(&self, plan: &Plan<O>, output: &Tensor) -> Result<Recorder> {
        let mut recorder = Recorder::new(self.gpu);
        plan.forward_into::<Tensor, Tensor>(&mut recorder, &self.inputs, output)?;
        Ok(recorder)
    }

    /// Times the candidates that are worth more than a first look in rounds, in which they take turns.
    async fn time(&self, trials: &mut [Trial<O>]) -> Result<()> {
        let [Trial { state: State::Running(rule, _), .. }, ..] = &*trials else { return Ok(()) };
        let output = rule.new_outputs(&Recorder::new(self.gpu))?;
        let least = trials.iter().filter_map(Trial::first_time).fold(f64::INFINITY, f64::min);
        let Some(rule) = trials.first().and_then(Trial::first_time) else { return Ok(()) };
        for (index, trial) in trials.iter_mut().enumerate() {
            match trial.first_time() {
                // All are compared with the rule's choice.
                Some(time) if time > HOPELESS * least && index > 0 => {
                    trial.state = State::Out(Outcome::Right { least: time, median: time });
                }
                _ => trial.forget_times(),
            }
        }
        let runs = (SECONDS_AT_A_TIME / rule).clamp(1.0, RUNS_AT_A_TIME);
        let [least, most] = ROUNDS;
        for _ in 0..(SECONDS / (runs * rule)).clamp(least, most) as u32 {
            self.round(trials, &output, runs as u32).await?;
        }
        Ok(())
    }

    /// Times each candidate that is under way, in so many runs.
    async fn round(&self, trials: &mut [Trial<O>], output: &Tensor, runs: u32) -> Result<()> {
        for (index, trial) in trials.iter_mut().enumerate() {
            let State::Running(plan, times) = &mut trial.state else { continue };
            let time = match self.recorded(plan, output) {
                Ok(recorder) => recorder.seconds(runs).await,
                Err(error) => Err(error),
            };
            match time {
                Ok(time) => times.push(time),
                Err(error) if index == 0 => return Err(error),
                Err(error) => trial.state = State::Out(failed(error)?),
            }
        }
        Ok(())
    }
}

impl<O: Convolves> Trial<O> {
    fn first_time(&self) -> Option<f64> {
        match &self.state {
            State::Running(_, times) => times.first().copied(),
            State::Out(_) => None,
        }
    }

    fn forget_times(&mut self) {
        if let State::Running(_, times) = &mut self.state {
            times.clear();
        }
    }

    fn outcome(self) -> Outcome {
        match self.state {
            State::Running(_, mut times) => {
                times.sort_by(f64::total_cmp);
                let [least, median] = [0, times.len() / 2].map(|index| times.get(index).copied().unwrap_or_default());
                Outcome::Right { least, median }
            }
            State::Out(outcome) => outcome,
        }
    }
}

/// The outcome of a candidate that failed. Where the device is lost, so is all else.
fn failed(error: Error) -> Result<Outcome> {
    match error {
        Error::DeviceLost(_) => Err(error),
        _ => Ok(Outcome::Failed(error)),
    }
}

/// The rule's choice, and all others that are applicable and worth measuring, by kernel. The first of another kernel than the rule's has as many
/// splits as the rule gives that kernel.
fn candidates(gpu: &Gpu, problem: &Problem) -> Result<(Choice, Vec<Vec<Choice>>)> {
    let rule = Choice::by_rule(gpu, problem)?;
    let rows = problem.geometry.group_out_channels();
    let by_rule = Family::of(gpu, &problem.geometry);
    // A tile that is half empty, or of much fewer rows than there are, does no good.
    let fits = |family: Family| {
        let [tile, _] = family.tile();
        family == by_rule || (tile / 2 <= rows && rows / 8 <= tile)
    };
    let cooperative = matrices(gpu).ok().filter(|_| problem.dtypes[0] == DType::F16).map(Family::Cooperative);
    let families = Family::FUSED.into_iter().filter(|family| fits(*family)).chain(cooperative);
    let fused = families.map(|family| {
        let mut choices = Vec::new();
        for splits in Tiles::splits_to_measure(gpu, problem, family) {
            let choice = Choice::Fused { family, splits };
            if choice != rule && !choices.contains(&choice) {
                choices.push(choice);
            }
        }
        choices
    });
    let winograd = Some(Choice::Winograd).filter(|_| winograd::check(gpu, problem).is_ok());
    let others =
        [Some(Choice::Im2col), winograd].map(|choice| choice.filter(|choice| *choice != rule).into_iter().collect());
    Ok((rule, others.into_iter().chain(fused).collect()))
}

/// The index of the fastest candidate that is right, or of the rule's, the first, where none is faster by more than the noise.
fn chosen(outcomes: &[Outcome]) -> usize {
    let Some(Outcome::Right { least: rule_least, median: rule_median }) = outcomes.first() else { return 0 };
    let right = outcomes.iter().enumerate().filter_map(|(index, outcome)| match outcome {
        Outcome::Right { least, median } if *least < WORTH * rule_least && *median < WORTH * rule_median => {
            Some((index, *least))
        }
        _ => None,
    });
    right.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(index, _)| index)
}

impl Choice {
    /// Refuses a choice that is not applicable.
    fn check(self, gpu: &Gpu, problem: &Problem) -> Result<()> {
        let (family, splits) = match self {
            Self::Im2col => return Ok(()),
            Self::Winograd => return winograd::check(gpu, problem),
            Self::Fused { family, splits } => (family, splits),
        };
        if let Family::Cooperative(own) = family
            && (problem.dtypes[0] != DType::F16 || matrices(gpu)? != own)
        {
            return Err(Error::Unsupported(format!("{family} is not for {} on this device", problem.dtypes[0])));
        }
        // One is always possible, and the channels of a large problem, whose text may be anybody's, are not counted.
        if splits == 1 { Ok(()) } else { Tiles::with_splits(gpu, problem, family, splits).map(drop) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(least: f64, median: f64) -> Outcome {
        Outcome::Right { least, median }
    }

    fn wrong() -> Outcome {
        Outcome::Wrong("element 0 is 1, and 2 by the rule's choice; 0 more differ".to_string())
    }

    fn failing() -> Outcome {
        Outcome::Failed(Error::OutOfMemory("made up".to_string()))
    }

    #[test]
    fn the_fastest_that_is_right_is_chosen() {
        assert_eq!(chosen(&[right(10.0, 11.0), right(8.0, 9.0), right(7.0, 8.0), right(12.0, 13.0)]), 2);
        assert_eq!(chosen(&[right(10.0, 11.0), wrong(), right(8.0, 9.0), failing()]), 2);
    }

    #[test]
    fn what_is_wrong_or_fails_is_never_chosen() {
        assert_eq!(chosen(&[right(10.0, 11.0), wrong(), failing()]), 0);
        assert_eq!(chosen(&[right(10.0, 11.0)]), 0);
    }

    #[test]
    fn what_is_faster_by_no_more_than_noise_is_not_chosen() {
        assert_eq!(chosen(&[right(10.0, 11.0), right(9.6, 9.7)]), 0);
        // By its least time alone.
        assert_eq!(chosen(&[right(10.0, 11.0), right(8.0, 11.0)]), 0);
        assert_eq!(chosen(&[right(10.0, 11.0), right(9.4, 10.4)]), 1);
        // A device without a clock worth its name.
        assert_eq!(chosen(&[right(0.0, 0.0), right(0.0, 0.0)]), 0);
        assert_eq!(chosen(&[right(10.0, 11.0), right(f64::NAN, f64::NAN)]), 0);
    }
}
