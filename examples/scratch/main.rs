#![allow(missing_docs)]
use pliant::geometry::*;
use pliant::*;
fn main() {
    pollster::block_on(async {
        let gpu = Gpu::new().await.unwrap();
        let args: Vec<u32> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
        let (m, n, k) = (args[0], args[1], args[2]);
        let a = Tensor::upload(&gpu, [1, m, k], &vec![0.5f32; (m * k) as usize]).unwrap();
        let b = Tensor::upload(&gpu, [1, n, k], &vec![0.25f32; (n * k) as usize]).unwrap();
        let op = Matmul { transpose_a: false, transpose_b: true };
        let inputs = MatmulInputs { a: &a, b: &b };
        let plan = MatmulPlan::new(&gpu, &op, &inputs.map(|t| t.spec())).unwrap();
        let out = Tensor::new(&gpu, [1, m, n], DType::F32).unwrap();
        for i in 0..6 {
            let mut r = Recorder::new(&gpu);
            plan.forward_into(&mut r, &inputs, &out).unwrap();
            let t = std::time::Instant::now();
            r.submit().unwrap();
            gpu.wait().unwrap();
            let s = t.elapsed().as_secs_f64();
            println!("{i}: {:.1} ms {:.2} GF/s", s * 1e3, 2.0 * m as f64 * n as f64 * k as f64 / s * 1e-9);
        }
        println!("{}", out.download::<f32>().unwrap().await.unwrap()[0]);
    });
}
