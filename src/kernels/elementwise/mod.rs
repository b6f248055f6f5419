pub(crate) mod batch_norm;
pub(crate) mod binary;
pub(crate) mod offset_field;
pub(crate) mod offset_field_backward;
pub(crate) mod unary;
pub(crate) mod unary_backward;
