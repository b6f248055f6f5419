//! Upper bounds of the device: its rates in a plain matrix product and in a plain copy, which the times of a convolution are compared with.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use fastrand::Rng;
use pliant::{DType, Gpu, Matmul, MatmulInputs, MatmulPlan, Tensor, wgpu};
use pliant_support::random;

use super::layers::Job;
use super::progress::Progress;
use super::timing::Times;
use crate::Failure;

/// A product as (batch, rows, columns, depth).
type Product = [u32; 4];

const SQUARE: Product = [1, 1024, 1024, 1024];

/// Rates measured so far.
pub(crate) struct Ceilings {
    gpu: Gpu,
    enough: Duration,
    products: HashMap<(Product, DType), f64>,
    copy: f64,
}

impl Ceilings {
    /// Measures each for about this long.
    pub(crate) async fn new(gpu: Gpu, enough: Duration) -> Result<Self, Failure> {
        let copy = copy(&gpu, enough)?;
        let mut ceilings = Self { gpu, enough, products: HashMap::new(), copy };
        ceilings.product(SQUARE, DType::F32).await?;
        Ok(ceilings)
    }

    /// The device that they are measured on.
    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Bytes read and written in a second by a copy from buffer to buffer.
    pub(crate) fn copy(&self) -> f64 {
        self.copy
    }

    /// The best of all products so far, in floating-point operations a second.
    pub(crate) fn best(&self) -> f64 {
        self.products.values().copied().fold(0.0, f64::max)
    }

    /// Floating-point operations a second of a product: the better one of a square one and of the job's own contraction, either as
    /// the job stores its tensors or in `f32`.
    pub(crate) async fn matmul(&mut self, job: &Job<'_>) -> Result<f64, Failure> {
        /// Elements of a matrix: a larger contraction is cut along its columns.
        const MOST: u64 = 1 << 24;
        let [batch, _, height, width] = [0, 1, 2, 3].map(|axis| job.grad_output.shape.extents()[axis]);
        let [out_channels, group_channels, kernel_height, kernel_width] =
            [0, 1, 2, 3].map(|axis| job.inputs.weight.shape.extents()[axis]);
        let groups = job.layer.op.groups;
        let depth = group_channels * kernel_height * kernel_width;
        let rows = out_channels / groups;
        let most = MOST / u64::from(groups) / u64::from(depth.max(rows));
        let columns = (u64::from(batch) * u64::from(height) * u64::from(width)).min(most.max(1)) as u32;
        let mut best = 0f64;
        for dtype in [DType::F32, job.dtype] {
            for product in [SQUARE, [groups, rows, columns, depth]] {
                best = best.max(self.product(product, dtype).await?);
            }
        }
        Ok(best)
    }

    async fn product(&mut self, product: Product, dtype: DType) -> Result<f64, Failure> {
        if let Some(&rate) = self.products.get(&(product, dtype)) {
            return Ok(rate);
        }
        let [batch, rows, columns, depth] = product;
        let mut rng = Rng::with_seed(10);
        let inputs = MatmulInputs { a: [batch, rows, depth], b: [batch, depth, columns], bias: None };
        let inputs = inputs.try_map(|shape| random::uniform(&mut rng, *shape).upload_as(&self.gpu, dtype))?;
        let plan = MatmulPlan::new(&self.gpu, &Matmul::default(), &inputs)?;
        let output = Tensor::new(&self.gpu, [batch, rows, columns], dtype)?;
        let progress = Progress::new("a matrix product".to_string(), 1);
        let times =
            Times::new(&self.gpu, self.enough, progress, |recorder| plan.forward_into(recorder, &inputs, &output));
        let flops = 2.0 * product.iter().map(|&extent| f64::from(extent)).product::<f64>();
        let rate = flops / times.await?.seconds();
        self.products.insert((product, dtype), rate);
        self.gpu.trim();
        Ok(rate)
    }
}

/// Bytes read and written in a second by copies of 256 MB, or of the largest buffer.
fn copy(gpu: &Gpu, enough: Duration) -> Result<f64, Failure> {
    const BYTES: u64 = 1 << 28;
    /// In one submission: what submitting costs counts little.
    const COPIES: usize = 4;
    const RUNS: usize = 5;
    let bytes = BYTES.min(gpu.capabilities().limits.max_buffer_size);
    let buffer = || {
        gpu.device().create_buffer(&wgpu::BufferDescriptor {
            label: Some("copied"),
            size: bytes,
            usage: wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    };
    let (from, to) = (buffer(), buffer());
    let mut least = Duration::MAX;
    let begin = Instant::now();
    let mut runs = 0;
    while runs < RUNS || begin.elapsed() < enough {
        let mut encoder = gpu.device().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for _ in 0..COPIES {
            encoder.copy_buffer_to_buffer(&from, 0, &to, 0, bytes);
        }
        let commands = encoder.finish();
        let start = Instant::now();
        gpu.queue().submit([commands]);
        gpu.wait()?;
        // The first one also zeroes the buffers.
        if runs > 0 {
            least = least.min(start.elapsed());
        }
        runs += 1;
    }
    Ok((2 * COPIES as u64 * bytes) as f64 / least.as_secs_f64())
}
