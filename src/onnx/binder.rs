//! From steps to work that is bound to a device: what they share of uploads and packed weights.

use std::collections::HashMap;

use super::HostTensor;
use super::host::HostKey;
use super::memory::bytes;
use super::missing::Missing;
use super::step::{BoundStep, Input, Source, Sources, Step};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::{PackedWeight, Packs, Plan};

/// Uploads and recorded work that the binding of steps shares.
pub(super) struct Binder {
    recorder: Recorder,
    uploads: HashMap<HostKey, Upload>,
    /// The bytes uploaded since work was submitted.
    waiting: u64,
}

/// A tensor of the host, as it is on the device.
struct Upload {
    /// The tensor, whose place in memory is in the key.
    _host: HostTensor,
    /// How many inputs of steps that are still to be bound come from it.
    readers: usize,
    plain: Option<Tensor>,
    packed: Vec<PackedWeight>,
}

impl Binder {
    /// The bytes that wait to be packed: then they are submitted, so that the memory of plain weights serves the next ones.
    const MOST_WAITING: u64 = 16 << 20;

    pub(super) fn new(gpu: &Gpu) -> Self {
        Self { recorder: Recorder::new(gpu), uploads: HashMap::new(), waiting: 0 }
    }

    /// Binds every step to the device, and submits what that takes. What is not supported is told all at once.
    pub(super) fn bind(mut self, steps: Vec<Step>, mut advanced: impl FnMut(usize, usize)) -> Result<Vec<BoundStep>> {
        let all = steps.len();
        let (mut missing, mut bound) = (Missing::default(), Vec::with_capacity(all));
        for host in steps.iter().flat_map(Step::hosts) {
            self.of(host).readers += 1;
        }
        for (done, step) in steps.into_iter().enumerate() {
            advanced(done, all);
            match step.bind(&mut self) {
                Ok(step) => bound.push(step),
                Err(Error::Unsupported(message)) => missing.add(&step.operator, &step.place, message),
                Err(error) => return Err(error.at(&step.place)),
            }
            step.hosts().for_each(|host| self.read(host));
            if self.waiting > Self::MOST_WAITING {
                self.submit()?;
            }
        }
        missing.finish()?;
        self.submit()?;
        Ok(bound)
    }

    fn submit(&mut self) -> Result<()> {
        let recorder = Recorder::new(self.gpu());
        self.waiting = 0;
        std::mem::replace(&mut self.recorder, recorder).submit()
    }

    fn of(&mut self, host: &HostTensor) -> &mut Upload {
        let new = || Upload { _host: host.clone(), readers: 0, plain: None, packed: Vec::new() };
        self.uploads.entry(host.key()).or_insert_with(new)
    }

    /// Notes that a step has read a tensor of the host. What was made of it belongs to the steps alone after the last one.
    fn read(&mut self, host: &HostTensor) {
        let upload = self.of(host);
        upload.readers -= 1;
        if upload.readers == 0 {
            self.uploads.remove(&host.key());
        }
    }

    pub(super) fn gpu(&self) -> &Gpu {
        self.recorder.gpu()
    }

    /// Uploads a tensor of the host, once.
    pub(super) fn upload(&mut self, host: &HostTensor, spec: TensorSpec) -> Result<Tensor> {
        let tensor = match &self.of(host).plain {
            Some(tensor) => tensor.clone(),
            None => self.upload_anew(host, spec.dtype)?,
        };
        self.of(host).plain = Some(tensor.clone());
        Ok(tensor.reshaped(spec.shape))
    }

    fn upload_anew(&mut self, host: &HostTensor, dtype: DType) -> Result<Tensor> {
        let tensor = host.upload(self.gpu(), dtype)?;
        self.waiting += bytes(tensor.spec());
        Ok(tensor)
    }

    /// Packs a weight of the host, once for all plans that pack it alike.
    pub(super) fn pack<O: Packs>(
        &mut self,
        plan: &Plan<O>,
        host: &HostTensor,
        spec: TensorSpec,
    ) -> Result<PackedWeight> {
        let upload = self.of(host);
        let alike = |weight: &&PackedWeight| weight.spec() == spec && weight.packing == O::packing(plan);
        if let Some(packed) = upload.packed.iter().find(alike) {
            return Ok(packed.clone());
        }
        // The plain weight goes once it is packed, unless it is kept as it lies.
        let plain = upload.plain.clone();
        let plain = plain.map_or_else(|| self.upload_anew(host, spec.dtype), Ok)?.reshaped(spec.shape);
        let packed = plan.pack_weight(&mut self.recorder, &plain)?;
        let upload = self.of(host);
        if packed.kept().is_some() {
            upload.plain = Some(plain);
        }
        upload.packed.push(packed.clone());
        Ok(packed)
    }

    /// The inputs of a step; `known` makes those that the host has.
    pub(super) fn inputs(
        &mut self,
        sources: &Sources,
        mut known: impl FnMut(&mut Self, &'static str, &HostTensor, TensorSpec) -> Result<Input>,
    ) -> Result<Vec<Option<Input>>> {
        let input = |(name, source): &(&'static str, Option<Source>)| match source {
            None => Ok(None),
            Some(Source::Buffer(value)) => Ok(Some(Input::Buffer(*value))),
            Some(Source::Host(host, spec)) => known(self, name, host, *spec).map(Some),
        };
        sources.iter().map(input).collect()
    }
}
