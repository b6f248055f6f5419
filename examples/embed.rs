//! pliant in an application that has a device, a queue and an encoder of its own: two ops around a pass of the application's, one submit.
//!
//! `cargo run --release --example embed`

use pliant::geometry::{Conv2dGeometry, DeformConv2dGeometry};
use pliant::{
    Conv2d, Conv2dInputs, Conv2dPlan, DeformConv2d, DeformConv2dInputs, DeformConv2dPlan, Gpu, Recorder, Tensor,
    reference, wgpu,
};

/// The application's own shader: it keeps offsets within three pixels.
const CLAMP: &str = "
@group(0) @binding(0) var<storage, read_write> offset: array<f32>;

@compute @workgroup_size(64)
fn clamp_offset(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < arrayLength(&offset) {
        offset[id.x] = clamp(offset[id.x], -3.0, 3.0);
    }
}";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    pollster::block_on(application())
}

async fn application() -> Result<(), Box<dyn std::error::Error>> {
    // What the application has: a device and a queue, made for its own purposes.
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await?;
    let (device, queue) = adapter.request_device(&wgpu::DeviceDescriptor::default()).await?;
    let clamp = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("clamp_offset"),
        layout: None,
        module: &device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("clamp_offset"),
            source: wgpu::ShaderSource::Wgsl(CLAMP.into()),
        }),
        entry_point: None,
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });

    // Once: plans for a layer whose offsets are a convolution of its own input, 8 channels to 18, then 8 to 8.
    let gpu = Gpu::from_wgpu(device.clone(), queue.clone(), Some(&adapter))?;
    let mut rng = fastrand::Rng::with_seed(1);
    let mut drawn = |elements: u32| -> Vec<f32> { (0..elements).map(|_| rng.f32() - 0.5).collect() };
    let (image, offset_weight, layer_weight) = (drawn(8 * 24 * 32), drawn(18 * 8 * 9), drawn(8 * 8 * 9));
    let input = Tensor::upload(&gpu, [1, 8, 24, 32], &image)?;
    let offset_op = Conv2d { padding: [1; 4], ..Conv2d::default() };
    let offset_inputs =
        Conv2dInputs { input: &input, weight: &Tensor::upload(&gpu, [18, 8, 3, 3], &offset_weight)?, bias: None };
    let offset_plan = Conv2dPlan::new(&gpu, &offset_op, &offset_inputs)?;

    // Each frame: our op, the application's pass, our op; recorded, encoded, submitted once.
    let mut before = Recorder::new(&gpu);
    let offset = offset_plan.forward(&mut before, &offset_inputs)?;
    let op = DeformConv2d { padding: [1; 4], ..DeformConv2d::default() };
    let inputs = DeformConv2dInputs {
        input: &input,
        offset: &offset,
        mask: None,
        weight: &Tensor::upload(&gpu, [8, 8, 3, 3], &layer_weight)?,
        bias: None,
    };
    let plan = DeformConv2dPlan::new(&gpu, &op, &inputs)?;
    let mut after = Recorder::new(&gpu);
    let output = plan.forward(&mut after, &inputs)?;

    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    before.encode(&mut encoder);
    {
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &clamp.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: offset.buffer().as_entire_binding() }],
        });
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(&clamp);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.dispatch_workgroups((18 * 24 * 32u32).div_ceil(64), 1, 1);
    }
    after.encode(&mut encoder);
    queue.submit([encoder.finish()]);
    let actual: Vec<f32> = output.download()?.await?;

    // The same by definition.
    let geometry = Conv2dGeometry::new(&offset_op, &offset_inputs.map(|tensor| tensor.shape()))?;
    let by_definition = Conv2dInputs { input: &image[..], weight: &offset_weight[..], bias: None };
    let mut offset = reference::conv2d(&geometry, &by_definition)?.value;
    offset.iter_mut().for_each(|value| *value = value.clamp(-3.0, 3.0));
    let [image, weight] =
        [&image, &layer_weight].map(|values| values.iter().copied().map(f64::from).collect::<Vec<_>>());
    let geometry = DeformConv2dGeometry::new(&op, &inputs.map(|tensor| tensor.shape()))?;
    let by_definition =
        DeformConv2dInputs { input: &image[..], offset: &offset, mask: None, weight: &weight[..], bias: None };
    let expected = reference::deform_conv2d(&geometry, &by_definition)?.value;
    let largest = actual.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
    println!("{gpu:?}: largest difference to the reference {largest:.2e}");
    if largest < 1e-4 { Ok(()) } else { Err("that is more than rounding explains".into()) }
}
