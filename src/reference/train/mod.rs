pub(crate) mod adam;
pub(crate) mod cross_entropy;
pub(crate) mod sgd;
