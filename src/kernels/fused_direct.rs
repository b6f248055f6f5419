use super::fused::{Dispatch, STORE_ITERATIONS, Steps, with_sampler};
use crate::error::Result;
use crate::gpu::{Gpu, Kernel, Recorder};

/// A plain window's kernel, and a deformable one's.
pub(crate) static FUSED_DIRECT: [Kernel; 2] = [
    Kernel {
        name: "fused_direct",
        variant: "window",
        files: with_sampler!(window: "fused_direct.wgsl"),
        workgroup_size: 64,
    },
    Kernel {
        name: "fused_direct",
        variant: "deform",
        files: with_sampler!(deform: "fused_direct.wgsl"),
        workgroup_size: 64,
    },
];

/// Rows and pixels that one workgroup does.
pub(crate) const TILE: [u32; 2] = [4, 64];

pub(crate) const STEPS: Steps = Steps { terms: 1, each: 1, store: STORE_ITERATIONS };

pub(crate) fn compile(gpu: &Gpu, deformable: bool) -> Result<()> {
    gpu.compile(&FUSED_DIRECT[usize::from(deformable)])
}

pub(crate) fn fused_direct(recorder: &mut Recorder, dispatch: &Dispatch) -> Result<()> {
    let kernel = &FUSED_DIRECT[usize::from(dispatch.offsets.is_some())];
    let work = dispatch.work(recorder.gpu().capabilities(), TILE);
    let (workgroups, iterations) = (dispatch.workgroups(TILE), STEPS.iterations(dispatch.terms()));
    recorder.dispatch_workgroups(kernel, &dispatch.uniform(), &dispatch.bindings(), workgroups, work, iterations)
}
