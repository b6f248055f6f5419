//! Compiles every kernel for GPUs that need not be there, by Mesa's RADV, and shows what the machine code is like.
//!
//! `scripts/gpu-shaders` installs RADV and starts this program.

mod chip;
mod listing;
mod spirv;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use chip::Chip;
use spirv::Kernel;
use table::{Limits, Outcome, Row};

/// Compile every kernel for GPUs that need not be there, and show what the machine code is like
#[derive(Debug, Parser)]
struct Arguments {
    /// Print nothing but breaches of the limits in FILE, and fail where there are any
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kernel", "shares"])]
    check: Option<PathBuf>,
    /// Print the shares of multiply-adds as such a file has them
    #[arg(long)]
    shares: bool,
    /// Only kernels with this in their names
    #[arg(long, value_name = "PART", default_value = "")]
    kernel: String,
    /// Write the machine code of each kernel to FOLDER/KERNEL.CHIP.s
    #[arg(long, value_name = "FOLDER")]
    listings: Option<PathBuf>,
    /// Write the SPIR-V of each kernel to FOLDER/KERNEL.spv, and compile nothing
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["check", "shares", "listings"])]
    spirv: Option<PathBuf>,
}

/// A failure to be told to whoever started the program.
#[derive(Debug)]
enum Failure {
    /// The machine lacks something.
    Missing(String),
    Other(String),
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Other(text)
    }
}

/// The chips, by the names that RADV of `MESA` has for them: GCN, RDNA 2 and RDNA 3.
const CHIPS: [&str; 3] = ["VEGA20", "NAVI21", "GFX1100"];

/// The version of Mesa that the names of the chips and the limits hold for.
const MESA: &str = "Mesa 22.3.";

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(code) => code,
        Err(Failure::Missing(what)) => {
            eprintln!("gpu-shaders: {what}");
            ExitCode::from(3)
        }
        Err(Failure::Other(what)) => {
            eprintln!("gpu-shaders: {what}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let limits = match &arguments.check {
        None => Limits::default(),
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            Limits::read(&text).map_err(|error| format!("{}, {error}", file.display()))?
        }
    };
    let mut kernels = Vec::new();
    for shader in pliant::shader_texts() {
        if shader.label.contains(&arguments.kernel) {
            let label = shader.label.clone();
            kernels.push(Kernel::new(shader).map_err(|error| format!("{label}: {error}"))?);
        }
    }
    if kernels.is_empty() {
        return Err(Failure::Other(format!("no kernel has '{}' in its name", arguments.kernel)));
    }
    if let Some(folder) = &arguments.spirv {
        for kernel in &kernels {
            let bytes: Vec<u8> = kernel.words.iter().flat_map(|word| word.to_le_bytes()).collect();
            write(folder, &format!("{}.spv", kernel.label), &bytes)?;
        }
        return Ok(ExitCode::SUCCESS);
    }

    let chips = open_chips()?;
    let mut rows = Vec::new();
    for kernel in &kernels {
        for chip in &chips {
            let outcome = compile(chip, kernel);
            if let (Some(folder), Outcome::Compiled(code, _)) = (&arguments.listings, &outcome) {
                write(folder, &format!("{}.{}.s", kernel.label, chip.name), code.listing.as_bytes())?;
            }
            let (kernel, for_gpus, invocations) = (kernel.label.clone(), kernel.for_gpus(), kernel.invocations);
            rows.push(Row { kernel, for_gpus, invocations, chip: chip.name, outcome });
        }
    }
    if arguments.check.is_none() {
        print!("{}", if arguments.shares { table::shares(&rows) } else { table::markdown(&rows) });
        return Ok(ExitCode::SUCCESS);
    }
    let breaches = limits.breaches(&rows);
    breaches.iter().for_each(|breach| eprintln!("gpu-shaders: {breach}"));
    if !breaches.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let left = kernels.iter().filter(|kernel| rows.iter().any(|row| row.kernel == kernel.label && row.left())).count();
    let compiled = kernels.len() - left;
    println!("gpu-shaders: {compiled} kernels keep their limits on {}; {left} were not compiled", CHIPS.join(", "));
    Ok(ExitCode::SUCCESS)
}

/// Opens all chips. The first is known to newer versions of Mesa too, which end the program where they don't know a chip.
fn open_chips() -> Result<Vec<Chip>, Failure> {
    let mut chips: Vec<Chip> = Vec::new();
    for name in CHIPS {
        let chip = Chip::open(name).map_err(Failure::Missing)?;
        if !chip.driver.starts_with(MESA) {
            return Err(Failure::Missing(format!("this needs {MESA}x; here is {}", chip.driver)));
        }
        chips.push(chip);
    }
    Ok(chips)
}

fn compile(chip: &Chip, kernel: &Kernel) -> Outcome {
    if kernel.cooperative && !chip.cooperative_matrices {
        return Outcome::Left("the driver has no cooperative matrices");
    }
    match chip.compile(kernel) {
        Err(error) => Outcome::Failed(error),
        Ok(code) => {
            let hottest = listing::hottest(&code.listing);
            Outcome::Compiled(code, hottest)
        }
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), String> {
    let file = folder.join(name);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, bytes));
    written.map_err(|error| format!("{}: {error}", file.display()))
}
