//! Functions of elements, with broadcasting.

use super::Entry;
use crate::error::{Error, Result};
use crate::geometry::{Binary, BinaryInputs, Unary};
use crate::onnx::element::ElementType;
use crate::onnx::planner::{Call, Source, Value, largest};
use crate::onnx::{HostTensor, malformed};
use crate::shape::Shape;

pub(super) const OPERATORS: &[Entry] = &[
    ("Add", |call| binary(call, Binary::Add, |a, b| a + b, i64::wrapping_add)),
    ("Clip", clip),
    ("Mul", |call| binary(call, Binary::Mul, |a, b| a * b, i64::wrapping_mul)),
    ("Relu", |call| unary(call, Unary::Relu, |x| x.max(0.0), Some(|x| x.max(0)))),
    ("Sigmoid", |call| unary(call, Unary::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()), None)),
    ("Tanh", |call| unary(call, Unary::Tanh, f64::tanh, None)),
];

/// A function of each element; integers have one of their own, if they have any.
fn unary(
    call: &mut Call,
    op: Unary,
    of_float: fn(f64) -> f64,
    of_integer: Option<fn(i64) -> i64>,
) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let element = call.input(0)?.element();
    if let Some(host) = call.input(0)?.host().cloned() {
        if let Some(mapped) = map(call, &host, of_float, of_integer)? {
            return Ok(vec![mapped]);
        }
    }
    let input = call.source(0)?;
    Ok(vec![call.run_one(&op, &input, element)?])
}

/// The function of each element of a tensor on the host, of each repeated one once.
fn map(
    call: &mut Call,
    host: &HostTensor,
    of_float: impl Fn(f64) -> f64,
    of_integer: Option<impl Fn(i64) -> i64>,
) -> Result<Option<Value>> {
    let (few, element) = (host.unexpanded(), host.element());
    let mapped = match (few.to_integers(), of_integer) {
        (None, _) => {
            call.fold(few.len())?;
            HostTensor::of_floats(element, few.shape(), few.to_floats().into_iter().map(of_float).collect())
        }
        (Some(integers), Some(of_integer)) => {
            call.fold(few.len())?;
            HostTensor::of_integers(element, few.shape(), integers.into_iter().map(of_integer).collect())
        }
        (Some(_), None) => return Ok(None),
    };
    expanded(&mapped, host.shape()).map(|host| Some(host.into()))
}

/// The shape that shapes broadcast to.
pub(super) fn broadcast(shapes: impl IntoIterator<Item = Shape>) -> Result<Shape> {
    let mut together: Vec<u32> = Vec::new();
    for shape in shapes {
        let extents = shape.extents();
        if together.len() < extents.len() {
            together.splice(0..0, vec![1; extents.len() - together.len()]);
        }
        let behind = together.len() - extents.len();
        for (has, &extent) in together[behind..].iter_mut().zip(extents) {
            match (*has, extent) {
                (1, _) => *has = extent,
                (is, of) if is == of || of == 1 => {}
                (is, of) => {
                    let message = format!(
                        "an operand ({shape}) has extent {of} where another has {is}; one must be the other, or 1"
                    );
                    return Err(Error::shape("input", message));
                }
            }
        }
    }
    Shape::new(&together)
}

/// A tensor on the host, repeated along the axes that it lacks or has with extent 1.
pub(super) fn expanded(host: &HostTensor, shape: Shape) -> Result<HostTensor> {
    let mut own = host.axes().into_iter().rev();
    let axes = shape.extents().iter().rev().map(|&extent| match own.next() {
        Some((has, stride)) if has == extent => (extent, stride),
        _ => (extent, 0),
    });
    let mut axes: Vec<_> = axes.collect();
    axes.reverse();
    host.viewed(&axes, host.first())
}

/// What two tensors on the host, broadcast, give element by element, as this element type; repeated elements once.
fn fold(
    call: &mut Call,
    [a, b]: [&HostTensor; 2],
    element: ElementType,
    of_floats: impl Fn(f64, f64) -> f64,
    of_integers: impl Fn(i64, i64) -> i64,
) -> Result<Value> {
    let whole = broadcast([a.shape(), b.shape()])?;
    let few = [expanded(a, whole)?.unexpanded(), expanded(b, whole)?.unexpanded()];
    let shape = broadcast(few.each_ref().map(HostTensor::shape))?;
    call.fold(shape.elements())?;
    let [a, b] = [expanded(&few[0], shape)?, expanded(&few[1], shape)?];
    let host = match (a.to_integers(), b.to_integers()) {
        (Some(a), Some(b)) => {
            let elements = a.into_iter().zip(b).map(|(a, b)| of_integers(a, b)).collect();
            HostTensor::of_integers(element, shape, elements)
        }
        _ => {
            let elements = a.to_floats().into_iter().zip(b.to_floats()).map(|(a, b)| of_floats(a, b));
            match element.is_float() {
                true => HostTensor::of_floats(element, shape, elements.collect()),
                false => HostTensor::of_integers(element, shape, elements.map(|x| x as i64).collect()),
            }
        }
    };
    expanded(&host, whole).map(Value::from)
}

/// A function of two tensors, broadcast, of the element type of the first.
fn binary(
    call: &mut Call,
    op: Binary,
    of_floats: fn(f64, f64) -> f64,
    of_integers: fn(i64, i64) -> i64,
) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let [a, b] = [call.input(0)?.clone(), call.input(1)?.clone()];
    same_element(&a, &b)?;
    let element = a.element();
    Ok(vec![binary_of(call, op, [&a, &b], element, of_floats, of_integers)?])
}

fn same_element(a: &Value, b: &Value) -> Result<()> {
    if a.element() != b.element() {
        return Err(Error::dtype("b", format!("b holds {}; a holds {}", b.element(), a.element())));
    }
    Ok(())
}

fn binary_of(
    call: &mut Call,
    op: Binary,
    [a, b]: [&Value; 2],
    element: ElementType,
    of_floats: impl Fn(f64, f64) -> f64,
    of_integers: impl Fn(i64, i64) -> i64,
) -> Result<Value> {
    if let (Value::Host(a), Value::Host(b)) = (a, b) {
        return fold(call, [a, b], element, of_floats, of_integers);
    }
    let [a, b] = operands(call, [a, b])?;
    call.run_one(&op, &BinaryInputs { a, b }, element)
}

/// The sources of operands that are broadcast together. One of the host is uploaded without what is repeated in it.
pub(super) fn operands<const N: usize>(call: &mut Call, values: [&Value; N]) -> Result<[Source; N]> {
    let whole = broadcast(values.map(Value::shape))?;
    let few = values.map(|value| match value {
        Value::Host(host) => Value::Host(host.unexpanded()),
        other => other.clone(),
    });
    let enough = broadcast(few.each_ref().map(Value::shape))? == whole;
    let mut sources = Vec::with_capacity(N);
    for (few, value) in few.iter().zip(values) {
        sources.push(call.source_of(if enough { few } else { value })?);
    }
    sources.try_into().map_err(|_| malformed("it lacks operands"))
}

fn clip(call: &mut Call) -> Result<Vec<Value>> {
    let (min, max) = if call.opset < 11 {
        call.arity(1, 1)?;
        let (min, max) = (call.attributes.float("min")?, call.attributes.float("max")?);
        (min.map(f64::from), max.map(f64::from))
    } else {
        call.arity(1, 3)?;
        (call.optional_scalar(1, "min")?, call.optional_scalar(2, "max")?)
    };
    let element = call.input(0)?.element();
    if let Some(host) = call.input(0)?.host().cloned() {
        let of_float = |x: f64| {
            let raised = min.map_or(x, |min| if x < min { min } else { x });
            max.map_or(raised, |max| if raised > max { max } else { raised })
        };
        let of_integer = |x: i64| {
            let raised = min.map_or(x, |min| x.max(min as i64));
            max.map_or(raised, |max| raised.min(max as i64))
        };
        return Ok(map(call, &host, of_float, Some(of_integer))?.into_iter().collect());
    }
    let most = largest(call.planner.dtype(element));
    let op = Unary::Clip { min: min.map_or(-most, |min| min as f32), max: max.map_or(most, |max| max as f32) };
    let input = call.source(0)?;
    Ok(vec![call.run_one(&op, &input, element)?])
}

/// `a` where the condition holds, `b` elsewhere, broadcast.
pub(super) fn select(call: &mut Call, condition: &Value, a: &Value, b: &Value) -> Result<Value> {
    same_element(a, b)?;
    let element = a.element();
    if let (Value::Host(condition), Value::Host(a), Value::Host(b)) = (condition, a, b) {
        return select_hosts(call, condition, a, b);
    }
    let _ = element;
    Err(Error::Unsupported("choices on the device are not known".into()))
}

fn select_hosts(call: &mut Call, condition: &HostTensor, a: &HostTensor, b: &HostTensor) -> Result<Value> {
    let whole = broadcast([condition.shape(), a.shape(), b.shape()])?;
    let few =
        [expanded(condition, whole)?.unexpanded(), expanded(a, whole)?.unexpanded(), expanded(b, whole)?.unexpanded()];
    let shape = broadcast(few.each_ref().map(HostTensor::shape))?;
    call.fold(shape.elements())?;
    let condition = expanded(&few[0], shape)?.to_floats();
    let [a, b] = [expanded(&few[1], shape)?, expanded(&few[2], shape)?];
    let pick = |index: usize| condition[index] != 0.0;
    let host = match (a.to_integers(), b.to_integers()) {
        (Some(of_a), Some(of_b)) => {
            let elements = (0..of_a.len()).map(|index| if pick(index) { of_a[index] } else { of_b[index] }).collect();
            HostTensor::of_integers(a.element(), shape, elements)
        }
        _ => {
            let (of_a, of_b) = (a.to_floats(), b.to_floats());
            let elements = (0..of_a.len()).map(|index| if pick(index) { of_a[index] } else { of_b[index] }).collect();
            HostTensor::of_floats(a.element(), shape, elements)
        }
    };
    expanded(&host, whole).map(Value::from)
}
