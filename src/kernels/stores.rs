use crate::gpu::axis;

/// How rows of an output are stored: element by element, or in quads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stores {
    Elements,
    Quads,
}

axis!(Stores { Elements: "", Quads: "quads" });

impl Stores {
    /// Quads where these counts of elements, which lead from one quad to the others, are whole quads.
    pub(crate) fn of(counts: &[u32]) -> Self {
        if counts.iter().all(|count| count.is_multiple_of(4)) { Self::Quads } else { Self::Elements }
    }
}
