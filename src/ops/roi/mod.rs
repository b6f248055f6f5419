mod ops;
mod pooling;
