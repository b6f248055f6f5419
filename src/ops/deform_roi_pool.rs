use std::sync::Arc;

use super::backward::{Destination, Gradient};
use super::convert::{rounded, widened};
use super::roi::{self, roi_plan};
use super::{Argument, Contract, run};
use crate::error::Result;
use crate::geometry::{DeformRoiPool, DeformRoiPoolGeometry, DeformRoiPoolGradients, DeformRoiPoolInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};

roi_plan! {
    DeformRoiPoolPlan, DeformRoiPool, DeformRoiPoolGeometry, DeformRoiPoolInputs { offset }, DeformRoiPoolGradients,
    |op| {
        (op.pooled, op.spatial_scale.to_bits(), op.sampling_ratio, op.gamma.to_bits(), op.offset_gradient)
    }
}
