use pliant::geometry::*;
use pliant::*;
#[test]
fn smoke() {
    pollster::block_on(async {
        let gpu = Gpu::new().await.unwrap();
        println!("{gpu:?} {:?}", gpu.capabilities().features);
        let mut state = 1u64;
        let mut rnd = |n: usize| -> Vec<f32> { (0..n).map(|_| { state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); ((state >> 40) as f32 / (1u64<<24) as f32) * 4.0 - 2.0 }).collect() };
        let op = DeformConv2d { stride: [2,1], padding: [1,0,2,3], dilation: [2,1], groups: 2, offset_groups: 3, ..Default::default() };
        let shapes = DeformConv2dInputs { input: Shape::from([33,6,5,4]), offset: Shape::from([33,36,2,6]), mask: Some(Shape::from([33,18,2,6])), weight: Shape::from([4,3,3,2]), bias: Some(Shape::from([4])) };
        let g = match DeformConv2dGeometry::new(&op, &shapes) { Ok(g) => g, Err(e) => panic!("{e}") };
        let host = shapes.map(|s| rnd(s.elements() as usize));
        let tensors = DeformConv2dInputs { input: Tensor::upload(&gpu, shapes.input, &host.input).unwrap(), offset: Tensor::upload(&gpu, shapes.offset, &host.offset).unwrap(), mask: Some(Tensor::upload(&gpu, shapes.mask.unwrap(), host.mask.as_ref().unwrap()).unwrap()), weight: Tensor::upload(&gpu, shapes.weight, &host.weight).unwrap(), bias: Some(Tensor::upload(&gpu, shapes.bias.unwrap(), host.bias.as_ref().unwrap()).unwrap()) };
        let out = op.forward(&tensors.map(|t| t)).unwrap().download::<f32>().unwrap().await.unwrap();
        let r = reference::deform_conv2d(&g, &host.map(|v| v.as_slice())).unwrap();
        let worst = out.iter().zip(&r.value).map(|(a,b)| (*a as f64 - b).abs()).fold(0.0, f64::max);
        println!("worst {worst} of {}", r.magnitude.iter().cloned().fold(0.0, f64::max));
        assert!(worst < 1e-4);
    });
}
