pub(crate) mod concat;
pub(crate) mod split;
