pub(crate) mod concat;
pub(crate) mod split;
pub(crate) mod strided_copy;
