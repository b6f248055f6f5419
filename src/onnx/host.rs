//! Tensors on the host: weights of a file, and what depends on shapes alone.

use std::sync::Arc;

use half::{bf16, f16};
use prost::bytes::Bytes;

use super::element::ElementType;
use super::proto::TensorProto;
use super::{External, malformed};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Tensor};
use crate::shape::{MAX_RANK, Shape};

/// A tensor on the host. Cloning it copies no elements.
///
/// ```
/// use pliant::onnx::HostTensor;
///
/// let sizes = HostTensor::integers([2], vec![640, 480])?;
/// assert_eq!(sizes.to_integers(), Some(vec![640, 480]));
/// # Ok::<(), pliant::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct HostTensor {
    element: ElementType,
    shape: Shape,
    /// How far apart elements lie along each axis; 0 where one stands for all.
    strides: [i64; MAX_RANK],
    /// The element that the first index names.
    first: i64,
    elements: Arc<Elements>,
}

/// A key that tells the elements of a tensor on the host from those of others while it lives.
pub(super) type HostKey = (usize, ElementType, Shape, [i64; MAX_RANK], i64);

#[derive(Debug)]
enum Elements {
    /// As files have them: little-endian.
    Bytes(Bytes),
    Floats(Vec<f64>),
    Integers(Vec<i64>),
}

/// The strides of a dense tensor.
fn dense(shape: Shape) -> [i64; MAX_RANK] {
    let mut strides = [0; MAX_RANK];
    let mut stride = 1;
    for (axis, &extent) in shape.extents().iter().enumerate().rev() {
        strides[axis] = stride;
        stride *= i64::from(extent);
    }
    strides
}

impl HostTensor {
    fn new(element: ElementType, shape: Shape, elements: Elements) -> Self {
        Self { element, shape, strides: dense(shape), first: 0, elements: Arc::new(elements) }
    }

    fn checked<T>(shape: Shape, elements: &[T]) -> Result<()> {
        let (has, needs) = (elements.len() as u64, shape.elements());
        if has != needs {
            let message = format!("{has} elements were given; a tensor of {shape} has {needs}");
            return Err(Error::shape("elements", message));
        }
        Ok(())
    }

    /// A tensor of `f32`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the elements are not as many as the shape's.
    pub fn floats(shape: impl Into<Shape>, elements: &[f32]) -> Result<Self> {
        let shape = shape.into();
        Self::checked(shape, elements)?;
        let elements = elements.iter().copied().map(f64::from).collect();
        Ok(Self::new(ElementType::F32, shape, Elements::Floats(elements)))
    }

    /// A tensor of integers of 64 bits.
    ///
    /// # Errors
    /// [`Error::Shape`] where the elements are not as many as the shape's.
    pub fn integers(shape: impl Into<Shape>, elements: Vec<i64>) -> Result<Self> {
        let shape = shape.into();
        Self::checked(shape, &elements)?;
        Ok(Self::new(ElementType::I64, shape, Elements::Integers(elements)))
    }

    /// A tensor of any type from its elements as bytes, little-endian.
    ///
    /// # Errors
    /// [`Error::Shape`] where the bytes are not as many as the shape's elements have.
    pub fn from_bytes(element: ElementType, shape: impl Into<Shape>, bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let (shape, bytes) = (shape.into(), Bytes::from(bytes.into()));
        let needs = shape.elements().saturating_mul(element.size() as u64);
        if bytes.len() as u64 != needs {
            let message = format!("{} bytes were given; {shape} elements of {element} have {needs}", bytes.len());
            return Err(Error::shape("bytes", message));
        }
        Ok(Self::new(element, shape, Elements::Bytes(bytes)))
    }

    /// As many elements as the shape has, rounded to the element type.
    pub(super) fn of_floats(element: ElementType, shape: Shape, mut elements: Vec<f64>) -> Self {
        debug_assert_eq!(elements.len() as u64, shape.elements());
        elements.iter_mut().for_each(|x| *x = element.rounded(*x));
        Self::new(element, shape, Elements::Floats(elements))
    }

    /// As many elements as the shape has, wrapped around the element type.
    pub(super) fn of_integers(element: ElementType, shape: Shape, mut elements: Vec<i64>) -> Self {
        debug_assert_eq!(elements.len() as u64, shape.elements());
        elements.iter_mut().for_each(|x| *x = element.wrapped(*x));
        Self::new(element, shape, Elements::Integers(elements))
    }

    /// As many numbers as the shape has elements, as elements of any type.
    pub(super) fn of_numbers(element: ElementType, shape: Shape, numbers: impl Iterator<Item = f64>) -> Self {
        match element.is_float() {
            true => Self::of_floats(element, shape, numbers.collect()),
            false => Self::of_integers(element, shape, numbers.map(|x| x as i64).collect()),
        }
    }

    /// A tensor without elements.
    pub(super) fn empty(element: ElementType, shape: Shape) -> Self {
        debug_assert_eq!(shape.elements(), 0);
        Self::new(element, shape, Elements::Bytes(Bytes::new()))
    }

    /// One element for all of a shape.
    pub(super) fn repeated(element: ElementType, shape: Shape, value: f64) -> Self {
        let elements = match element.is_float() {
            true => Elements::Floats(vec![element.rounded(value)]),
            false => Elements::Integers(vec![element.wrapped(value as i64)]),
        };
        Self { element, shape, strides: [0; MAX_RANK], first: 0, elements: Arc::new(elements) }
    }

    /// A list of integers.
    pub(super) fn list(elements: Vec<i64>) -> Self {
        Self::of_integers(ElementType::I64, [elements.len() as u32].into(), elements)
    }

    /// Reads a tensor of a file, and checks that the elements are as many as the extents say.
    pub(super) fn read(tensor: &TensorProto, external: &mut External) -> Result<Self> {
        let name = format!("tensor {:?}", tensor.name);
        Self::read_unnamed(tensor, external).map_err(|error| error.at(&name))
    }

    fn read_unnamed(tensor: &TensorProto, external: &mut External) -> Result<Self> {
        let extents = tensor.dims.iter().map(|&extent| usize::try_from(extent)).collect::<Result<Vec<_>, _>>();
        let extents = extents.map_err(|_| malformed(format!("it has the extents {:?}", tensor.dims)))?;
        let shape = Shape::new(&extents)?;
        let element = ElementType::read(tensor.data_type)?;
        let needs = shape.elements();
        let count = |has: usize| {
            if has as u64 == needs {
                return Ok(());
            }
            Err(malformed(format!("it ({shape}) has {has} elements in the file; its extents make {needs}")))
        };
        let bytes = if tensor.data_location == 0 { tensor.raw_data.clone() } else { external.read(tensor)? };
        if !bytes.is_empty() {
            let size = element.size();
            if !bytes.len().is_multiple_of(size) {
                let has = bytes.len();
                return Err(malformed(format!("it has {has} bytes in the file; its elements have {size} each")));
            }
            count(bytes.len() / size)?;
            return Ok(Self::new(element, shape, Elements::Bytes(bytes)));
        }
        let integers = |elements: Vec<i64>| count(elements.len()).map(|()| Self::of_integers(element, shape, elements));
        let floats = |elements: Vec<f64>| count(elements.len()).map(|()| Self::of_floats(element, shape, elements));
        let bits = |of_bits: fn(u16) -> f64| tensor.int32_data.iter().map(|&bits| of_bits(bits as u16)).collect();
        match element {
            ElementType::F32 => floats(tensor.float_data.iter().copied().map(f64::from).collect()),
            ElementType::F64 => floats(tensor.double_data.clone()),
            ElementType::F16 => floats(bits(|bits| f16::from_bits(bits).to_f64())),
            ElementType::BF16 => floats(bits(|bits| bf16::from_bits(bits).to_f64())),
            ElementType::I64 => integers(tensor.int64_data.clone()),
            ElementType::U32 | ElementType::U64 => integers(tensor.uint64_data.iter().map(|&x| x as i64).collect()),
            _ => integers(tensor.int32_data.iter().copied().map(i64::from).collect()),
        }
    }

    /// The element type.
    pub fn element(&self) -> ElementType {
        self.element
    }

    /// The extents.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    pub(super) fn len(&self) -> u64 {
        self.shape.elements()
    }

    /// The key of its elements.
    pub(super) fn key(&self) -> HostKey {
        (Arc::as_ptr(&self.elements) as usize, self.element, self.shape, self.strides, self.first)
    }

    /// The places of the elements among those in memory, in order.
    fn places(&self) -> impl Iterator<Item = usize> {
        let (extents, strides) = (self.shape.extents().to_vec(), self.strides);
        let mut index = [0; MAX_RANK];
        let mut place = self.first;
        (0..self.shape.elements()).map(move |_| {
            let here = place as usize;
            for axis in (0..extents.len()).rev() {
                index[axis] += 1;
                place += strides[axis];
                if index[axis] < extents[axis] {
                    break;
                }
                index[axis] = 0;
                place -= strides[axis] * i64::from(extents[axis]);
            }
            here
        })
    }

    /// The place in memory of an element, by its number in order.
    fn place(&self, mut number: usize) -> usize {
        let mut place = self.first;
        for (&extent, stride) in self.shape.extents().iter().zip(self.strides).rev() {
            place += (number % extent as usize) as i64 * stride;
            number /= extent as usize;
        }
        place as usize
    }

    fn float(&self, place: usize) -> f64 {
        match &*self.elements {
            Elements::Floats(elements) => elements[place],
            Elements::Integers(elements) => elements[place] as f64,
            Elements::Bytes(bytes) => float(self.element, bytes, place),
        }
    }

    fn integer(&self, place: usize) -> i64 {
        match &*self.elements {
            Elements::Floats(elements) => elements[place] as i64,
            Elements::Integers(elements) => elements[place],
            Elements::Bytes(bytes) => integer(self.element, bytes, place),
        }
    }

    /// A tensor of the elements with these numbers.
    pub(super) fn picked(&self, shape: Shape, numbers: impl Iterator<Item = usize>) -> Self {
        let places = numbers.map(|number| self.place(number));
        match self.element.is_float() {
            true => Self::of_floats(self.element, shape, places.map(|place| self.float(place)).collect()),
            false => Self::of_integers(self.element, shape, places.map(|place| self.integer(place)).collect()),
        }
    }

    /// The elements as floats.
    pub fn to_floats(&self) -> Vec<f64> {
        self.places().map(|place| self.float(place)).collect()
    }

    /// The elements of a tensor of integers or booleans; `None` for floats.
    pub fn to_integers(&self) -> Option<Vec<i64>> {
        if self.element.is_float() {
            return None;
        }
        Some(self.places().map(|place| self.integer(place)).collect())
    }

    /// A view of its elements along other axes.
    pub(super) fn viewed(&self, axes: &[(u32, i64)], first: i64) -> Result<Self> {
        let shape = Shape::new(&axes.iter().map(|(extent, _)| *extent).collect::<Vec<_>>())?;
        let mut strides = [0; MAX_RANK];
        strides.iter_mut().zip(axes).for_each(|(stride, axis)| *stride = axis.1);
        Ok(Self { shape, strides, first, ..self.clone() })
    }

    /// The axes: extents and strides.
    pub(super) fn axes(&self) -> Vec<(u32, i64)> {
        self.shape.extents().iter().copied().zip(self.strides).collect()
    }

    pub(super) fn first(&self) -> i64 {
        self.first
    }

    /// Whether each element has a place of its own, in order.
    fn is_dense(&self) -> bool {
        let dense = dense(self.shape);
        let extents = self.shape.extents().iter();
        extents.zip(dense).zip(self.strides).all(|((&extent, dense), stride)| extent <= 1 || dense == stride)
    }

    /// Whether one element stands for all.
    fn is_one(&self) -> bool {
        self.axes().iter().all(|&(extent, stride)| extent <= 1 || stride == 0)
    }

    /// Whether other extents need no copy.
    pub(super) fn reshapes_as_it_is(&self) -> bool {
        self.is_dense() || self.is_one()
    }

    /// The elements under other extents, of which there are as many.
    pub(super) fn reshaped(&self, shape: Shape) -> Self {
        if self.reshapes_as_it_is() {
            let strides = if self.is_one() { [0; MAX_RANK] } else { dense(shape) };
            return Self { shape, strides, ..self.clone() };
        }
        let elements = match self.to_integers() {
            Some(integers) => Elements::Integers(integers),
            None => Elements::Floats(self.to_floats()),
        };
        Self::new(self.element, shape, elements)
    }

    /// A view without the elements that are repeated along an axis, which has the extent 1 there.
    pub(super) fn unexpanded(&self) -> Self {
        let axes: Vec<_> =
            self.axes().iter().map(|&(n, stride)| (if stride == 0 { n.min(1) } else { n }, stride)).collect();
        self.viewed(&axes, self.first).unwrap_or_else(|_| self.clone())
    }

    /// A tensor on the device with these elements, stored as `dtype`.
    pub(super) fn upload(&self, gpu: &Gpu, dtype: DType) -> Result<Tensor> {
        if let (Elements::Bytes(bytes), true) = (&*self.elements, self.is_dense() && self.element.dtype() == dtype) {
            let size = self.element.size();
            let from = self.first as usize * size;
            let bytes = &bytes[from..from + self.shape.elements() as usize * size];
            match self.element {
                ElementType::F32 => return Tensor::upload(gpu, self.shape, &chunks(bytes, f32::from_le_bytes)),
                ElementType::F16 => return Tensor::upload(gpu, self.shape, &chunks(bytes, f16::from_le_bytes)),
                ElementType::BF16 => return Tensor::upload(gpu, self.shape, &chunks(bytes, bf16::from_le_bytes)),
                _ => {}
            }
        }
        // Where the device is too small, it says so before the host holds as much.
        drop(Tensor::new(gpu, self.shape, dtype)?);
        let floats = || self.to_floats().into_iter();
        match (dtype, self.to_integers()) {
            (_, Some(integers)) => {
                let narrow = |x: i64| {
                    i32::try_from(x).map_err(|_| {
                        let message =
                            format!("{x} is an element of {}; tensors on the device hold 32 bits", self.element);
                        Error::Unsupported(message)
                    })
                };
                let integers = integers.into_iter().map(narrow).collect::<Result<Vec<_>>>()?;
                Tensor::upload(gpu, self.shape, &integers)
            }
            (DType::F16, None) => Tensor::upload(gpu, self.shape, &floats().map(f16::from_f64).collect::<Vec<_>>()),
            (DType::BF16, None) => Tensor::upload(gpu, self.shape, &floats().map(bf16::from_f64).collect::<Vec<_>>()),
            (_, None) => Tensor::upload(gpu, self.shape, &floats().map(|x| x as f32).collect::<Vec<_>>()),
        }
    }
}

fn chunks<T, const N: usize>(bytes: &[u8], element: fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|chunk| element(*chunk)).collect()
}

/// The element at a place.
fn at<const N: usize>(bytes: &[u8], place: usize) -> [u8; N] {
    bytes.as_chunks().0[place]
}

fn float(element: ElementType, bytes: &[u8], place: usize) -> f64 {
    match element {
        ElementType::F32 => f32::from_le_bytes(at(bytes, place)).into(),
        ElementType::F64 => f64::from_le_bytes(at(bytes, place)),
        ElementType::F16 => f16::from_le_bytes(at(bytes, place)).to_f64(),
        ElementType::BF16 => bf16::from_le_bytes(at(bytes, place)).to_f64(),
        _ => integer(element, bytes, place) as f64,
    }
}

fn integer(element: ElementType, bytes: &[u8], place: usize) -> i64 {
    match element {
        ElementType::U8 => bytes[place].into(),
        ElementType::Bool => (bytes[place] != 0).into(),
        ElementType::I8 => (bytes[place] as i8).into(),
        ElementType::U16 => u16::from_le_bytes(at(bytes, place)).into(),
        ElementType::I16 => i16::from_le_bytes(at(bytes, place)).into(),
        ElementType::U32 => u32::from_le_bytes(at(bytes, place)).into(),
        ElementType::I32 => i32::from_le_bytes(at(bytes, place)).into(),
        _ => i64::from_le_bytes(at(bytes, place)),
    }
}
