pub(crate) mod batch_norm;
pub(crate) mod binary;
pub(crate) mod broadcast;
pub(crate) mod unary;
