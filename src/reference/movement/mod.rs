pub(crate) mod gather;
pub(crate) mod scatter;
pub(crate) mod sections;
pub(crate) mod strided_copy;
