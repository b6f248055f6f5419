use crate::error::Result;
use crate::gpu::{Gpu, Iterations, Kernel, Recorder};
use crate::kernels::conv::fused::{Dispatch, Steps, stored, with_sampler};

/// A plain window's kernel, and a deformable one's.
pub(crate) static FUSED_DIRECT: [Kernel; 2] = [
    Kernel {
        name: "fused_direct",
        variant: "window",
        files: with_sampler!(window: "conv/fused_direct.wgsl"),
        workgroup_size: 64,
    },
    Kernel {
        name: "fused_direct",
        variant: "deform",
        files: with_sampler!(deform: "conv/fused_direct.wgsl"),
        workgroup_size: 64,
    },
];

/// Rows and pixels that one workgroup does.
pub(crate) const TILE: [u32; 2] = [4, 64];

pub(crate) fn steps() -> Steps {
    Steps { terms: 1, each: Iterations::NONE, store: stored() }
}

pub(crate) fn compile(gpu: &Gpu, deformable: bool) -> Result<()> {
    gpu.compile(&FUSED_DIRECT[usize::from(deformable)])
}

pub(crate) fn fused_direct(recorder: &mut Recorder, dispatch: &Dispatch) -> Result<()> {
    let kernel = &FUSED_DIRECT[usize::from(dispatch.offsets.is_some())];
    let work = dispatch.work(recorder.gpu().capabilities(), TILE);
    let (workgroups, iterations) = (dispatch.workgroups(TILE), steps().iterations(dispatch.terms()));
    recorder.dispatch_workgroups(kernel, &dispatch.uniform(), &dispatch.bindings(), workgroups, work, iterations)
}
