//! Layers: attributes, what they read and learn, and checked problems. Public as `pliant::nn`.

mod deform_conv2d;
mod deform_roi_pool;

pub use super::train::{Adam, AdamGeometry, AdamInputs, Sgd, SgdGeometry, SgdInputs};
pub use deform_conv2d::{
    DeformConv2d, DeformConv2dField, DeformConv2dGeometry, DeformConv2dGradients, DeformConv2dInputs,
    DeformConv2dParameters, DeformConv2dSizes, Mask,
};

pub use deform_roi_pool::{
    DeformRoiPoolGeometry, DeformRoiPoolGradients, DeformRoiPoolInputs, DeformRoiPoolParameters, DeformRoiPoolSizes,
};

pub(crate) use deform_conv2d::OffsetField;
