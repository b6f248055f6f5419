pub(crate) mod concat;
pub(crate) mod copy;
pub(crate) mod gather;
pub(crate) mod scatter;
pub(crate) mod sort;
pub(crate) mod split;
pub(crate) mod strided_copy;
mod strided_copy_backward;
pub(crate) mod zeros;
