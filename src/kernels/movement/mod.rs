pub(crate) mod convert;
pub(crate) mod copy_rows;
