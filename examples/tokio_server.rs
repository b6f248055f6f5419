//! A server under tokio: many requests at once, one `Gpu`, one plan, weights packed once. Requests and answers are raw f32 over TCP on
//! this machine; clients in the same program send a ramp each and know the answer.
//!
//! `cargo run --release --example tokio_server`

use std::sync::Arc;

use pliant::{
    Argument, DType, DeformConv2d, DeformConv2dInputs, DeformConv2dPlan, Gpu, PackedWeight, Recorder, Tensor,
    TensorSpec,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Images of one channel, 32 x 32.
const SIDE: u32 = 32;
const ELEMENTS: usize = (SIDE * SIDE) as usize;
const CLIENTS: u32 = 64;
const REQUESTS: u32 = 8;

/// State that all requests share.
struct Layer {
    gpu: Gpu,
    plan: DeformConv2dPlan,
    weight: PackedWeight,
    offset: Tensor,
}

impl Layer {
    /// One tap that samples half a pixel to the right of each pixel, and doubles.
    async fn new() -> pliant::Result<Self> {
        let gpu = Gpu::new().await?;
        gpu.warm_up().await?;
        let weight = Tensor::upload(&gpu, [1, 1, 1, 1], &[2.0f32])?;
        let offset: Vec<f32> = (0..2 * ELEMENTS).map(|element| if element < ELEMENTS { 0.0 } else { 0.5 }).collect();
        let offset = Tensor::upload(&gpu, [1, 2, SIDE, SIDE], &offset)?;
        let input = TensorSpec { shape: [1, 1, SIDE, SIDE].into(), dtype: DType::F32 };
        let specs = DeformConv2dInputs { input, offset: offset.spec(), weight: weight.spec(), mask: None, bias: None };
        let plan = DeformConv2dPlan::new(&gpu, &DeformConv2d::default(), &specs)?;
        let mut recorder = Recorder::new(&gpu);
        let weight = plan.pack_weight(&mut recorder, &weight)?;
        recorder.submit()?;
        Ok(Self { gpu, plan, weight, offset })
    }

    /// One request. While the device works, the task sleeps.
    async fn answer(&self, image: &[f32]) -> pliant::Result<Vec<f32>> {
        let input = &Tensor::upload(&self.gpu, [1, 1, SIDE, SIDE], image)?;
        let (offset, weight) = (Argument::from(&self.offset), Argument::from(&self.weight));
        let inputs = DeformConv2dInputs { input: input.into(), offset, weight, mask: None, bias: None };
        let mut recorder = Recorder::new(&self.gpu);
        let output = self.plan.forward(&mut recorder, &inputs)?;
        recorder.submit()?;
        output.into_download()?.await
    }
}

/// Answers the requests of one client, until it hangs up.
async fn serve(layer: &Layer, mut client: TcpStream) -> Result<(), Failure> {
    let mut bytes = vec![0; 4 * ELEMENTS];
    while client.read_exact(&mut bytes).await.is_ok() {
        let image: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
        client.write_all(bytemuck::cast_slice(&layer.answer(&image).await?)).await?;
    }
    Ok(())
}

/// Sends ramps that rise by 1 a pixel: half a pixel to the right, doubled, is 2 x + 1; at the right edge half of it is outside.
async fn ask(address: std::net::SocketAddr, client: u32) -> Result<u32, Failure> {
    let mut server = TcpStream::connect(address).await?;
    for request in 0..REQUESTS {
        let image: Vec<f32> = (0..SIDE * SIDE).map(|pixel| (client + request + pixel % SIDE) as f32).collect();
        server.write_all(bytemuck::cast_slice(&image)).await?;
        let mut bytes = vec![0; 4 * ELEMENTS];
        server.read_exact(&mut bytes).await?;
        let answer: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
        for (pixel, (sent, got)) in image.iter().zip(answer).enumerate() {
            let edge = pixel as u32 % SIDE == SIDE - 1;
            let expected = if edge { *sent } else { 2.0 * sent + 1.0 };
            if (got - expected).abs() > 1e-3 {
                return Err(format!("client {client}, pixel {pixel}: {got}, expected {expected}").into());
            }
        }
    }
    Ok(REQUESTS)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let layer = Arc::new(Layer::new().await?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let before = layer.gpu.counts();

    let mut clients = JoinSet::new();
    (0..CLIENTS).for_each(|client| drop(clients.spawn(ask(address, client))));
    let mut servers = JoinSet::new();
    for _ in 0..CLIENTS {
        let (client, _) = listener.accept().await?;
        let layer = Arc::clone(&layer);
        servers.spawn(async move { serve(&layer, client).await });
    }
    let mut answers = 0;
    while let Some(client) = clients.join_next().await {
        answers += client??;
    }
    while let Some(server) = servers.join_next().await {
        server??;
    }
    let after = layer.gpu.counts();
    println!(
        "{:?}: {answers} right answers to {CLIENTS} clients; pipelines made meanwhile: {}, bytes of workspace: {}",
        layer.gpu,
        after.pipelines - before.pipelines,
        after.buffer_bytes,
    );
    Ok(())
}
