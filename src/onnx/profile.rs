//! Where the time of a model goes.

use super::ModelPlan;
use super::memory::bytes;
use super::step::BoundStep;
use crate::error::Result;
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};

/// The time of a node of a model, and what it reads, writes and computes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct NodeTime {
    /// The node's name, or else its number.
    pub node: String,
    /// Its operator, or the op that several nodes became.
    pub operator: String,
    /// Shape and element type of what it gives; of several outputs, of the first.
    pub output: TensorSpec,
    /// The number of its dispatches.
    pub dispatches: usize,
    /// Total time of these dispatches in seconds.
    pub seconds: f64,
    /// The bytes of its inputs and outputs, weights among them, each counted once.
    pub bytes: u64,
    /// The multiplications and additions of its products and convolutions; 0 where it has none.
    pub flops: u64,
}

impl NodeTime {
    /// A step of a node, which has taken no time yet.
    fn new(step: &BoundStep, written: &[TensorSpec]) -> Option<Self> {
        let node = step.place.rsplit_once(" of type ").map_or(&step.place[..], |(node, _)| node);
        let read = step.work.inputs();
        Some(Self {
            node: node.strip_prefix("node ").unwrap_or(node).trim_matches('"').to_string(),
            operator: step.operator.clone(),
            output: *written.first()?,
            dispatches: 0,
            seconds: 0.0,
            bytes: read.into_iter().chain(written.iter().copied()).map(bytes).sum(),
            flops: step.work.flops(),
        })
    }

    fn is_of(&self, step: &Self) -> bool {
        (&self.node, &self.operator) == (&step.node, &step.operator)
    }

    /// Adds a later step of the same node.
    fn add(&mut self, step: Self) {
        self.output = step.output;
        self.bytes += step.bytes;
        self.flops += step.flops;
    }
}

impl ModelPlan {
    /// Runs the model with each dispatch apart, and says what each node took, in the order in which they run. Nodes that cost nothing are left
    /// out: those that the host computed when the plan was made, and views. Times are taken as [`Recorder::profile`] takes them.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     gpu: &pliant::Gpu, plan: &pliant::onnx::ModelPlan, image: &pliant::Tensor,
    /// # ) -> pliant::Result<()> {
    /// for node in plan.profile(gpu, &[("image", image)]).await? {
    ///     println!("{:9.3} ms  {} {}", 1e3 * node.seconds, node.operator, node.node);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`ModelPlan::forward`] and [`Recorder::profile`].
    pub async fn profile(&self, gpu: &Gpu, inputs: &[(&str, &Tensor)]) -> Result<Vec<NodeTime>> {
        let mut recorder = Recorder::new(gpu);
        // Each with the number of dispatches up to its end.
        let mut nodes: Vec<(NodeTime, usize)> = Vec::new();
        self.record(&mut recorder, inputs, |step, end| {
            let written: Vec<_> = self.written(step).collect();
            match (NodeTime::new(step, &written), nodes.last_mut()) {
                (Some(next), Some((node, before))) if node.is_of(&next) => {
                    node.add(next);
                    *before = end;
                }
                (next, _) => nodes.extend(next.map(|next| (next, end))),
            }
        })?;
        let mut seconds = recorder.dispatch_seconds().await?.into_iter();
        let mut begin = 0;
        let timed = nodes.into_iter().map(|(node, end)| {
            let dispatches = end - std::mem::replace(&mut begin, end);
            NodeTime { dispatches, seconds: seconds.by_ref().take(dispatches).sum(), ..node }
        });
        Ok(timed.collect())
    }
}
