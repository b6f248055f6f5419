pub(crate) mod concat;
pub(crate) mod gather;
pub(crate) mod indexing;
pub(crate) mod scatter;
pub(crate) mod split;
pub(crate) mod strided_copy;
