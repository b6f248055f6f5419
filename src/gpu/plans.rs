//! Plans of the short ways of ops, and choices that were made by measurement: what a device keeps for them.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Gpu, TensorSpec, WasmNotSendSync, lock};
use crate::error::Result;

/// The plans of one kind that are kept; beyond it, all are made anew as they come.
const MOST_PLANS: usize = 256;

#[derive(Default)]
pub(super) struct Plans {
    kinds: HashMap<TypeId, Box<dyn Cached>>,
    /// Choices by problem. The ops write both, and read them.
    choices: BTreeMap<String, String>,
    /// How often the choices have changed.
    changes: u64,
}

/// Anything that may be kept beside a device: `Send + Sync` where wgpu's own types are.
trait Cached: Any + WasmNotSendSync {}
impl<T: Any + WasmNotSendSync> Cached for T {}

/// Plans of one kind by the specs of their inputs, each with its attributes.
type Kind<O, P> = HashMap<Vec<Option<TensorSpec>>, Vec<(O, Arc<P>)>>;

impl Plans {
    fn known<O: 'static, P: 'static>(
        &self,
        op: &O,
        same: fn(&O, &O) -> bool,
        specs: &[Option<TensorSpec>],
    ) -> Option<Arc<P>> {
        let kind: &dyn Any = &**self.kinds.get(&TypeId::of::<P>())?;
        let alike = kind.downcast_ref::<Kind<O, P>>()?.get(specs)?;
        alike.iter().find(|(other, _)| same(other, op)).map(|(_, plan)| Arc::clone(plan))
    }

    /// Changes the choices, and forgets the plans, which may have been made by others.
    #[cfg(not(target_arch = "wasm32"))]
    fn change(&mut self, change: impl FnOnce(&mut BTreeMap<String, String>)) {
        change(&mut self.choices);
        self.changes += 1;
        self.kinds.clear();
    }
}

impl Gpu {
    /// The plan of an op for inputs of these specs, made now if there is none.
    pub(crate) fn plan<O, P>(
        &self,
        op: &O,
        same: fn(&O, &O) -> bool,
        specs: Vec<Option<TensorSpec>>,
        make: impl FnOnce() -> Result<P>,
    ) -> Result<Arc<P>>
    where
        O: Clone + WasmNotSendSync + 'static,
        P: WasmNotSendSync + 'static,
    {
        let plans = lock(&self.inner.plans);
        if let Some(plan) = plans.known(op, same, &specs) {
            return Ok(plan);
        }
        let changes = plans.changes;
        drop(plans);
        // Made outside the lock: it compiles pipelines.
        let plan = Arc::new(make()?);
        let mut plans = lock(&self.inner.plans);
        if let Some(plan) = plans.known(op, same, &specs) {
            return Ok(plan);
        }
        if plans.changes != changes {
            return Ok(plan);
        }
        let kind = plans.kinds.entry(TypeId::of::<P>()).or_insert_with(|| Box::new(Kind::<O, P>::new()));
        let kind: &mut dyn Any = &mut **kind;
        if let Some(plans) = kind.downcast_mut::<Kind<O, P>>() {
            if plans.values().map(Vec::len).sum::<usize>() >= MOST_PLANS {
                plans.clear();
            }
            plans.entry(specs).or_default().push((op.clone(), Arc::clone(&plan)));
        }
        Ok(plan)
    }

    /// The choice that is kept for a problem, which is named only where there are choices at all.
    pub(crate) fn choice(&self, problem: impl FnOnce() -> String) -> Option<String> {
        let plans = lock(&self.inner.plans);
        if plans.choices.is_empty() {
            return None;
        }
        plans.choices.get(&problem()).cloned()
    }

    /// All choices by problem.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn choices(&self) -> BTreeMap<String, String> {
        lock(&self.inner.plans).choices.clone()
    }

    /// Keeps the choice for a problem.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn keep_choice(&self, problem: String, choice: String) {
        lock(&self.inner.plans).change(|choices| drop(choices.insert(problem, choice)));
    }

    /// Keeps these choices in place of all others.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn keep_choices(&self, all: BTreeMap<String, String>) {
        lock(&self.inner.plans).change(|choices| *choices = all);
    }
}
