pub(crate) mod convert;
pub(crate) mod copy_rows;
pub(crate) mod run_starts;
pub(crate) mod sort_counts;
pub(crate) mod sort_offsets;
pub(crate) mod sort_scatter;
pub(crate) mod unmasked_rows;
pub(crate) mod zeros;
