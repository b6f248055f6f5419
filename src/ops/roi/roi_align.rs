use std::sync::Arc;

use crate::error::Result;
use crate::geometry::{RoiAlign, RoiAlignGeometry, RoiAlignGradients, RoiAlignInputs};
use crate::gpu::{Gpu, Recorder, Tensor, TensorSpec};
use crate::ops::plan::{Argument, Contract, run};
use crate::ops::plan::{Destination, Gradient};
use crate::ops::plan::{rounded, widened};
use crate::ops::roi::roi::{self, roi_plan};

roi_plan! {
    RoiAlignPlan, RoiAlign, RoiAlignGeometry, RoiAlignInputs {  }, RoiAlignGradients,
    |op| (op.pooled, op.spatial_scale.to_bits(), op.sampling_ratio, op.aligned, op.channels)
}
