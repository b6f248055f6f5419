pub(crate) mod concat;
pub(crate) mod copy;
pub(crate) mod sort;
pub(crate) mod split;
pub(crate) mod zeros;
