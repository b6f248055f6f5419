//! Constant tensors of a file.

use half::{bf16, f16};

use super::proto::{TensorProto, data_type};
use super::{malformed, no_element, type_name};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Tensor};
use crate::shape::Shape;

/// A tensor of the file: an initializer, or the value of a Constant.
#[derive(Debug, Clone)]
pub(super) struct Constant {
    pub(super) shape: Shape,
    elements: Elements,
}

#[derive(Debug, Clone)]
enum Elements {
    F32(Vec<f32>),
    F16(Vec<f16>),
    BF16(Vec<bf16>),
    I64(Vec<i64>),
}

impl Constant {
    /// Checks that the elements are as many as the extents say.
    pub(super) fn read(tensor: &TensorProto) -> Result<Self> {
        let name = format!("tensor {:?}", tensor.name);
        let extents = tensor.dims.iter().map(|&extent| usize::try_from(extent)).collect::<Result<Vec<_>, _>>();
        let extents = extents.map_err(|_| malformed(format!("{name} has the extents {:?}", tensor.dims)))?;
        let shape = Shape::new(&extents).map_err(|error| error.at(&name))?;
        if tensor.data_location != 0 {
            return Err(Error::Unsupported(format!(
                "{name} lies in another file; save the model with its weights inside (torch.onnx.export: external_data=False)"
            )));
        }
        let elements = match tensor.data_type {
            data_type::FLOAT => Elements::F32(list(&name, tensor, &tensor.float_data, f32::from_le_bytes, |&x| x)?),
            data_type::FLOAT16 => {
                let unpacked = |&x: &i32| f16::from_bits(x as u16);
                Elements::F16(list(&name, tensor, &tensor.int32_data, f16::from_le_bytes, unpacked)?)
            }
            data_type::BFLOAT16 => {
                let unpacked = |&x: &i32| bf16::from_bits(x as u16);
                Elements::BF16(list(&name, tensor, &tensor.int32_data, bf16::from_le_bytes, unpacked)?)
            }
            data_type::INT64 => Elements::I64(list(&name, tensor, &tensor.int64_data, i64::from_le_bytes, |&x| x)?),
            other => {
                let message =
                    format!("{name} holds {}; FLOAT, FLOAT16, BFLOAT16 and INT64 can be read", type_name(other));
                return Err(Error::Unsupported(message));
            }
        };
        let constant = Self { shape, elements };
        if constant.len() as u64 != shape.elements() {
            let (has, needs) = (constant.len(), shape.elements());
            return Err(malformed(format!(
                "{name} ({shape}) has {has} elements in the file; its extents make {needs}"
            )));
        }
        Ok(constant)
    }

    pub(super) fn scalar(value: f32) -> Self {
        Self { shape: [].into(), elements: Elements::F32(vec![value]) }
    }

    pub(super) fn floats(values: &[f32]) -> Result<Self> {
        Ok(Self { shape: Shape::new(&[values.len()])?, elements: Elements::F32(values.to_vec()) })
    }

    pub(super) fn ints(values: &[i64]) -> Result<Self> {
        Ok(Self { shape: Shape::new(&[values.len()])?, elements: Elements::I64(values.to_vec()) })
    }

    fn len(&self) -> usize {
        match &self.elements {
            Elements::F32(elements) => elements.len(),
            Elements::F16(elements) => elements.len(),
            Elements::BF16(elements) => elements.len(),
            Elements::I64(elements) => elements.len(),
        }
    }

    /// The element type of a tensor that holds it; `None` for integers.
    pub(super) fn dtype(&self) -> Option<DType> {
        match self.elements {
            Elements::F32(_) => Some(DType::F32),
            Elements::F16(_) => Some(DType::F16),
            Elements::BF16(_) => Some(DType::BF16),
            Elements::I64(_) => None,
        }
    }

    /// The elements as `f32`; `None` for integers.
    pub(super) fn as_f32(&self) -> Option<Vec<f32>> {
        match &self.elements {
            Elements::F32(elements) => Some(elements.clone()),
            Elements::F16(elements) => Some(elements.iter().map(|x| x.to_f32()).collect()),
            Elements::BF16(elements) => Some(elements.iter().map(|x| x.to_f32()).collect()),
            Elements::I64(_) => None,
        }
    }

    /// The elements of a tensor of integers.
    pub(super) fn as_i64(&self) -> Option<&[i64]> {
        match &self.elements {
            Elements::I64(elements) => Some(elements),
            _ => None,
        }
    }

    pub(super) fn upload(&self, gpu: &Gpu) -> Result<Tensor> {
        match &self.elements {
            Elements::F32(elements) => Tensor::upload(gpu, self.shape, elements),
            Elements::F16(elements) => Tensor::upload(gpu, self.shape, elements),
            Elements::BF16(elements) => Tensor::upload(gpu, self.shape, elements),
            Elements::I64(_) => Err(no_element("INT64")),
        }
    }
}

/// The elements, from the raw bytes where there are any.
fn list<T, U, const N: usize>(
    name: &str,
    tensor: &TensorProto,
    elements: &[U],
    from_bytes: fn([u8; N]) -> T,
    from_element: impl Fn(&U) -> T,
) -> Result<Vec<T>> {
    let (chunks, rest) = tensor.raw_data.as_chunks();
    if !rest.is_empty() {
        let bytes = tensor.raw_data.len();
        return Err(malformed(format!("{name} has {bytes} bytes in the file; its elements have {N} each")));
    }
    if chunks.is_empty() {
        return Ok(elements.iter().map(from_element).collect());
    }
    Ok(chunks.iter().map(|chunk| from_bytes(*chunk)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(data_type: i32, dims: &[i64]) -> TensorProto {
        TensorProto { name: "t".into(), data_type, dims: dims.to_vec(), ..TensorProto::default() }
    }

    #[test]
    fn elements_are_read_from_bytes_and_from_lists() {
        let raw = |data_type, dims: &[i64], raw_data: &[u8]| {
            Constant::read(&TensorProto { raw_data: raw_data.to_vec(), ..tensor(data_type, dims) }).unwrap()
        };
        assert_eq!(raw(data_type::FLOAT, &[1], &1.5f32.to_le_bytes()).as_f32(), Some(vec![1.5]));
        assert_eq!(raw(data_type::FLOAT16, &[], &[0, 0x3c]).as_f32(), Some(vec![1.0]));
        assert_eq!(raw(data_type::BFLOAT16, &[2, 1], &[0x80, 0x3f, 0, 0xc0]).as_f32(), Some(vec![1.0, -2.0]));
        assert_eq!(raw(data_type::INT64, &[1], &(-3i64).to_le_bytes()).as_i64(), Some(&[-3][..]));
        let halves = TensorProto { int32_data: vec![0x3c00, 0xc000], ..tensor(data_type::FLOAT16, &[2]) };
        assert_eq!(Constant::read(&halves).unwrap().as_f32(), Some(vec![1.0, -2.0]));
        let floats = TensorProto { float_data: vec![2.5], ..tensor(data_type::FLOAT, &[]) };
        assert_eq!(Constant::read(&floats).unwrap().as_f32(), Some(vec![2.5]));
        assert_eq!(raw(data_type::FLOAT, &[0, 3], &[]).shape, [0, 3].into());
    }

    #[test]
    fn others_are_refused_with_both_numbers() {
        let refused = |tensor: TensorProto| Constant::read(&tensor).unwrap_err().to_string();
        let raw =
            |dims: &[i64], bytes: usize| TensorProto { raw_data: vec![0; bytes], ..tensor(data_type::FLOAT, dims) };
        assert_eq!(refused(raw(&[2, 3], 20)), r#"tensor "t" (2x3) has 5 elements in the file; its extents make 6"#);
        assert_eq!(refused(raw(&[2, 3], 23)), r#"tensor "t" has 23 bytes in the file; its elements have 4 each"#);
        assert_eq!(refused(raw(&[-2], 0)), r#"tensor "t" has the extents [-2]"#);
        assert_eq!(refused(raw(&[1; 7], 4)), r#"tensor "t": the shape has 7 axes; at most 6 are possible"#);
        assert_eq!(
            refused(tensor(11, &[])),
            r#"tensor "t" holds DOUBLE; FLOAT, FLOAT16, BFLOAT16 and INT64 can be read"#
        );
        assert_eq!(
            refused(TensorProto { data_location: 1, ..tensor(data_type::FLOAT, &[1]) }),
            r#"tensor "t" lies in another file; save the model with its weights inside (torch.onnx.export: external_data=False)"#
        );
    }
}
