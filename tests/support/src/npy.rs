//! NumPy's files.

use std::path::{Path, PathBuf};

use half::f16;
use npyz::WriterBuilder;
use pliant::{DType, Element, Gpu, Shape, Tensor, signature};

/// An array as it lies in a file.
pub struct Array {
    pub shape: Shape,
    elements: Elements,
}

enum Elements {
    F32(Vec<f32>),
    F16(Vec<f16>),
}

impl Array {
    pub fn read(file: &Path) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", file.display());
        let bytes = std::fs::read(file).map_err(|error| failed(&error))?;
        let broken = |error| {
            let why = signature::why(&bytes, "a NumPy array (.npy)", error);
            failed(&format_args!("an .npy file of numpy.save is needed: {why}"))
        };
        let array = npyz::NpyFile::new(&bytes[..]).map_err(broken)?;
        if array.order() != npyz::Order::C && array.shape().len() > 1 {
            return Err(failed(&"its order is Fortran's; np.ascontiguousarray makes it C's"));
        }
        let shape = Shape::new(array.shape()).map_err(|error| failed(&error))?;
        let elements = match array.dtype().descr().trim_matches('\'') {
            "<f4" => Elements::F32(array.into_vec().map_err(broken)?),
            "<f2" => Elements::F16(array.into_vec().map_err(broken)?),
            other => return Err(failed(&format_args!("it holds {other}; float32 and float16 can be read"))),
        };
        Ok(Self { shape, elements })
    }

    pub async fn download(tensor: &Tensor) -> pliant::Result<Self> {
        let elements = match tensor.dtype() {
            DType::F32 => Elements::F32(tensor.download()?.await?),
            DType::F16 => Elements::F16(tensor.download()?.await?),
            // NumPy has no bf16.
            DType::BF16 => {
                let elements: Vec<half::bf16> = tensor.download()?.await?;
                Elements::F32(elements.into_iter().map(half::bf16::to_f32).collect())
            }
        };
        Ok(Self { shape: tensor.shape(), elements })
    }

    pub fn write(&self, file: &Path) -> Result<(), String> {
        let shape: Vec<_> = self.shape.extents().iter().map(|&extent| u64::from(extent)).collect();
        let written = match &self.elements {
            Elements::F32(elements) => write(file, &shape, elements),
            Elements::F16(elements) => write(file, &shape, elements),
        };
        written.map_err(|error| format!("cannot write {}: {error}", file.display()))
    }

    pub fn upload(&self, gpu: &Gpu) -> pliant::Result<Tensor> {
        match &self.elements {
            Elements::F32(elements) => Tensor::upload(gpu, self.shape, elements),
            Elements::F16(elements) => Tensor::upload(gpu, self.shape, elements),
        }
    }

    pub fn elements(&self) -> Vec<f32> {
        match &self.elements {
            Elements::F32(elements) => elements.clone(),
            Elements::F16(elements) => elements.iter().map(|element| element.to_f32()).collect(),
        }
    }
}

fn write<T: Element + npyz::AutoSerialize>(file: &Path, shape: &[u64], elements: &[T]) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes).begin_nd()?;
    writer.extend(elements)?;
    writer.finish()?;
    std::fs::write(file, bytes)
}

/// Files with what they are given for, of which the model has `names`: `NAME=FILE`, or else those of the model in order.
pub fn named<'a>(
    files: &[String],
    what: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<Vec<(&'a str, PathBuf)>, String> {
    let all = || names.clone().collect::<Vec<_>>().join(", ");
    let mut order = names.clone();
    let mut named = Vec::new();
    for file in files {
        let split = file.split_once('=').map(|(name, file)| (name, file, names.clone().find(|other| *other == name)));
        let (name, file) = match split {
            Some((_, file, Some(name))) => (name, file),
            // A folder's name may have a '=' too.
            Some((name, _, None)) if !name.contains(['/', '\\']) => {
                return Err(format!("the model has no {what} {name:?}, which {file} names; it has {}", all()));
            }
            _ => match order.next() {
                Some(name) => (name, file.as_str()),
                None => return Err(format!("the model has no {what} for {file}; it has {}", all())),
            },
        };
        named.push((name, PathBuf::from(file)));
    }
    Ok(named)
}
