use std::sync::Arc;

use crate::error::Result;
use crate::geometry::{DeformPsRoiPool, DeformPsRoiPoolGeometry, DeformPsRoiPoolGradients, DeformPsRoiPoolInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::plan::{Argument, Contract, run};
use crate::ops::plan::{Destination, Gradient};
use crate::ops::plan::{rounded, widened};
use crate::ops::roi::roi::{self, roi_plan};

roi_plan! {
    DeformPsRoiPoolPlan, DeformPsRoiPool, DeformPsRoiPoolGeometry, DeformPsRoiPoolInputs { offset }, DeformPsRoiPoolGradients,
    |op| {
        let sizes = [op.output_dim, op.group_size, op.pooled_size, op.part_size];
        (sizes, op.spatial_bins, op.spatial_scale.to_bits(), op.trans_std.to_bits())
    }
}
