// What kernels know that make columns, or sample as those do: shared/window.wgsl.
//
// border     of a deformable window: shared/border.wgsl
// modulated  whether it has masks

struct Params {
    window: Window,
    offsets: Offsets,
    border: u32,
    modulated: u32,
    channels: u32,
    run_first: u32,
    runs: u32,
    tap_first: u32,
    tap_runs: u32,
    run_taps: u32,
    tap_end: u32,
    accumulate: u32,
    columns_first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
