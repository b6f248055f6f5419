use std::sync::Arc;

use super::backward::{Destination, Gradient};
use super::convert::{rounded, widened};
use super::roi::{self, roi_plan};
use super::{Argument, Contract, run};
use crate::error::Result;
use crate::geometry::{DeformPsRoiPool, DeformPsRoiPoolGeometry, DeformPsRoiPoolGradients, DeformPsRoiPoolInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};

roi_plan! {
    DeformPsRoiPoolPlan, DeformPsRoiPool, DeformPsRoiPoolGeometry, DeformPsRoiPoolInputs { offset }, DeformPsRoiPoolGradients,
    |op| {
        let sizes = [op.output_dim, op.group_size, op.pooled_size, op.part_size];
        (sizes, op.spatial_bins, op.spatial_scale.to_bits(), op.trans_std.to_bits())
    }
}
