use std::sync::Arc;

use super::backward::{Destination, Gradient};
use super::convert::{rounded, widened};
use super::roi::{self, roi_plan};
use super::{Argument, Contract, run};
use crate::error::Result;
use crate::geometry::{RoiAlign, RoiAlignGeometry, RoiAlignGradients, RoiAlignInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};

roi_plan! {
    RoiAlignPlan, RoiAlign, RoiAlignGeometry, RoiAlignInputs {  }, RoiAlignGradients,
    |op| (op.pooled, op.spatial_scale.to_bits(), op.sampling_ratio, op.aligned, op.channels)
}
