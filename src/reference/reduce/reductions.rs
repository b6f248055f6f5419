use crate::error::{Error, Result};
use crate::geometry::{ArgReduceGeometry, CumSumGeometry, ReduceFunction, ReduceGeometry, TopKGeometry, TopKOutputs};
use crate::reference::reduce::softmax::change;
use crate::reference::{Reference, check_len};

/// Elements put together along axes; see [`Reduce`](crate::Reduce). Integers are numbers here, and their means have fractions.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn reduce<T: Copy + Into<f64>>(geometry: &ReduceGeometry, input: &[T]) -> Result<Reference> {
    check_len("input", input, geometry.shape)?;
    let mut reference = Reference::zeros(geometry.output, geometry.terms().into());
    let mut members = vec![Vec::new(); reference.value.len()];
    for (element, &x) in input.iter().enumerate() {
        members[place_of(geometry, element)].push(x.into());
    }
    for (place, members) in members.iter().enumerate() {
        (reference.value[place], reference.magnitude[place]) = reduced(geometry.op.function, members);
    }
    Ok(reference)
}

/// The gradient of a [`Reduce`](crate::Reduce) that is a sum or a mean.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape; [`Error::Unsupported`](crate::Error::Unsupported) for another function.
pub fn reduce_backward<T: Copy + Into<f64>>(geometry: &ReduceGeometry, grad_output: &[T]) -> Result<Reference> {
    check_len("grad_output", grad_output, geometry.output)?;
    let divisor = match geometry.op.function {
        ReduceFunction::Sum => 1.0,
        ReduceFunction::Mean => f64::from(geometry.terms()),
        function => return Err(Error::Unsupported(format!("{function:?} has no gradient"))),
    };
    let mut reference = Reference::zeros(geometry.shape, 1);
    for element in 0..reference.value.len() {
        let grad: f64 = grad_output[place_of(geometry, element)].into();
        reference.value[element] = grad / divisor;
        reference.magnitude[element] = reference.value[element].abs();
    }
    Ok(reference)
}

/// The place in the output of what an element of the input is part of.
fn place_of(geometry: &ReduceGeometry, element: usize) -> usize {
    // What is left of the element, and what is before it along the axes that are left.
    let (mut rest, mut place, mut stride) = (element, 0, 1);
    for (extent, reduced) in geometry.axes().into_iter().rev() {
        if !reduced {
            place += rest % extent as usize * stride;
            stride *= extent as usize;
        }
        rest /= extent as usize;
    }
    place
}

/// The result of a function, and its magnitude.
fn reduced(function: ReduceFunction, elements: &[f64]) -> (f64, f64) {
    let sum_of = |of: fn(f64) -> f64| elements.iter().copied().map(of).sum::<f64>();
    let extreme = |none: f64, of: fn(f64, f64) -> f64| {
        let nan = elements.iter().any(|x| x.is_nan());
        if nan { f64::NAN } else { elements.iter().copied().fold(none, of) }
    };
    let size = sum_of(f64::abs);
    match function {
        ReduceFunction::Sum => (sum_of(|x| x), size),
        ReduceFunction::Mean => (sum_of(|x| x) / elements.len() as f64, size / elements.len() as f64),
        ReduceFunction::Max => (extreme(f64::NEG_INFINITY, f64::max), 0.0),
        ReduceFunction::Min => (extreme(f64::INFINITY, f64::min), 0.0),
        ReduceFunction::Prod => {
            let product = elements.iter().product::<f64>();
            (product, product.abs())
        }
        ReduceFunction::L1 => (size, size),
        ReduceFunction::L2 => {
            let norm = sum_of(|x| x * x).sqrt();
            (norm, norm)
        }
        ReduceFunction::SumSquare => {
            let squares = sum_of(|x| x * x);
            (squares, squares)
        }
        ReduceFunction::LogSum => {
            let sum = sum_of(|x| x);
            (sum.ln(), sum.ln().abs() + size / sum.abs())
        }
        ReduceFunction::LogSumExp => {
            let largest = extreme(f64::NEG_INFINITY, f64::max);
            if !largest.is_finite() {
                return (largest, 0.0);
            }
            let exponents = || elements.iter().map(|x| x - largest);
            let sum: f64 = exponents().map(f64::exp).sum();
            let value = largest + sum.ln();
            let off = exponents().map(|exponent| change(exponent) * exponent.exp()).sum::<f64>() / sum;
            (value, largest.abs() + sum.ln() + off)
        }
    }
}

/// The first element of each row, and the distance from one element to the next.
fn rows([planes, extent, columns]: [u32; 3]) -> impl Iterator<Item = (usize, usize)> {
    let [planes, extent, columns] = [planes, extent, columns].map(|extent| extent as usize);
    (0..planes * columns).map(move |row| (row / columns * extent * columns + row % columns, columns))
}

/// The index of the largest or smallest element along an axis; see [`ArgReduce`](crate::ArgReduce).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn arg_reduce<T: Copy + Into<f64>>(geometry: &ArgReduceGeometry, input: &[T]) -> Result<Reference> {
    check_len("input", input, geometry.shape)?;
    let mut reference = Reference::zeros(geometry.output, 1);
    let crate::ArgReduce { largest, last, .. } = geometry.op;
    for (place, (first, step)) in rows(geometry.rows).enumerate() {
        let (mut index, mut best) = (0, input[first].into());
        for at in 1..geometry.rows[1] as usize {
            let x: f64 = input[first + at * step].into();
            let beyond = if largest { x > best } else { x < best };
            let better = !best.is_nan() && (x.is_nan() || beyond);
            let equal = x == best || (x.is_nan() && best.is_nan());
            if better || (equal && last) {
                (index, best) = (at, x);
            }
        }
        reference.value[place] = index as f64;
    }
    Ok(reference)
}

/// The largest or smallest elements along an axis, in order, and their indices; see [`TopK`](crate::TopK).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn top_k<T: Copy + Into<f64>>(geometry: &TopKGeometry, input: &[T]) -> Result<TopKOutputs<Reference>> {
    check_len("input", input, geometry.shape)?;
    let crate::TopK { k, largest, .. } = geometry.op;
    let [mut values, mut indices] = [(); 2].map(|()| Reference::zeros(geometry.output_shapes().values, 1));
    for (row, (first, step)) in rows(geometry.rows).enumerate() {
        let x = |index: usize| -> f64 { input[first + index * step].into() };
        let mut order: Vec<_> = (0..geometry.rows[1] as usize).collect();
        order.sort_by(|&a, &b| {
            let (a, b) = (x(a), x(b));
            let ascending = a.partial_cmp(&b).unwrap_or(a.is_nan().cmp(&b.is_nan()));
            if largest { ascending.reverse() } else { ascending }
        });
        let to = row / step * k as usize * step + row % step;
        for (rank, &index) in order[..k as usize].iter().enumerate() {
            values.value[to + rank * step] = x(index);
            indices.value[to + rank * step] = index as f64;
        }
    }
    Ok(TopKOutputs { values, indices })
}

/// The sums of the elements along an axis up to each; see [`CumSum`](crate::CumSum).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the slice is not as long as its shape.
pub fn cum_sum<T: Copy + Into<f64>>(geometry: &CumSumGeometry, input: &[T]) -> Result<Reference> {
    check_len("input", input, geometry.shape)?;
    let crate::CumSum { exclusive, reverse, .. } = geometry.op;
    let extent = geometry.rows[1] as usize;
    let mut reference = Reference::zeros(geometry.shape, extent as u64);
    for (first, step) in rows(geometry.rows) {
        let (mut sum, mut magnitude) = (0.0, 0.0);
        for at in 0..extent {
            let element = first + step * if reverse { extent - 1 - at } else { at };
            let x: f64 = input[element].into();
            let (before, before_magnitude) = (sum, magnitude);
            (sum, magnitude) = (sum + x, magnitude + x.abs());
            (reference.value[element], reference.magnitude[element]) =
                if exclusive { (before, before_magnitude) } else { (sum, magnitude) };
        }
    }
    Ok(reference)
}
