//! Memory by lifetime: values that are not needed at the same time lie in the same memory.

use std::collections::HashMap;

use crate::gpu::TensorSpec;

/// The buffers that a step reads, and those that it writes.
#[derive(Debug, Clone, Default)]
pub(super) struct Uses {
    pub(super) reads: Vec<usize>,
    pub(super) writes: Vec<usize>,
}

impl Uses {
    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        self.reads.iter().chain(&self.writes).copied()
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut usize> {
        self.reads.iter_mut().chain(&mut self.writes)
    }
}

/// Buffers that lie within others: for each the outermost around it, and the element of that at which it begins.
pub(super) type Within = HashMap<usize, (usize, u64)>;

/// The bytes of a buffer.
pub(super) fn bytes(spec: TensorSpec) -> u64 {
    (spec.shape.elements() * spec.dtype.size()).next_multiple_of(4)
}

/// Where buffers lie that steps write.
#[derive(Debug)]
pub(super) struct Layout {
    /// The slot of each buffer; `None` where it is not in one.
    pub(super) slots: Vec<Option<usize>>,
    /// The bytes of each slot.
    pub(super) sizes: Vec<u64>,
}

/// Gives each buffer that steps write, in parts or as a whole, a slot of memory for as long as steps use it; `elsewhere` are those that lie in none.
/// wgpu binds no buffer to be read and written at once, so that slots are whole buffers, and none serves two of those that a step uses.
pub(super) fn layout(steps: &[Uses], bytes: &[u64], elsewhere: impl Fn(usize) -> bool) -> Layout {
    let mut last = vec![0; bytes.len()];
    for (index, step) in steps.iter().enumerate() {
        step.all().for_each(|buffer| last[buffer] = index);
    }
    let mut layout = Layout { slots: vec![None; bytes.len()], sizes: Vec::new() };
    let mut free: Vec<usize> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        for &buffer in step.writes.iter().filter(|buffer| !elsewhere(**buffer)) {
            if layout.slots[buffer].is_some() {
                continue;
            }
            let (sizes, needs) = (&mut layout.sizes, bytes[buffer]);
            // The smallest that is large enough, else the largest, which grows.
            let fitting = free.iter().copied().filter(|&slot| sizes[slot] >= needs).min_by_key(|&slot| sizes[slot]);
            let slot = fitting.or_else(|| free.iter().copied().max_by_key(|&slot| sizes[slot]));
            let slot = slot.unwrap_or_else(|| {
                sizes.push(0);
                sizes.len() - 1
            });
            free.retain(|other| *other != slot);
            sizes[slot] = sizes[slot].max(needs);
            layout.slots[buffer] = Some(slot);
        }
        let mut spent: Vec<_> = step.all().filter(|&buffer| last[buffer] == index).collect();
        spent.sort_unstable();
        spent.dedup();
        free.extend(spent.into_iter().filter_map(|buffer| layout.slots[buffer]));
    }
    layout
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_lies_in_two_slots() {
        let steps: Vec<_> = (0..9).map(|index| Uses { reads: vec![index], writes: vec![index + 1] }).collect();
        let layout = layout(&steps, &[4, 100, 80, 60, 90, 120, 10, 10, 10, 7], |buffer| buffer == 9);
        assert_eq!(layout.sizes.len(), 2);
        assert_eq!(layout.sizes.iter().sum::<u64>(), 210);
        assert_eq!((layout.slots[0], layout.slots[9]), (None, None));
    }

    /// Of random graphs: what is in use at a time is apart, and each slot as large as what lies in it.
    #[test]
    fn values_in_use_are_apart() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let many = rng.usize(2..40);
            let bytes: Vec<_> = (0..many).map(|_| rng.u64(1..100)).collect();
            let step = |rng: &mut fastrand::Rng, write: usize| Uses {
                reads: (0..rng.usize(1..4)).map(|_| rng.usize(0..write)).collect(),
                writes: vec![write],
            };
            let steps: Vec<_> = (1..many).map(|write| step(&mut rng, write)).collect();
            let Layout { slots, sizes } = layout(&steps, &bytes, |_| false);
            for (at, _) in steps.iter().enumerate() {
                let written =
                    (1..=at + 1).filter(|&buffer| steps[at..].iter().any(|step| step.all().any(|of| of == buffer)));
                let used: Vec<_> = written.map(|buffer| (buffer, slots[buffer].unwrap())).collect();
                assert!(used.iter().all(|(buffer, slot)| bytes[*buffer] <= sizes[*slot]));
                let apart =
                    |(buffer, slot): &(usize, usize)| used.iter().all(|(other, of)| other == buffer || of != slot);
                assert!(used.iter().all(apart), "{steps:?}");
            }
        }
    }
}
