pub(crate) mod concat;
pub(crate) mod copy;
pub(crate) mod gather;
pub(crate) mod sort;
pub(crate) mod split;
pub(crate) mod strided_copy;
pub(crate) mod zeros;
