//! `onnx`: a model from an ONNX file, on a picture or on inputs from NumPy's files.

mod check;
mod explain;
mod picture;
mod stages;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use pliant::onnx::{ElementType, HostTensor, Model, ModelInput, ModelOptions, ModelPlan, Rule, ValueInfo};
use pliant::{DType, Error, Gpu, Recorder, Tensor, TensorSpec};
use pliant_support::chart::Kind as ChartKind;
use pliant_support::device::Device;
use pliant_support::npy::{Array, Kind, named};
use pliant_support::output;

use crate::Failure;
use explain::Explain;
use picture::{Picture, is_picture};
use stages::Stages;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The model; with --check, folders of a model.onnx, inputs/NAME.npy and outputs/NAME.npy, or folders of these
    #[arg(value_name = "MODEL.onnx", required = true)]
    model: Vec<PathBuf>,
    /// List the model's operators and what is not supported of them, and end
    #[arg(long, conflicts_with_all = ["check", "inputs", "outputs", "expected", "image", "stages", "plot"])]
    list: bool,
    /// Run the models of folders on the inputs there, and compare with the outputs there
    #[arg(long, conflicts_with_all = ["inputs", "outputs", "expected", "image", "stages", "plot"])]
    check: bool,
    /// An input; those without a name are in the model's order
    #[arg(long = "input", value_name = "[NAME=]X.npy")]
    inputs: Vec<String>,
    /// Where an output goes; a .png or .jpg shows it, or what suits the picture best where it has no name
    #[arg(long = "output", value_name = "[NAME=]Y.npy|OUT.png")]
    outputs: Vec<String>,
    /// Expected value of an output
    #[arg(long = "expect", value_name = "[NAME=]Y.npy")]
    expected: Vec<String>,
    /// How the model's floats of 32 bits are stored
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = float)]
    dtype: DType,
    /// How far an output may be off, in parts of the largest element expected; without it, 1e-4, and 2e-2 where floats have 16 bits
    #[arg(long)]
    tolerance: Option<f64>,
    /// Fuse nodes by these rules alone; `none` fuses nothing. The rules: batch-norm, branches, bias, copies, deform-attention, deform-conv, attention, activation, product-activation, layer-norm, group-norm, pointwise, resize, concat
    #[arg(long, value_name = "RULE,...", value_parser = rules)]
    fuse: Option<Rules>,
    /// Print how many nodes were fused, and how many were left as they are and why; with `=nodes`, the names of all
    #[arg(long, value_name = "nodes", num_args = 0..=1, require_equals = true, default_missing_value = "types")]
    explain: Option<Explain>,
    /// Print time, bytes and dispatches, which are runs of a kernel, by operator and by node
    #[arg(long)]
    stages: bool,
    /// Draw a chart of time by operator and by node, as SVG or PNG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    picture: picture::Arguments,
    #[command(flatten)]
    device: Device,
}

/// Rules of fusion.
#[derive(Clone)]
struct Rules(Vec<Rule>);

fn rules(names: &str) -> Result<Rules, String> {
    let rule = |name| {
        let known = || Rule::ALL.iter().map(|rule| rule.name()).collect::<Vec<_>>().join(", ");
        let found = Rule::ALL.iter().find(|rule| rule.name() == name);
        found.copied().ok_or_else(|| format!("{name} is no rule; there are {}, or none", known()))
    };
    let names = names.split(',').filter(|name| *name != "none");
    names.map(rule).collect::<Result<_, _>>().map(Rules)
}

fn float(name: &str) -> Result<DType, String> {
    match name.parse::<DType>() {
        Ok(dtype) if dtype.is_float() => Ok(dtype),
        _ => Err("f32, f16 or bf16 is needed".into()),
    }
}

pub(crate) async fn main(arguments: Arguments) -> Result<ExitCode, Failure> {
    if arguments.check {
        return check::main(&arguments).await;
    }
    let [file] = &arguments.model[..] else {
        return Err(format!("{} models were given; only --check takes more than 1", arguments.model.len()).into());
    };
    if file.is_dir() {
        return Err(format!("{} is a folder; --check runs the models of folders", file.display()).into());
    }
    let model = Model::open(file)?;
    list("inputs", model.inputs());
    list("outputs", model.outputs());
    if arguments.list {
        return Ok(list_operators(&model));
    }
    let (declared_inputs, declared_outputs) = (model.inputs().to_vec(), model.outputs().to_vec());
    let names = |values| <[ValueInfo]>::iter(values).map(|value| value.name.as_str());
    arguments.outputs.iter().try_for_each(|file| writable(Path::new(file)))?;
    let (shown, stored): (Vec<_>, Vec<_>) =
        arguments.outputs.iter().cloned().partition(|file| is_picture(Path::new(file)));
    let outputs = named(&stored, "output", names(&declared_outputs))?;
    let expected = named(&arguments.expected, "output", names(&declared_outputs))?;
    let picture = arguments.picture.read(&model, &shown, arguments.dtype)?;
    let taken = picture.as_ref().map(Picture::input);
    if let Some(name) = taken {
        arguments.apart_from(name, declared_inputs.len())?;
    }
    let input = if taken.is_some() { "input beside the picture's" } else { "input" };
    let inputs = named(&arguments.inputs, input, names(&declared_inputs).filter(|name| Some(*name) != taken))?;
    outputs.iter().try_for_each(|(_, file)| output::file(file))?;
    if let Some(file) = &arguments.plot {
        ChartKind::of(file)?;
        output::file(file)?;
    }
    let mut arrays = Vec::new();
    for (name, file) in &inputs {
        let hint = if is_picture(file) { "; use --image for pictures" } else { "" };
        arrays.push((*name, Array::read(file).map_err(|error| format!("{error}{hint}"))?));
    }

    let gpu = arguments.device.gpu().await?;
    println!("on {gpu:?}");
    let tensors = picture.iter().map(|picture| picture.tensor(&gpu)).collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now();
    let planned = Planned::new(&gpu, model, &arrays, tensors, &arguments)?;
    println!("planned in {:.1} ms; {}", start.elapsed().as_secs_f64() * 1e3, planned.memory());
    if let Some(explain) = arguments.explain {
        explain.print(planned.plan.fusions());
    }

    let start = Instant::now();
    let spinner = running();
    let given = planned.run(&gpu).await?;
    drop(spinner);
    println!(
        "{} dispatches (runs of a kernel), recorded and run in {:.1} ms: the first run, with compilation of kernels",
        given.dispatches,
        start.elapsed().as_secs_f64() * 1e3
    );

    let mut code = ExitCode::SUCCESS;
    for (name, tensor) in &given.outputs {
        let (dtype, array) = (tensor.dtype(), Array::download(tensor).await?);
        let elements = array.elements();
        let least = elements.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = elements.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let range = match elements.iter().filter(|element| element.is_nan()).count() {
            0 => format!("{least} to {largest}"),
            all if all == elements.len() => "no numbers (NaN)".into(),
            some => format!("{least} to {largest}, and {some} that are no numbers (NaN)"),
        };
        println!("{name} ({} of {dtype}): {range}", array.shape);
        for (_, file) in outputs.iter().filter(|(output, _)| output == name) {
            array.write(file)?;
            println!("    wrote {}", file.display());
        }
        for (_, file) in expected.iter().filter(|(output, _)| output == name) {
            let agreement = Agreement::of(&array, dtype, &Array::read(file)?, arguments.tolerance());
            println!("    {agreement}");
            if !agreement.passed {
                code = ExitCode::FAILURE;
            }
        }
    }
    if let Some(picture) = &picture {
        picture.show(&given.outputs, !arguments.outputs.is_empty()).await?;
    }
    if arguments.stages || arguments.plot.is_some() {
        let stages = Stages::of(&planned, &gpu).await?;
        if arguments.stages {
            stages.print();
        }
        if let Some(file) = &arguments.plot {
            stages.plot(file)?;
        }
    }
    Ok(code)
}

impl Arguments {
    fn rules(&self) -> &[Rule] {
        self.fuse.as_ref().map_or(Rule::ALL, |rules| &rules.0)
    }

    fn tolerance(&self) -> f64 {
        self.tolerance.unwrap_or(if self.dtype == DType::F32 { 1e-4 } else { 2e-2 })
    }

    /// Refuses files for the input that is a picture; the model has so many inputs.
    fn apart_from(&self, picture: &str, inputs: usize) -> Result<(), String> {
        let names_it = |file: &str| file.split_once('=').is_some_and(|(name, _)| name == picture);
        let only = if inputs == 1 { "only " } else { "" };
        let file = self.inputs.iter().find(|file| inputs == 1 || names_it(file));
        file.map_or(Ok(()), |file| {
            Err(format!("{file}: the model's {only}input {picture} is already given by --image"))
        })
    }
}

/// Refuses an output whose file has an ending that nothing is written to.
fn writable(file: &Path) -> Result<(), String> {
    if is_picture(file) || file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy")) {
        Ok(())
    } else {
        Err(output::wrong_ending(file, "an output", ".npy, .png or .jpg"))
    }
}

/// On a terminal, how long the model has been running; it goes when this is dropped.
fn running() -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_finish(ProgressFinish::AndClear).with_message("running");
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} for {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}

fn list(what: &str, values: &[ValueInfo]) {
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    println!("{what:<8} {}", values.join(", "));
}

/// Prints every operator with its count, and those that are not supported with the reason.
fn list_operators(model: &Model) -> ExitCode {
    let operators = model.operators();
    let mut code = ExitCode::SUCCESS;
    for operator in &operators {
        let name = match &operator.domain[..] {
            "" => operator.name.clone(),
            domain => format!("{domain}::{}", operator.name),
        };
        let refusal = operator.refusal.as_ref().map_or(String::new(), |why| format!("  not supported: {why}"));
        println!("{:>6}  {name}{refusal}", operator.count);
        if operator.refusal.is_some() {
            code = ExitCode::FAILURE;
        }
    }
    let wide = model.inputs().iter().chain(model.outputs()).filter(|value| value.element == ElementType::F64);
    for value in wide {
        println!("{value}: f64 is computed in f32 on the device");
    }
    code
}

/// A model that is planned for arrays: integers, which shapes may depend on, go into the plan.
struct Planned<'a> {
    plan: ModelPlan,
    tensors: Vec<(&'a str, Tensor)>,
}

/// Outputs of a run of a model.
struct Given<'a> {
    dispatches: usize,
    outputs: Vec<(&'a str, Tensor)>,
}

impl<'a> Planned<'a> {
    /// Plans for arrays, and for tensors that are inputs beside them. The model's weights on the host are gone afterwards, and so is what the
    /// device packed them from.
    fn new(
        gpu: &Gpu,
        model: Model,
        arrays: &'a [(&'a str, Array)],
        tensors: Vec<(&'a str, Tensor)>,
        arguments: &Arguments,
    ) -> pliant::Result<Self> {
        let of_floats = |kind: Kind| kind.is_float();
        let planned = match Self::with(gpu, &model, arrays, tensors.clone(), arguments, of_floats) {
            // What a shape depends on may be among the floats.
            Err(Error::Unsupported(_)) if arrays.iter().all(|(_, array)| array.shape.elements() < 1 << 20) => {
                Self::with(gpu, &model, arrays, tensors, arguments, |_| false)
            }
            planned => planned,
        }?;
        drop(model);
        gpu.wait()?;
        Ok(planned)
    }

    /// Has tensors for the arrays of some kinds, and values for the others.
    fn with(
        gpu: &Gpu,
        model: &Model,
        arrays: &'a [(&'a str, Array)],
        mut tensors: Vec<(&'a str, Tensor)>,
        arguments: &Arguments,
        is_tensor: impl Fn(Kind) -> bool,
    ) -> pliant::Result<Self> {
        let mut inputs: Vec<_> =
            tensors.iter().map(|(name, tensor)| (*name, ModelInput::from(tensor.spec()))).collect();
        for (name, array) in arrays {
            inputs.push((
                *name,
                if is_tensor(array.kind) {
                    let tensor = array.upload_as(gpu, arguments.dtype)?;
                    let spec: TensorSpec = tensor.spec();
                    tensors.push((*name, tensor));
                    ModelInput::from(spec)
                } else {
                    let declared = model.inputs().iter().find(|input| input.name == *name).map(|input| input.element);
                    ModelInput::from(HostTensor::from_bytes(
                        element(array.kind, declared),
                        array.shape,
                        array.bytes.clone(),
                    )?)
                },
            ));
        }
        let bar = ProgressBar::new(0).with_finish(ProgressFinish::AndClear);
        let mut show = |done, all| {
            // Short work shows nothing.
            if bar.elapsed() > Duration::from_secs(1) {
                bar.set_length(all as u64);
                bar.set_position(done as u64);
            }
        };
        let options = ModelOptions { float: arguments.dtype, rules: arguments.rules(), progress: Some(&mut show) };
        let plan = ModelPlan::with_options(gpu, model, &inputs, options)?;
        Ok(Self { plan, tensors })
    }

    fn memory(&self) -> String {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let (shared, unshared) = (mib(self.plan.memory()), mib(self.plan.unshared_memory()));
        format!("{shared:.1} MiB for values between inputs and outputs, {unshared:.1} if no two shared memory")
    }

    /// The tensors that a call gives.
    fn inputs(&self) -> Vec<(&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (*name, tensor)).collect()
    }

    async fn run(&self, gpu: &Gpu) -> pliant::Result<Given<'_>> {
        let mut recorder = Recorder::new(gpu);
        let outputs = self.plan.forward(&mut recorder, &self.inputs())?;
        recorder.submit()?;
        gpu.wait()?;
        Ok(Given { dispatches: recorder.len(), outputs })
    }
}

/// ONNX's type of an array's elements. NumPy has no bf16.
fn element(kind: Kind, declared: Option<ElementType>) -> ElementType {
    match kind {
        Kind::U16 if declared == Some(ElementType::BF16) => ElementType::BF16,
        Kind::F64 => ElementType::F64,
        Kind::F32 => ElementType::F32,
        Kind::F16 => ElementType::F16,
        Kind::I64 => ElementType::I64,
        Kind::I32 => ElementType::I32,
        Kind::I16 => ElementType::I16,
        Kind::I8 => ElementType::I8,
        Kind::U64 => ElementType::U64,
        Kind::U32 => ElementType::U32,
        Kind::U16 => ElementType::U16,
        Kind::U8 => ElementType::U8,
        Kind::Bool => ElementType::Bool,
    }
}

/// How far an output is from the one expected.
struct Agreement {
    passed: bool,
    said: String,
}

impl std::fmt::Display for Agreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", if self.passed { "passed" } else { "FAILED" }, self.said)
    }
}

impl Agreement {
    /// Floats agree to a part of the largest one expected; integers and booleans are equal.
    fn of(actual: &Array, dtype: DType, expected: &Array, tolerance: f64) -> Self {
        if actual.shape != expected.shape {
            return Self { passed: false, said: format!("it is {}; {} was expected", actual.shape, expected.shape) };
        }
        let wanted = expected.elements();
        let largest = wanted.iter().filter(|x| x.is_finite()).fold(0.0, |largest: f64, x| largest.max(x.abs()));
        // A unit in the last place of the largest value.
        let unit = match dtype {
            DType::F16 => 2f64.powi(-10),
            DType::BF16 => 2f64.powi(-7),
            _ => 0.0,
        };
        let most = if expected.kind.is_float() { tolerance.max(unit) * largest } else { 0.0 };
        // NaN differs from everything but NaN.
        let alike = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
        let differing = actual.elements().into_iter().zip(wanted).filter(|&(a, b)| !alike(a, b));
        let difference = differing
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, |worst: f64, x| if x.is_nan() { f64::INFINITY } else { worst.max(x) });
        let said =
            format!("largest difference {difference:.3e}, largest value {largest:.3e}, at most {most:.3e} allowed");
        Self { passed: difference <= most, said }
    }
}
