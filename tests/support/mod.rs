//! What the tests and the example program share: problems with their inputs, cases from other systems, and the one comparison.

pub(crate) mod case;
pub(crate) mod compare;
pub(crate) mod door;
pub(crate) mod problem;
pub(crate) mod random;
