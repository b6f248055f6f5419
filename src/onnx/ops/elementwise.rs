//! Functions of elements, with broadcasting.

use super::Entry;
use crate::error::{Error, Result};
use crate::geometry::{self, Binary, BinaryInputs, Cast, CastTo, Select, SelectInputs, Unary};
use crate::onnx::element::ElementType;
use crate::onnx::planner::{Call, DeviceValue, Source, Value, largest};
use crate::onnx::{HostTensor, malformed};
use crate::reference::{binary_value, unary_value};
use crate::shape::Shape;

pub(super) const OPERATORS: &[Entry] = &[
    ("Abs", |call| unary(call, Unary::Abs, Some(i64::wrapping_abs))),
    ("Add", |call| binary(call, Binary::Add, i64::wrapping_add)),
    ("And", |call| logical(call, Binary::And, |a, b| a & b)),
    ("Cast", cast),
    ("CastLike", cast_like),
    ("Ceil", |call| unary(call, Unary::Ceil, None)),
    ("Celu", |call| with_alpha(call, 1.0, |alpha| Unary::Celu { alpha })),
    ("Clip", clip),
    ("Cos", |call| unary(call, Unary::Cos, None)),
    ("Div", |call| binary(call, Binary::Div, |a, b| if b == 0 { 0 } else { a.wrapping_div(b) })),
    ("Elu", |call| with_alpha(call, 1.0, |alpha| Unary::Elu { alpha })),
    ("Equal", |call| compare(call, Binary::Equal)),
    ("Erf", |call| unary(call, Unary::Erf, None)),
    ("Exp", |call| unary(call, Unary::Exp, None)),
    ("Floor", |call| unary(call, Unary::Floor, None)),
    ("Gelu", gelu),
    ("Greater", |call| compare(call, Binary::Greater)),
    ("GreaterOrEqual", |call| compare(call, Binary::GreaterOrEqual)),
    ("HardSigmoid", hard_sigmoid),
    ("HardSwish", |call| unary(call, Unary::HardSwish, None)),
    ("IsInf", is_inf),
    ("IsNaN", |call| predicate(call, Unary::IsNan)),
    ("LeakyRelu", |call| with_alpha(call, 0.01, |slope| Unary::LeakyRelu { slope })),
    ("Less", |call| compare(call, Binary::Less)),
    ("LessOrEqual", |call| compare(call, Binary::LessOrEqual)),
    ("Log", |call| unary(call, Unary::Log, None)),
    ("Max", |call| all_of(call, Binary::Max, i64::max, false)),
    ("Mean", |call| all_of(call, Binary::Add, i64::wrapping_add, true)),
    ("Min", |call| all_of(call, Binary::Min, i64::min, false)),
    ("Mish", |call| unary(call, Unary::Mish, None)),
    ("Mod", modulo),
    ("Mul", |call| binary(call, Binary::Mul, i64::wrapping_mul)),
    ("Neg", |call| unary(call, Unary::Neg, Some(i64::wrapping_neg))),
    ("Not", |call| unary(call, Unary::Not, Some(|x| i64::from(x == 0)))),
    ("Or", |call| logical(call, Binary::Or, |a, b| a | b)),
    ("PRelu", |call| binary(call, Binary::PRelu, |a, b| if a >= 0 { a } else { a.wrapping_mul(b) })),
    ("Pow", pow),
    ("Reciprocal", |call| unary(call, Unary::Reciprocal, None)),
    ("Relu", |call| unary(call, Unary::Relu, Some(|x| x.max(0)))),
    ("Round", |call| unary(call, Unary::Round, None)),
    ("Selu", selu),
    ("Sigmoid", |call| unary(call, Unary::Sigmoid, None)),
    ("Sign", |call| unary(call, Unary::Sign, Some(i64::signum))),
    ("Sin", |call| unary(call, Unary::Sin, None)),
    ("Softplus", |call| unary(call, Unary::Softplus, None)),
    ("Softsign", |call| unary(call, Unary::Softsign, None)),
    ("Sqrt", |call| unary(call, Unary::Sqrt, None)),
    ("Sub", |call| binary(call, Binary::Sub, i64::wrapping_sub)),
    ("Sum", |call| all_of(call, Binary::Add, i64::wrapping_add, false)),
    ("Swish", swish),
    ("Tan", |call| unary(call, Unary::Tan, None)),
    ("Tanh", |call| unary(call, Unary::Tanh, None)),
    ("ThresholdedRelu", |call| with_alpha(call, 1.0, |alpha| Unary::ThresholdedRelu { alpha })),
    ("Where", |call| {
        call.arity(3, 3)?;
        let [condition, a, b] = [call.input(0)?.clone(), call.input(1)?.clone(), call.input(2)?.clone()];
        Ok(vec![select(call, &condition, &a, &b)?])
    }),
    ("Xor", |call| logical(call, Binary::Xor, |a, b| a ^ b)),
];

/// A function of the elements of the only input; integers of the host have one of their own, if they have any.
fn unary(call: &mut Call, op: Unary, of_integer: Option<fn(i64) -> i64>) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let input = call.input(0)?.clone();
    Ok(vec![of_value(call, op, &input, of_integer)?])
}

/// A function of the elements of a value: on the host where that is known, else on the device.
pub(super) fn of_value(call: &mut Call, op: Unary, value: &Value, of_integer: Option<fn(i64) -> i64>) -> Result<Value> {
    if let Value::Host(host) = value
        && let Some(mapped) = map(call, host, host.element(), |x| unary_value(op, x), of_integer)?
    {
        return Ok(mapped);
    }
    function(call, op, value)
}

/// A function of each element, on the device.
pub(super) fn function(call: &mut Call, op: Unary, value: &Value) -> Result<Value> {
    let source = call.source_of(value)?;
    call.run_one(&op, &source, value.element())
}

/// A function with the attribute alpha.
fn with_alpha(call: &mut Call, default: f32, op: impl Fn(f32) -> Unary) -> Result<Vec<Value>> {
    let alpha = call.attributes.float_or("alpha", default)?;
    unary(call, op(alpha), None)
}

fn hard_sigmoid(call: &mut Call) -> Result<Vec<Value>> {
    let (alpha, beta) = (call.attributes.float_or("alpha", 0.2)?, call.attributes.float_or("beta", 0.5)?);
    unary(call, Unary::HardSigmoid { alpha, beta }, None)
}

fn selu(call: &mut Call) -> Result<Vec<Value>> {
    // The numbers of the operator's specification.
    let alpha = call.attributes.float_or("alpha", 1.673_263_2)?;
    let gamma = call.attributes.float_or("gamma", 1.050_701)?;
    unary(call, Unary::Selu { alpha, gamma }, None)
}

fn gelu(call: &mut Call) -> Result<Vec<Value>> {
    match &call.attributes.string("approximate")?.unwrap_or("none".into())[..] {
        "none" => unary(call, Unary::Gelu, None),
        "tanh" => unary(call, Unary::GeluTanh, None),
        other => Err(Error::attribute("approximate", format!("approximate is {other}; none and tanh are known"))),
    }
}

/// x times the sigmoid of alpha x.
fn swish(call: &mut Call) -> Result<Vec<Value>> {
    let alpha = call.attributes.float_or("alpha", 1.0)?;
    if alpha == 1.0 {
        return unary(call, Unary::Silu, None);
    }
    call.arity(1, 1)?;
    let input = call.input(0)?.clone();
    let scaled = super::product::scaled(call, input.clone(), alpha)?;
    let gate = function(call, Unary::Sigmoid, &scaled)?;
    let element = input.element();
    Ok(vec![binary_of(call, Binary::Mul, [&input, &gate], element, i64::wrapping_mul)?])
}

/// Whether something holds of each element.
fn predicate(call: &mut Call, op: Unary) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let input = call.input(0)?.clone();
    if let Value::Host(host) = &input
        && let Some(mapped) = map(call, host, ElementType::Bool, |x| unary_value(op, x), Some(|_| 0))?
    {
        return Ok(vec![mapped]);
    }
    let source = call.source(0)?;
    Ok(vec![call.run_one(&op, &source, ElementType::Bool)?])
}

fn is_inf(call: &mut Call) -> Result<Vec<Value>> {
    let positive = call.attributes.flag("detect_positive", true)?;
    let negative = call.attributes.flag("detect_negative", true)?;
    predicate(call, Unary::IsInf { positive, negative })
}

/// The function of each element of a tensor on the host, of each repeated one once, as `element`s.
fn map(
    call: &mut Call,
    host: &HostTensor,
    element: ElementType,
    of_float: impl Fn(f64) -> f64,
    of_integer: Option<impl Fn(i64) -> i64>,
) -> Result<Option<Value>> {
    let few = host.unexpanded();
    let mapped = match (few.to_integers(), of_integer) {
        (None, _) => {
            call.fold(few.len())?;
            let elements = few.to_floats().into_iter().map(of_float);
            HostTensor::of_numbers(element, few.shape(), elements)
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
    shapes.into_iter().try_fold(Shape::from([]), |together, shape| {
        geometry::broadcast(together, shape).map_err(|[is, of]| {
            let message =
                format!("an operand ({shape}) has extent {of} where another has {is}; one must be the other, or 1");
            Error::shape("input", message)
        })
    })
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

/// The function of two tensors on the host, broadcast, as `element`s; repeated elements are computed once.
fn fold(
    call: &mut Call,
    op: Binary,
    [a, b]: [&HostTensor; 2],
    element: ElementType,
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
            let elements = a.to_floats().into_iter().zip(b.to_floats()).map(|(a, b)| binary_value(op, a, b));
            HostTensor::of_numbers(element, shape, elements)
        }
    };
    expanded(&host, whole).map(Value::from)
}

/// A function of two tensors, broadcast, of the element type of the first.
fn binary(call: &mut Call, op: Binary, of_integers: fn(i64, i64) -> i64) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let [a, b] = [call.input(0)?.clone(), call.input(1)?.clone()];
    same_element(&a, &b)?;
    let element = a.element();
    Ok(vec![binary_of(call, op, [&a, &b], element, of_integers)?])
}

fn same_element(a: &Value, b: &Value) -> Result<()> {
    if a.element() != b.element() {
        return Err(Error::dtype("b", format!("b holds {}; a holds {}", b.element(), a.element())));
    }
    Ok(())
}

/// Refuses an operand that is not repeated to the shape of another.
pub(super) fn broadcasts_to(name: &str, operand: Shape, whole: Shape) -> Result<()> {
    if broadcast([whole, operand])? != whole {
        return Err(Error::shape("input", format!("{name} is {operand}; it must broadcast to {whole}")));
    }
    Ok(())
}

/// Whether the sum of two tensors on the host is twice as large as both or larger, as that of a bias of heads and a mask of windows is: that is left to
/// the device.
fn spreads(operands: [&HostTensor; 2]) -> bool {
    let few = operands.map(HostTensor::unexpanded);
    let together: u64 = few.iter().map(HostTensor::len).sum();
    let made = broadcast(few.each_ref().map(HostTensor::shape)).map_or(0, |made| made.elements());
    made >= SPREAD && made / 2 >= together
}

/// The elements from which on such a sum is not held on the host.
const SPREAD: u64 = 1 << 18;

/// A function of two values, whose result holds `element`s.
pub(super) fn binary_of(
    call: &mut Call,
    op: Binary,
    [a, b]: [&Value; 2],
    element: ElementType,
    of_integers: impl Fn(i64, i64) -> i64,
) -> Result<Value> {
    let whole = broadcast([a.shape(), b.shape()])?;
    if let (Value::Host(a), Value::Host(b)) = (a, b)
        && !(op == Binary::Add && element.is_float() && spreads([a, b]))
    {
        return fold(call, op, [a, b], element, of_integers);
    }
    if whole.elements() == 0 {
        return Ok(HostTensor::empty(element, whole).into());
    }
    let [a, b] = operands(call, [a, b])?;
    call.run_one(&op, &BinaryInputs { a, b }, element)
}

/// A comparison, whose result holds booleans.
fn compare(call: &mut Call, op: Binary) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let [a, b] = [call.input(0)?.clone(), call.input(1)?.clone()];
    same_element(&a, &b)?;
    Ok(vec![compared(call, op, [&a, &b])?])
}

pub(super) fn compared(call: &mut Call, op: Binary, values: [&Value; 2]) -> Result<Value> {
    let of_integers = |a: i64, b: i64| {
        i64::from(match op {
            Binary::Less => a < b,
            Binary::LessOrEqual => a <= b,
            Binary::Greater => a > b,
            Binary::GreaterOrEqual => a >= b,
            _ => a == b,
        })
    };
    binary_of(call, op, values, ElementType::Bool, of_integers)
}

fn logical(call: &mut Call, op: Binary, of_integers: fn(i64, i64) -> i64) -> Result<Vec<Value>> {
    call.attributes.int("axis")?;
    binary(call, op, of_integers)
}

/// The function of all inputs, or their mean.
fn all_of(call: &mut Call, op: Binary, of_integers: fn(i64, i64) -> i64, mean: bool) -> Result<Vec<Value>> {
    call.arity(1, usize::MAX)?;
    let mut value = call.input(0)?.clone();
    for index in 1..call.inputs.len() {
        let other = call.input(index)?.clone();
        same_element(&value, &other)?;
        let element = value.element();
        value = binary_of(call, op, [&value, &other], element, of_integers)?;
    }
    if mean {
        value = super::product::scaled(call, value, (call.inputs.len() as f32).recip())?;
    }
    Ok(vec![value])
}

/// The remainder of a division: by default of the sign of the divisor.
fn modulo(call: &mut Call) -> Result<Vec<Value>> {
    let of_dividend = call.attributes.flag("fmod", false)?;
    let is_float = call.input(0)?.element().is_float();
    match (of_dividend, is_float) {
        (true, _) => binary(call, Binary::Fmod, |a, b| a.checked_rem(b).unwrap_or(0)),
        (false, false) => binary(call, Binary::Mod, |a, b| {
            let rest = a.checked_rem(b).unwrap_or(0);
            if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
        }),
        (false, true) => {
            // Of the sign of the divisor: what is left after whole numbers of it, and once more where the signs differ.
            let [a, b] = [call.input(0)?.clone(), call.input(1)?.clone()];
            let element = a.element();
            let rest = binary_of(call, Binary::Fmod, [&a, &b], element, |a, _| a)?;
            let moved = binary_of(call, Binary::Add, [&rest, &b], element, i64::wrapping_add)?;
            let zero = HostTensor::repeated(element, [].into(), 0.0).into();
            let negative = compared(call, Binary::Less, [&rest, &zero])?;
            let divisor = compared(call, Binary::Less, [&b, &zero])?;
            let differ = binary_of(call, Binary::Xor, [&negative, &divisor], ElementType::Bool, |a, b| a ^ b)?;
            let whole = compared(call, Binary::Equal, [&rest, &zero])?;
            let other = select(call, &differ, &moved, &rest)?;
            Ok(vec![select(call, &whole, &rest, &other)?])
        }
    }
}

/// A power, whose exponent may be of another element type.
fn pow(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let [base, exponent] = [call.input(0)?.clone(), call.input(1)?.clone()];
    let element = base.element();
    if let (Value::Host(base), Value::Host(exponent)) = (&base, &exponent)
        && element != exponent.element()
    {
        // In floats, where one of both is.
        let of = |host: &HostTensor| HostTensor::of_floats(ElementType::F64, host.shape(), host.to_floats());
        let power = fold(call, Binary::Pow, [&of(base), &of(exponent)], ElementType::F64, |a, _| a)?;
        return Ok(vec![converted(call, &power, element)?]);
    }
    if element.is_float() || !exponent.element().is_float() {
        let exponent = converted(call, &exponent, element)?;
        let of_integers = |a: i64, b: i64| u32::try_from(b).map_or(0, |b| a.wrapping_pow(b));
        return Ok(vec![binary_of(call, Binary::Pow, [&base, &exponent], element, of_integers)?]);
    }
    let float = exponent.element();
    let base = converted(call, &base, float)?;
    let power = binary_of(call, Binary::Pow, [&base, &exponent], float, |a, _| a)?;
    Ok(vec![converted(call, &power, element)?])
}

fn cast(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    call.attributes.int("saturate")?; // of floats of 8 bits
    call.attributes.string("round_mode")?;
    let to = call.attributes.int("to")?.ok_or_else(|| malformed("it lacks the attribute to"))?;
    let to = ElementType::read(i32::try_from(to).unwrap_or(-1))?;
    let input = call.input(0)?.clone();
    Ok(vec![converted(call, &input, to)?])
}

fn cast_like(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    call.attributes.int("saturate")?; // of floats of 8 bits
    call.attributes.string("round_mode")?;
    let (input, to) = (call.input(0)?.clone(), call.input(1)?.element());
    Ok(vec![converted(call, &input, to)?])
}

/// A value as elements of another type.
pub(super) fn converted(call: &mut Call, value: &Value, to: ElementType) -> Result<Value> {
    if value.element() == to {
        return Ok(value.clone());
    }
    match value {
        Value::Host(host) => {
            let of_float = |x: f64| match to {
                ElementType::Bool => f64::from(u8::from(x != 0.0)),
                to if to.is_float() => x,
                _ => x.trunc(),
            };
            let few = host.unexpanded();
            call.fold(few.len())?;
            let converted = match few.to_integers() {
                Some(integers) if !to.is_float() => HostTensor::of_integers(to, few.shape(), integers),
                _ => HostTensor::of_numbers(to, few.shape(), few.to_floats().into_iter().map(of_float)),
            };
            expanded(&converted, host.shape()).map(Value::from)
        }
        Value::Device(device) => {
            let (from, dtype) = (device.element, call.planner.dtype(to));
            // Elements that lie in memory alike.
            let alike = device.spec.dtype == dtype
                && to != ElementType::Bool
                && (to.is_float() || to.size() >= from.size().min(4));
            if alike {
                return Ok(Value::Device(DeviceValue { element: to, ..*device }));
            }
            let op = Cast { to: if to == ElementType::Bool { CastTo::Boolean } else { CastTo::Type(dtype) } };
            let cast = call.run_one(&op, &Source::Buffer(*device), to)?;
            // Of fewer bits, those that are left.
            let (bits, signed) = match to {
                ElementType::U8 => (8, false),
                ElementType::U16 => (16, false),
                ElementType::I8 => (8, true),
                ElementType::I16 => (16, true),
                _ => return Ok(cast),
            };
            let number = |x: i64| Value::from(HostTensor::of_integers(ElementType::I32, [].into(), vec![x]));
            let low = binary_of(call, Binary::And, [&cast, &number((1 << bits) - 1)], to, |a, b| a & b)?;
            if !signed {
                return Ok(low);
            }
            let half = number(1 << (bits - 1));
            let flipped = binary_of(call, Binary::Xor, [&low, &half], to, |a, b| a ^ b)?;
            binary_of(call, Binary::Sub, [&flipped, &half], to, i64::wrapping_sub)
        }
        Value::Unknown => Ok(Value::Unknown),
    }
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
    let element = call.input(0)?.element();
    if call.opset >= 11 && !element.is_float() {
        return clip_integers(call);
    }
    let (min, max) = if call.opset < 11 {
        call.arity(1, 1)?;
        let (min, max) = (call.attributes.float("min")?, call.attributes.float("max")?);
        (min.map(f64::from), max.map(f64::from))
    } else {
        call.arity(1, 3)?;
        (call.optional_scalar(1, "min")?, call.optional_scalar(2, "max")?)
    };
    if let Some(host) = call.input(0)?.host().cloned() {
        let of_float = |x: f64| {
            let raised = min.map_or(x, |min| if x < min { min } else { x });
            max.map_or(raised, |max| if raised > max { max } else { raised })
        };
        return Ok(map(call, &host, element, of_float, None::<fn(i64) -> i64>)?.into_iter().collect());
    }
    let most = largest(call.planner.dtype(element));
    let op = Unary::Clip { min: min.map_or(-most, |min| min as f32), max: max.map_or(most, |max| max as f32) };
    let input = call.source(0)?;
    Ok(vec![call.run_one(&op, &input, element)?])
}

/// The larger one of each integer and one bound, the smaller one of that and the other.
fn clip_integers(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 3)?;
    let mut value = call.input(0)?.clone();
    for (index, (name, op)) in [("min", Binary::Max), ("max", Binary::Min)].into_iter().enumerate() {
        let Some(bound) = call.optional_ints(index + 1, name)? else { continue };
        let &[bound] = &bound[..] else {
            return Err(malformed(format!("{name} has {} elements; it needs 1", bound.len())));
        };
        // On the device there are no integers beyond 32 bits.
        let beyond = if op == Binary::Max { bound <= i32::MIN.into() } else { bound >= i32::MAX.into() };
        if value.host().is_some() || !beyond {
            let element = value.element();
            let bound = HostTensor::of_integers(element, [].into(), vec![bound]).into();
            let of_integers = if op == Binary::Max { i64::max } else { i64::min };
            value = binary_of(call, op, [&value, &bound], element, of_integers)?;
        }
    }
    Ok(vec![value])
}

/// `a` where the condition holds, `b` elsewhere, broadcast.
pub(super) fn select(call: &mut Call, condition: &Value, a: &Value, b: &Value) -> Result<Value> {
    same_element(a, b)?;
    let element = a.element();
    if let (Value::Host(condition), Value::Host(a), Value::Host(b)) = (condition, a, b) {
        return select_hosts(call, condition, a, b);
    }
    let whole = broadcast([condition.shape(), a.shape(), b.shape()])?;
    if whole.elements() == 0 {
        return Ok(HostTensor::empty(element, whole).into());
    }
    let [a, b, condition] = operands(call, [a, b, condition])?;
    call.run_one(&Select, &SelectInputs { a, b, condition }, element)
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
