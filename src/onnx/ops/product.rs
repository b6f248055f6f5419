//! Products of matrices.

use super::Entry;
use super::elementwise::{binary_of, broadcast, broadcasts_to};
use super::movement::transposed;
use crate::error::{Error, Result};
use crate::geometry::{Binary, BinaryInputs, Matmul, MatmulInputs, Reduce, ReduceFunction, StridedCopy};
use crate::onnx::planner::{Call, Source, Value};
use crate::onnx::{ElementType, HostTensor, malformed};
use crate::shape::Shape;
use crate::{Axes, SliceRange};

pub(super) const OPERATORS: &[Entry] = &[("Einsum", einsum), ("Gemm", gemm), ("MatMul", matmul)];

/// The product of all of some extents.
fn product(extents: &[u32]) -> Result<u32> {
    let product = extents.iter().try_fold(1u32, |product, &extent| product.checked_mul(extent));
    product.ok_or_else(|| malformed("it multiplies more than 2^32 rows"))
}

/// A product of tensors of any rank: that of their last two axes, for each of the others.
pub(super) fn matmul(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 2)?;
    let [a, b] = [call.source(0)?, call.source(1)?];
    let element = call.input(0)?.element();
    Ok(vec![multiply(call, [a, b], [false, false], element)?])
}

/// The product of two tensors, the last two axes of either swapped before or not.
pub(super) fn multiply(
    call: &mut Call,
    [a, b]: [Source; 2],
    [transpose_a, transpose_b]: [bool; 2],
    element: ElementType,
) -> Result<Value> {
    let (a_shape, b_shape) = (a.shape(), b.shape());
    if a_shape.rank() == 0 || b_shape.rank() == 0 {
        return Err(Error::shape("input", format!("a is {a_shape} and b {b_shape}; each needs an axis at least")));
    }
    // A vector is a row on the left, a column on the right; that axis is not there in the output.
    let (a_vector, b_vector) = (a_shape.rank() == 1, b_shape.rank() == 1);
    let a_extents = if a_vector { vec![1, a_shape.extents()[0]] } else { a_shape.extents().to_vec() };
    let b_extents = if b_vector { vec![b_shape.extents()[0], 1] } else { b_shape.extents().to_vec() };
    let (a_batch, a_matrix) = a_extents.split_at(a_extents.len() - 2);
    let (b_batch, b_matrix) = b_extents.split_at(b_extents.len() - 2);
    let batch = broadcast([Shape::new(a_batch)?, Shape::new(b_batch)?])?;
    let rows = if transpose_a { a_matrix[1] } else { a_matrix[0] };
    let columns = if transpose_b { b_matrix[0] } else { b_matrix[1] };

    let mut extents = batch.extents().to_vec();
    extents.extend((!a_vector).then_some(rows));
    extents.extend((!b_vector).then_some(columns));
    let shape = Shape::new(&extents)?;
    let depths =
        [if transpose_a { a_matrix[0] } else { a_matrix[1] }, if transpose_b { b_matrix[1] } else { b_matrix[0] }];
    if depths == [0; 2] || shape.elements() == 0 && depths[0] == depths[1] {
        // The sum of nothing is 0.
        return Ok(HostTensor::repeated(element, shape, 0.0).into());
    }

    let (a_many, b_many) = (product(a_batch)?, product(b_batch)?);
    let many = product(batch.extents())?;
    let op = Matmul { transpose_a, transpose_b };
    let output = if b_many == 1 && !transpose_a {
        // One matrix on the right: all rows on the left are of one product.
        let a = a.reshaped([1, product(&[a_many, a_matrix[0]])?, a_matrix[1]]);
        let b = b.reshaped([1, b_matrix[0], b_matrix[1]]);
        call.run_packing(&op, &MatmulInputs { a, b, bias: None }, element)?
    } else {
        let a = repeated(call, a, a_batch, a_matrix, batch, element)?;
        let b = repeated(call, b, b_batch, b_matrix, batch, element)?;
        call.run_packing(&op, &MatmulInputs { a, b, bias: None }, element)?
    };
    debug_assert_eq!(output.shape().elements(), u64::from(many) * u64::from(rows) * u64::from(columns));
    call.reshaped(&output, shape)
}

/// Matrices of a batch of one axis: those of the whole batch, or one for all. Others are repeated.
fn repeated(
    call: &mut Call,
    source: Source,
    batch: &[u32],
    matrix: &[u32],
    whole: Shape,
    element: ElementType,
) -> Result<Source> {
    let (has, needs) = (product(batch)?, product(whole.extents())?);
    if has == needs || has == 1 {
        return Ok(source.reshaped([has, matrix[0], matrix[1]]));
    }
    let extents: Vec<_> = whole.extents().iter().chain(matrix).copied().collect();
    let op = StridedCopy::expand(Shape::new(&extents)?);
    let expanded = call.run_one(&op, &source, element)?;
    Ok(call.source_of(&expanded)?.reshaped([needs, matrix[0], matrix[1]]))
}

fn gemm(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(2, 3)?;
    let element = call.input(0)?.element();
    let (alpha, beta) = (call.attributes.float_or("alpha", 1.0)?, call.attributes.float_or("beta", 1.0)?);
    let transposed = [call.attributes.flag("transA", false)?, call.attributes.flag("transB", false)?];
    let [a, b] = [call.source(0)?, call.source(1)?];
    for (name, shape) in [("A", a.shape()), ("B", b.shape())] {
        if shape.rank() != 2 {
            return Err(Error::shape("input", format!("{name} ({shape}) has {} axes; it needs 2", shape.rank())));
        }
    }
    let product = multiply(call, [a, b], transposed, element)?;
    let product = scaled(call, product, alpha)?;
    let Some(bias) = call.optional(2).cloned() else { return Ok(vec![product]) };
    let bias = scaled(call, bias, beta)?;
    broadcasts_to("C", bias.shape(), product.shape())?;
    Ok(vec![binary_of(call, Binary::Add, [&product, &bias], element, i64::wrapping_add)?])
}

/// A value times a factor.
pub(super) fn scaled(call: &mut Call, value: Value, factor: f32) -> Result<Value> {
    if factor == 1.0 || value.shape().elements() == 0 {
        return Ok(value);
    }
    let element = value.element();
    let factor = HostTensor::of_floats(element, [].into(), vec![factor.into()]).into();
    let inputs = BinaryInputs { a: call.source_of(&value)?, b: call.source_of(&factor)? };
    call.run_one(&Binary::Mul, &inputs, element)
}

/// An operand of an Einsum, with the letter of each of its axes.
struct Term {
    value: Value,
    letters: Vec<char>,
}

fn einsum(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, usize::MAX)?;
    let equation = call.attributes.string("equation")?.ok_or_else(|| malformed("it lacks the attribute equation"))?;
    let equation: String = equation.chars().filter(|letter| !letter.is_whitespace()).collect();
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (&equation[..], None),
    };
    let sides: Vec<_> = left.split(',').collect();
    if sides.len() != call.inputs.len() {
        return Err(malformed(format!(
            "equation {equation:?} has {} terms; it has {} inputs",
            sides.len(),
            call.inputs.len()
        )));
    }
    let mut terms = Vec::new();
    let mut dots = 0;
    for (index, side) in sides.iter().enumerate() {
        let value = call.input(index)?.clone();
        let (letters, of_dots) = letters(side, value.shape().rank())?;
        dots = dots.max(of_dots);
        terms.push(Term { value, letters });
    }
    let result = match right {
        Some(right) => {
            letters(right, right.replace("...", "").chars().count() + if right.contains("...") { dots } else { 0 })?.0
        }
        None => {
            // The axes of the dots, then the letters that stand once, in alphabetical order.
            let count = |letter: char| terms.iter().flat_map(|term| &term.letters).filter(|of| **of == letter).count();
            let mut once: Vec<_> =
                ('A'..='z').filter(|&letter| letter.is_ascii_alphabetic() && count(letter) == 1).collect();
            once.splice(0..0, (0..dots).map(|axis| dot(dots - 1 - axis)));
            once
        }
    };
    let mut together = terms.remove(0);
    for index in 0..terms.len() {
        let later: Vec<char> = terms[index + 1..].iter().flat_map(|term| term.letters.clone()).collect();
        let kept = |letter: &char| result.contains(letter) || later.contains(letter);
        together = contracted(call, together, &terms[index], kept)?;
    }
    let together = summed(call, together, |letter| result.contains(letter))?;
    let mut order = Vec::new();
    for letter in &result {
        let axis = together.letters.iter().position(|of| of == letter);
        order.push(axis.ok_or_else(|| malformed(format!("equation {equation:?} has {letter} on the right alone")))?);
    }
    Ok(vec![transposed(call, &together.value, &order)?])
}

/// The letter of an axis that dots stand for, counted from the last one.
fn dot(from_last: usize) -> char {
    char::from_digit(from_last as u32, 10).unwrap_or('9')
}

/// The letters of a term of so many axes, and how many its dots stand for.
fn letters(side: &str, rank: usize) -> Result<(Vec<char>, usize)> {
    let (before, after) = match side.split_once("...") {
        Some((before, after)) => (before, Some(after)),
        None => (side, None),
    };
    let named = before.chars().count() + after.map_or(0, |after| after.chars().count());
    let dots = rank.checked_sub(named).filter(|dots| after.is_some() || *dots == 0);
    let dots = dots.ok_or_else(|| malformed(format!("term {side:?} of its equation does not fit {rank} axes")))?;
    let of_dots = (0..dots).map(|axis| dot(dots - 1 - axis));
    Ok((before.chars().chain(of_dots).chain(after.unwrap_or_default().chars()).collect(), dots))
}

/// A term summed over the axes whose letters are not kept, with no letter twice.
fn summed(call: &mut Call, term: Term, kept: impl Fn(&char) -> bool) -> Result<Term> {
    let Term { value, letters } = term;
    if let Some(twice) = letters.iter().enumerate().find(|(axis, letter)| letters[..*axis].contains(letter)) {
        return diagonal(call, Term { value, letters: letters.clone() }, twice.0)
            .and_then(|term| summed(call, term, kept));
    }
    let axes: Axes = (0..letters.len() as u32).filter(|&axis| !kept(&letters[axis as usize])).collect();
    if axes == Axes::default() {
        return Ok(Term { value, letters });
    }
    let element = value.element();
    let source = call.source_of(&value)?;
    let op = Reduce { function: ReduceFunction::Sum, axes, keep: false };
    let value = call.run_one(&op, &source, element)?;
    Ok(Term { value, letters: letters.into_iter().filter(|letter| kept(letter)).collect() })
}

/// The diagonal along an axis whose letter stands before too.
fn diagonal(call: &mut Call, term: Term, second: usize) -> Result<Term> {
    let first = term.letters.iter().position(|letter| *letter == term.letters[second]).unwrap_or(second);
    let rank = term.letters.len();
    let others = (0..rank).filter(|axis| *axis != first && *axis != second);
    let order: Vec<_> = others.clone().chain([first, second]).collect();
    let value = transposed(call, &term.value, &order)?;
    let extents = value.shape().extents().to_vec();
    let (outer, square) = extents.split_at(rank - 2);
    let extent = square[0];
    if square[1] != extent {
        return Err(Error::shape("input", format!("a letter stands for {extent} and for {}", square[1])));
    }
    // Elements of the diagonal are one apart from the next row.
    let rows = product(outer)?;
    let flat = call.reshaped(&value, [rows, product(square)?].into())?;
    let range = SliceRange { axis: 1, start: 0, end: i64::MAX, step: i64::from(extent) + 1 };
    let picked = super::movement::moved(call, &flat, &StridedCopy::slice(&[range]))?;
    let mut shape = outer.to_vec();
    shape.push(extent);
    let letters = others.chain([first]).map(|axis| term.letters[axis]).collect();
    Ok(Term { value: call.reshaped(&picked, Shape::new(&shape)?)?, letters })
}

/// The extent that a letter stands for in a term, if it has it.
fn extent(term: &Term, letter: &char) -> Option<u32> {
    term.letters.iter().position(|of| of == letter).map(|axis| term.value.shape().extents()[axis])
}

/// A term without the axes of extent 1 that another has with more: it is then repeated along these.
fn repeatable(call: &mut Call, term: &Term, other: &Term) -> Result<Term> {
    let repeated =
        |letter: &&char| extent(term, letter) == Some(1) && extent(other, letter).is_some_and(|many| many > 1);
    let letters: Vec<char> = term.letters.iter().filter(|letter| !repeated(letter)).copied().collect();
    let extents: Vec<_> = letters.iter().filter_map(|letter| extent(term, letter)).collect();
    let value = call.reshaped(&term.value, Shape::new(&extents)?)?;
    Ok(Term { value, letters })
}

/// The product of two terms, summed over what is not kept: one product of matrices.
fn contracted(call: &mut Call, a: Term, b: &Term, kept: impl Fn(&char) -> bool) -> Result<Term> {
    let [a, b] = [repeatable(call, &a, b)?, repeatable(call, b, &a)?];
    let a = summed(call, a, |letter| kept(letter) || b.letters.contains(letter))?;
    let b = summed(call, b, |letter| kept(letter) || a.letters.contains(letter))?;
    let both: Vec<char> = a.letters.iter().copied().filter(|letter| b.letters.contains(letter)).collect();
    let (batch, depth): (Vec<char>, Vec<char>) = both.iter().partition(|letter| kept(letter));
    let of_a: Vec<char> = a.letters.iter().copied().filter(|letter| !both.contains(letter)).collect();
    let of_b: Vec<char> = b.letters.iter().copied().filter(|letter| !both.contains(letter)).collect();
    let element = a.value.element();
    for letter in &both {
        if let (Some(of_a), Some(of_b)) = (extent(&a, letter), extent(&b, letter))
            && of_a != of_b
        {
            return Err(Error::shape("input", format!("{letter} stands for {of_a} and for {of_b}")));
        }
    }
    let size = |term: &Term, letters: &[char]| {
        product(&letters.iter().filter_map(|letter| extent(term, letter)).collect::<Vec<_>>())
    };
    let mut matrix = |term: &Term, letters: [&[char]; 3]| {
        let order: Vec<_> =
            letters.concat().iter().filter_map(|letter| term.letters.iter().position(|of| of == letter)).collect();
        let value = transposed(call, &term.value, &order)?;
        let shape = [size(term, letters[0])?, size(term, letters[1])?, size(term, letters[2])?];
        let value = call.reshaped(&value, shape.into())?;
        call.source_of(&value)
    };
    let inputs =
        MatmulInputs { a: matrix(&a, [&batch, &of_a, &depth])?, b: matrix(&b, [&batch, &of_b, &depth])?, bias: None };
    let output = call.run_packing(&Matmul { transpose_a: false, transpose_b: true }, &inputs, element)?;
    let letters = [&batch[..], &of_a, &of_b].concat();
    let extents: Vec<_> = letters.iter().filter_map(|letter| extent(&a, letter).or(extent(&b, letter))).collect();
    Ok(Term { value: call.reshaped(&output, Shape::new(&extents)?)?, letters })
}
