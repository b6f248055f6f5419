//! NumPy's files: numbers and booleans, little-endian.

use std::path::{Path, PathBuf};

use half::{bf16, f16};
use pliant::{DType, Gpu, Shape, Tensor, signature};

/// First bytes of each file.
const MAGIC: &[u8] = b"\x93NUMPY";

/// An array as it lies in a file.
#[derive(Clone)]
pub struct Array {
    pub shape: Shape,
    pub kind: Kind,
    /// The elements, little-endian.
    pub bytes: Vec<u8>,
}

/// The type of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    F64,
    F32,
    F16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
}

impl Kind {
    const ALL: [(Self, &str); 12] = [
        (Self::F64, "<f8"),
        (Self::F32, "<f4"),
        (Self::F16, "<f2"),
        (Self::I64, "<i8"),
        (Self::I32, "<i4"),
        (Self::I16, "<i2"),
        (Self::I8, "|i1"),
        (Self::U64, "<u8"),
        (Self::U32, "<u4"),
        (Self::U16, "<u2"),
        (Self::U8, "|u1"),
        (Self::Bool, "|b1"),
    ];

    fn descr(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, descr)| descr)
    }

    fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    pub fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16)
    }
}

impl Array {
    pub fn read(file: &Path) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("cannot read {}: {error}", file.display());
        let bytes = std::fs::read(file).map_err(|error| failed(&error))?;
        Self::of_file(&bytes).map_err(|error| failed(&error))
    }

    /// The array in the bytes of a file.
    pub fn of_file(bytes: &[u8]) -> Result<Self, String> {
        let broken = |error: String| {
            let why = signature::why(bytes, "a NumPy array (.npy)", error);
            format!("an .npy file of numpy.save is needed: {why}")
        };
        let (header, data) = Header::read(bytes).map_err(broken)?;
        if header.fortran_order && header.shape.len() > 1 {
            return Err("its order is Fortran's; np.ascontiguousarray makes it C's".to_string());
        }
        let shape = Shape::new(&header.shape).map_err(|error| error.to_string())?;
        let descr = header.descr.trim_matches('\'');
        let kind = Kind::ALL.iter().find(|(_, known)| *known == descr).map(|(kind, _)| *kind);
        let kind = kind.ok_or_else(|| format!("it holds {descr}; numbers of 8 to 64 bits and booleans can be read"))?;
        let bytes = elements(data, shape, kind.size()).map_err(broken)?.to_vec();
        Ok(Self { shape, kind, bytes })
    }

    pub async fn download(tensor: &Tensor) -> pliant::Result<Self> {
        fn bytes<T, const N: usize>(elements: Vec<T>, bytes: fn(T) -> [u8; N]) -> Vec<u8> {
            elements.into_iter().flat_map(bytes).collect()
        }
        let (kind, bytes) = match tensor.dtype() {
            DType::F32 => (Kind::F32, bytes(tensor.download()?.await?, f32::to_le_bytes)),
            DType::F16 => (Kind::F16, bytes(tensor.download()?.await?, f16::to_le_bytes)),
            DType::I32 => (Kind::I32, bytes(tensor.download()?.await?, i32::to_le_bytes)),
            // NumPy has no bf16.
            _ => (Kind::F32, bytes(tensor.download()?.await?, |element: bf16| element.to_f32().to_le_bytes())),
        };
        Ok(Self { shape: tensor.shape(), kind, bytes })
    }

    pub fn write(&self, file: &Path) -> Result<(), String> {
        std::fs::write(file, self.file()).map_err(|error| format!("cannot write {}: {error}", file.display()))
    }

    /// The bytes of its file.
    pub fn file(&self) -> Vec<u8> {
        [&header(self.kind.descr(), self.shape)[..], &self.bytes].concat()
    }

    /// A tensor of `f16` for such an array, of `f32` for one of other floats, of `i32` for all others.
    pub fn upload(&self, gpu: &Gpu) -> pliant::Result<Tensor> {
        self.upload_as(gpu, DType::F32)
    }

    /// A tensor as [`Array::upload`] makes it, but floats of 32 and 64 bits are stored as `float`.
    pub fn upload_as(&self, gpu: &Gpu, float: DType) -> pliant::Result<Tensor> {
        let dtype = match self.kind {
            Kind::F16 => DType::F16,
            kind if kind.is_float() => float,
            _ => DType::I32,
        };
        let elements = self.elements().into_iter();
        match dtype {
            DType::F16 => Tensor::upload(gpu, self.shape, &elements.map(f16::from_f64).collect::<Vec<_>>()),
            DType::BF16 => Tensor::upload(gpu, self.shape, &elements.map(bf16::from_f64).collect::<Vec<_>>()),
            DType::I32 => Tensor::upload(gpu, self.shape, &elements.map(|x| x as i32).collect::<Vec<_>>()),
            _ => Tensor::upload(gpu, self.shape, &elements.map(|x| x as f32).collect::<Vec<_>>()),
        }
    }

    pub fn elements(&self) -> Vec<f64> {
        fn numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
            bytes.as_chunks().0.iter().map(|chunk| number(*chunk)).collect()
        }
        let bytes = &self.bytes;
        match self.kind {
            Kind::F64 => numbers(bytes, f64::from_le_bytes),
            Kind::F32 => numbers(bytes, |chunk| f32::from_le_bytes(chunk).into()),
            Kind::F16 => numbers(bytes, |chunk| f16::from_le_bytes(chunk).into()),
            Kind::I64 => numbers(bytes, |chunk| i64::from_le_bytes(chunk) as f64),
            Kind::I32 => numbers(bytes, |chunk| i32::from_le_bytes(chunk).into()),
            Kind::I16 => numbers(bytes, |chunk| i16::from_le_bytes(chunk).into()),
            Kind::I8 => numbers(bytes, |chunk| i8::from_le_bytes(chunk).into()),
            Kind::U64 => numbers(bytes, |chunk| u64::from_le_bytes(chunk) as f64),
            Kind::U32 => numbers(bytes, |chunk| u32::from_le_bytes(chunk).into()),
            Kind::U16 => numbers(bytes, |chunk| u16::from_le_bytes(chunk).into()),
            Kind::U8 | Kind::Bool => numbers(bytes, |[byte]| byte.into()),
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

/// The bytes of the elements.
fn elements(data: &[u8], shape: Shape, size: usize) -> Result<&[u8], String> {
    let needed = usize::try_from(shape.elements()).ok().and_then(|elements| elements.checked_mul(size));
    needed
        .and_then(|needed| data.get(..needed))
        .ok_or_else(|| format!("its elements are {shape} of {size} bytes, and {} bytes are there", data.len()))
}

/// The name, if there is one, and the file of `NAME=FILE`; the model must have the name among `names`.
pub fn split<'a, 'b>(
    text: &'b str,
    what: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<(Option<&'a str>, &'b str), String> {
    let Some((name, file)) = text.split_once('=') else { return Ok((None, text)) };
    match names.clone().find(|other| *other == name) {
        Some(name) => Ok((Some(name), file)),
        // A folder's name may have a '=' too.
        None if name.contains(['/', '\\']) => Ok((None, text)),
        None => Err(format!("the model has no {what} {name:?}, which {text} names; it has {}", listed(names))),
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// Files with what they are given for, of which the model has `names`: `NAME=FILE`, or else those of the model in order.
pub fn named<'a>(
    files: &[String],
    what: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Result<Vec<(&'a str, PathBuf)>, String> {
    let mut order = names.clone();
    let one = |text: &String| {
        let (name, file) = split(text, what, names.clone())?;
        let none = || format!("the model has no {what} for {file}; it has {}", listed(names.clone()));
        Ok((name.or_else(|| order.next()).ok_or_else(none)?, file.into()))
    };
    files.iter().map(one).collect()
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
            assert_eq!(again.kind == Kind::F16, name.starts_with("half"));
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
        assert!(elements(&[0; 7], [2].into(), 4).is_err());
    }
}
