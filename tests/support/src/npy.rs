//! NumPy's files, as far as models need them: float32 and float16, little-endian.

use std::path::{Path, PathBuf};

use half::f16;
use pliant::{DType, Gpu, Shape, Tensor, signature};

/// First bytes of each file.
const MAGIC: &[u8] = b"\x93NUMPY";

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
        let broken = |error: String| {
            let why = signature::why(&bytes, "a NumPy array (.npy)", error);
            failed(&format_args!("an .npy file of numpy.save is needed: {why}"))
        };
        let (header, data) = Header::read(&bytes).map_err(broken)?;
        if header.fortran_order && header.shape.len() > 1 {
            return Err(failed(&"its order is Fortran's; np.ascontiguousarray makes it C's"));
        }
        let shape = Shape::new(&header.shape).map_err(|error| failed(&error))?;
        let elements = match header.descr.trim_matches('\'') {
            "<f4" => Elements::F32(elements(data, shape, f32::from_le_bytes).map_err(broken)?),
            "<f2" => Elements::F16(elements(data, shape, f16::from_le_bytes).map_err(broken)?),
            other => return Err(failed(&format_args!("it holds {other}; float32 and float16 can be read"))),
        };
        Ok(Self { shape, elements })
    }

    pub async fn download(tensor: &Tensor) -> pliant::Result<Self> {
        let elements = match tensor.dtype() {
            DType::F32 => Elements::F32(tensor.download()?.await?),
            DType::F16 => Elements::F16(tensor.download()?.await?),
            // NumPy has no bf16.
            _ => {
                let elements: Vec<half::bf16> = tensor.download()?.await?;
                Elements::F32(elements.into_iter().map(half::bf16::to_f32).collect())
            }
        };
        Ok(Self { shape: tensor.shape(), elements })
    }

    pub fn write(&self, file: &Path) -> Result<(), String> {
        let (descr, data): (_, Vec<u8>) = match &self.elements {
            Elements::F32(elements) => ("<f4", elements.iter().flat_map(|element| element.to_le_bytes()).collect()),
            Elements::F16(elements) => ("<f2", elements.iter().flat_map(|element| element.to_le_bytes()).collect()),
        };
        let bytes = [header(descr, self.shape), data].concat();
        std::fs::write(file, bytes).map_err(|error| format!("cannot write {}: {error}", file.display()))
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

/// Header of a file, before its elements.
struct Header {
    /// The type of an element as Python writes it, in quotes where it has no fields.
    descr: String,
    fortran_order: bool,
    shape: Vec<u64>,
}

impl Header {
    /// The header, and what follows it.
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), String> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("it does not begin as such a file does")?;
        const CUT: &str = "its header is cut";
        let (length, rest) = match *rest {
            [1, _, a, b, ref rest @ ..] => (u16::from_le_bytes([a, b]).into(), rest),
            [2 | 3, _, a, b, c, d, ref rest @ ..] => (u32::from_le_bytes([a, b, c, d]), rest),
            [0..=3, ..] | [] => return Err(CUT.to_string()),
            [version, ..] => return Err(format!("version {version} of its format is not known")),
        };
        let (text, data) = rest.split_at_checked(length as usize).ok_or(CUT)?;
        let text = String::from_utf8_lossy(text);
        let value = |key| value(&text, key).ok_or_else(|| format!("its header has no {key}: {}", text.trim()));
        let extents = value("shape")?.trim_matches(['(', ')']).split(',').map(str::trim);
        let extents = extents.filter(|extent| !extent.is_empty()).map(|extent| extent.parse());
        let header = Self {
            descr: value("descr")?.to_string(),
            fortran_order: value("fortran_order")? == "True",
            shape: extents.collect::<Result<_, _>>().map_err(|error| format!("its shape has no numbers: {error}"))?,
        };
        Ok((header, data))
    }
}

/// The text behind `'key':` in a dictionary as Python writes it.
fn value<'a>(dictionary: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = dictionary.split_once(&format!("'{key}':"))?;
    let mut open = 0;
    let end = rest.find(|character| {
        match character {
            '(' | '[' => open += 1,
            ')' | ']' => open -= 1,
            ',' | '}' => return open == 0,
            _ => {}
        }
        false
    });
    Some(rest[..end?].trim())
}

/// The header of a file with such elements, which begin at a multiple of 64 bytes.
fn header(descr: &str, shape: Shape) -> Vec<u8> {
    const VERSION: [u8; 2] = [1, 0];
    let extents: String = shape.extents().iter().map(|extent| format!("{extent}, ")).collect();
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({extents}), }}");
    // Behind the text, a line ends.
    let before = MAGIC.len() + VERSION.len() + size_of::<u16>();
    let length = (before + text.len() + 1).next_multiple_of(64) - before;
    let text = format!("{text:<width$}\n", width = length - 1);
    [MAGIC, &VERSION, &(length as u16).to_le_bytes(), text.as_bytes()].concat()
}

fn elements<const N: usize, T>(data: &[u8], shape: Shape, from: fn([u8; N]) -> T) -> Result<Vec<T>, String> {
    let needed = usize::try_from(shape.elements()).ok().and_then(|elements| elements.checked_mul(N));
    let data = needed
        .and_then(|needed| data.get(..needed))
        .ok_or_else(|| format!("its elements are {shape} of {N} bytes, and {} bytes are there", data.len()))?;
    Ok(data.as_chunks().0.iter().copied().map(from).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn header_of(text: &str) -> Result<Header, String> {
        let bytes = [MAGIC, &[1, 0], &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat();
        Header::read(&bytes).map(|(header, _)| header)
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../onnx");
        let copy = std::env::temp_dir().join(format!("pliant-{}.npy", std::process::id()));
        for name in ["net.x.npy", "half.x.npy"] {
            let array = Array::read(&folder.join(name)).unwrap();
            array.write(&copy).unwrap();
            let again = Array::read(&copy).unwrap();
            assert!(again.shape == array.shape && again.elements() == array.elements(), "{name}");
            assert_eq!(matches!(again.elements, Elements::F16(_)), name.starts_with("half"));
        }
        std::fs::remove_file(copy).unwrap();
    }

    #[test]
    fn headers_are_understood() {
        for (extents, shape) in [("", &[][..]), ("3,", &[3]), ("2, 3", &[2, 3]), ("2, 0, 3, ", &[2, 0, 3])] {
            let header = header_of(&format!("{{'descr': '<f4', 'fortran_order': True, 'shape': ({extents}), }}  \n"));
            let header = header.unwrap();
            assert_eq!((header.descr.as_str(), header.fortran_order, &header.shape[..]), ("'<f4'", true, shape));
        }
        let fields = header_of("{'shape': (1,), 'fortran_order': False, 'descr': [('a', '<f4', (2,)), ('b', '|u1')]}");
        assert_eq!(fields.unwrap().descr, "[('a', '<f4', (2,)), ('b', '|u1')]");
    }

    #[test]
    fn broken_headers_are_refused() {
        for text in ["", "{'descr': '<f4'", "{'descr': '<f4', 'shape': (2,), }", "{'descr': '<f4', 'shape': (-1,), }"] {
            assert!(header_of(text).is_err(), "{text}");
        }
        for bytes in
            [&b""[..], b"\x93NUMPY", b"\x93NUMPY\x01\0\x10", b"\x93NUMPY\x02\0\x01\0\0", b"\x93NUMPY\x04\0\0\0"]
        {
            assert!(Header::read(bytes).is_err(), "{bytes:?}");
        }
        assert!(elements(&[0; 7], [2].into(), f32::from_le_bytes).is_err());
    }
}
