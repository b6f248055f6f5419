use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    device: crate::device::Device,
}

pub(crate) async fn main(arguments: Arguments) -> Result<ExitCode, crate::Failure> {
    let gpu = arguments.device.gpu().await?;
    println!("{gpu:?}");
    Ok(ExitCode::SUCCESS)
}
