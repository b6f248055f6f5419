use crate::gpu::{File, axis, wgsl};

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
        if whole_quads(counts) { Self::Quads } else { Self::Elements }
    }

    /// The files that store four elements of an output side by side.
    pub(crate) fn files(self) -> &'static [File] {
        match self {
            Self::Elements => wgsl!["shared/quads/store_elements.wgsl"],
            Self::Quads => wgsl!["shared/quads/store_quads.wgsl"],
        }
    }
}

/// Whether all of these counts of elements are whole quads.
pub(crate) fn whole_quads(counts: &[u32]) -> bool {
    counts.iter().all(|count| count.is_multiple_of(4))
}
