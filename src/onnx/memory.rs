//! Memory by lifetime: values that are not needed at the same time lie in the same memory.

use std::collections::HashMap;

/// The buffers that a step reads, and those that it writes.
#[derive(Debug, Clone, Default)]
pub(super) struct Uses {
    pub(super) reads: Vec<usize>,
    pub(super) writes: Vec<usize>,
}

impl Uses {
    fn all(&self) -> impl Iterator<Item = usize> {
        self.reads.iter().chain(&self.writes).copied()
    }
}

/// Buffers that lie within others: for each the buffer around it and the element of that at which it begins.
#[derive(Debug, Default)]
pub(super) struct Within(HashMap<usize, (usize, u64)>);

impl Within {
    pub(super) fn has(&self, buffer: usize) -> bool {
        self.0.contains_key(&buffer)
    }

    pub(super) fn insert(&mut self, buffer: usize, around: usize, first: u64) {
        self.0.insert(buffer, (around, first));
    }

    pub(super) fn remove(&mut self, buffer: usize) {
        self.0.remove(&buffer);
    }

    /// The outermost buffer around one, which is that itself where it lies in none, and the element at which it begins there.
    pub(super) fn outermost(&self, buffer: usize) -> (usize, u64) {
        let (mut of, mut at) = (buffer, 0);
        while let Some((around, first)) = self.0.get(&of) {
            (of, at) = (*around, at + first);
        }
        (of, at)
    }

    /// Each buffer that lies in another, with the outermost one around it and the element at which it begins there.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        self.0.keys().map(|&buffer| {
            let (around, first) = self.outermost(buffer);
            (buffer, around, first)
        })
    }

    /// The uses of the outermost buffers.
    pub(super) fn uses(&self, uses: &Uses) -> Uses {
        let outermost = |buffers: &[usize]| buffers.iter().map(|&buffer| self.outermost(buffer).0).collect();
        Uses { reads: outermost(&uses.reads), writes: outermost(&uses.writes) }
    }
}

/// Where buffers lie that steps write.
#[derive(Debug)]
pub(super) struct Layout {
    /// The slot of each buffer; `None` where it is not in one.
    pub(super) slots: Vec<Option<usize>>,
    /// The bytes of each slot.
    pub(super) sizes: Vec<u64>,
}

/// Gives each buffer that steps write, one of them or several, a slot of memory for as long as steps use it; `elsewhere` are those that lie in none. wgpu binds no
/// buffer to be read and written at once, so that slots are whole buffers, and none serves two values of one step.
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
