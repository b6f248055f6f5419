//! Sums of weighted samples at points, and their gradients: attention over levels, and deformable convolutions of versions 3 and 4.

use crate::error::Result;
use crate::geometry::{
    AttentionSampling, Border, DeformConvV3Geometry, DeformConvV3Gradients, DeformConvV3Inputs, DeformConvV4Geometry,
    DeformConvV4Gradients, DeformConvV4Inputs, MultiScaleDeformAttnGeometry, MultiScaleDeformAttnGradients,
    MultiScaleDeformAttnInputs,
};
use crate::reference::conv::backward::{Neighbour, Sum, neighbours, zeros};
use crate::reference::{Reference, check_len};
use crate::shape::Shape;

/// Extents of the value, (image, pixel, head, channel), and of the output, (image, query, head, channel).
struct Extents {
    images: usize,
    pixels: usize,
    queries: usize,
    heads: usize,
    channels: usize,
}

/// A sampling point: the pixels of the value that it is taken from, and where its position, x in front of y, and its weight stand.
struct Point {
    neighbours: Vec<Neighbour>,
    /// The derivative of the position in pixels by what stands there.
    slope: [f64; 2],
    position: usize,
    weight: usize,
}

impl Extents {
    /// Calls `visit` with each query and head of each image: image, query, head.
    fn each(&self, mut visit: impl FnMut(usize, usize, usize)) {
        for image in 0..self.images {
            for query in 0..self.queries {
                (0..self.heads).for_each(|head| visit(image, query, head));
            }
        }
    }

    fn value(&self, image: usize, pixel: usize, head: usize) -> usize {
        ((image * self.pixels + pixel) * self.heads + head) * self.channels
    }

    fn output(&self, image: usize, query: usize, head: usize) -> usize {
        ((image * self.queries + query) * self.heads + head) * self.channels
    }

    /// The sums, in the shape of the output.
    fn sums(
        &self,
        shape: Shape,
        value: impl Fn(usize) -> f64,
        weight: impl Fn(usize) -> f64,
        points: impl Fn(usize, usize, usize) -> Vec<Point>,
    ) -> Reference {
        let mut sums = zeros(shape.elements());
        self.each(|image, query, head| {
            for point in points(image, query, head) {
                let weight = weight(point.weight);
                for neighbour in point.neighbours.iter().filter(|near| near.weight != 0.0 && weight != 0.0) {
                    for channel in 0..self.channels {
                        let term = weight * value(self.value(image, neighbour.index, head) + channel);
                        let sum = &mut sums[self.output(image, query, head) + channel];
                        sum.add(neighbour.weight * term, term.abs(), 1);
                    }
                }
            }
        });
        sums.into()
    }

    /// Adds up the gradients of the value, the positions and the weights.
    fn gradients(
        &self,
        value: impl Fn(usize) -> f64,
        weight: impl Fn(usize) -> f64,
        points: impl Fn(usize, usize, usize) -> Vec<Point>,
        grad_output: impl Fn(usize) -> f64,
        mut add: impl FnMut(Gradient, usize, Sum),
    ) {
        self.each(|image, query, head| {
            for point in points(image, query, head) {
                let weight = weight(point.weight);
                let mut by_position = [Sum::default(); 2];
                for neighbour in &point.neighbours {
                    for channel in 0..self.channels {
                        let at = self.value(image, neighbour.index, head) + channel;
                        let (value, grad) = (value(at), grad_output(self.output(image, query, head) + channel));
                        let product = (value * grad).abs();
                        if neighbour.weight != 0.0 {
                            let term = Sum { value: neighbour.weight * value * grad, magnitude: product, terms: 1 };
                            add(Gradient::Weight, point.weight, term);
                        }
                        if neighbour.weight != 0.0 && weight != 0.0 {
                            let magnitude = (weight * grad).abs();
                            add(
                                Gradient::Value,
                                at,
                                Sum { value: neighbour.weight * weight * grad, magnitude, terms: 1 },
                            );
                        }
                        for (axis, sum) in by_position.iter_mut().enumerate() {
                            let derivative = neighbour.derivatives[axis] * point.slope[axis];
                            if derivative != 0.0 && weight != 0.0 {
                                sum.add(derivative * value * grad, (point.slope[axis] * value * grad).abs(), 1);
                            }
                        }
                    }
                }
                // y stands behind x.
                for (axis, sum) in by_position.into_iter().enumerate().filter(|(_, sum)| sum.terms > 0) {
                    let (value, magnitude) = (weight * sum.value, weight.abs() * sum.magnitude);
                    add(Gradient::Position, point.position + 1 - axis, Sum { value, magnitude, terms: sum.terms });
                }
            }
        });
    }
}

/// Operand that a gradient belongs to.
enum Gradient {
    Value,
    Position,
    Weight,
}

fn add(sums: &mut [Sum], at: usize, Sum { value, magnitude, terms }: Sum) {
    sums[at].add(value, magnitude, terms);
}

impl MultiScaleDeformAttnGeometry {
    fn extents(&self) -> Extents {
        Extents {
            images: self.batch as usize,
            pixels: self.pixels as usize,
            queries: self.queries as usize,
            heads: self.heads as usize,
            channels: self.channels as usize,
        }
    }

    /// The points of a query and head.
    fn points_of<T: Copy + Into<f64>>(&self, locations: &[T], [image, query, head]: [usize; 3]) -> Vec<Point> {
        let row = (image * self.queries as usize + query) * self.heads as usize + head;
        let (mut first, mut points) = (0, Vec::new());
        for level in &self.op.levels {
            for _ in 0..level.points {
                let weight = row * self.points as usize + points.len();
                let position = 2 * weight;
                let location = [locations[position + 1].into(), locations[position].into()];
                let extent = [level.height, level.width];
                let slope = extent.map(f64::from);
                let mut near = match self.op.sampling {
                    AttentionSampling::Bilinear => {
                        let delta = [location[0] * slope[0] - 0.5, location[1] * slope[1] - 0.5];
                        neighbours(Border::Zeros, self.op.edge_derivative, extent, [0, 0], delta)
                    }
                    AttentionSampling::Discrete => discrete(extent, location),
                };
                near.iter_mut().for_each(|near| near.index += first);
                points.push(Point { neighbours: near, slope, position, weight });
            }
            first += (level.height * level.width) as usize;
        }
        points
    }
}

/// The one pixel of a discrete sample; none where the location is not finite.
fn discrete([height, width]: [u32; 2], location: [f64; 2]) -> Vec<Neighbour> {
    if !location.iter().all(|value| value.is_finite()) {
        return Vec::new();
    }
    let pixel = |value: f64, extent: u32| {
        let extent = f64::from(extent);
        (value * extent + 0.5).trunc().clamp(0.0, extent - 1.0) as usize
    };
    let index = pixel(location[0], height) * width as usize + pixel(location[1], width);
    vec![Neighbour { index, weight: 1.0, derivatives: [0.0; 2] }]
}

fn check_attention<T>(
    geometry: &MultiScaleDeformAttnGeometry,
    inputs: &MultiScaleDeformAttnInputs<&[T]>,
) -> Result<()> {
    let shapes = geometry.input_shapes();
    check_len("value", inputs.value, shapes.value)?;
    check_len("locations", inputs.locations, shapes.locations)?;
    check_len("weights", inputs.weights, shapes.weights)?;
    let masks = inputs.padding_mask.zip(shapes.padding_mask);
    masks.map_or(Ok(()), |(mask, shape)| check_len("padding_mask", mask, shape))
}

/// Whether an element of the value is masked.
fn masked<T: Copy + Into<f64>>(
    geometry: &MultiScaleDeformAttnGeometry,
    inputs: &MultiScaleDeformAttnInputs<&[T]>,
    at: usize,
) -> bool {
    let row = (geometry.heads * geometry.channels) as usize;
    inputs.padding_mask.is_some_and(|mask| mask[at / row].into() != 0.0)
}

/// Sums of samples over levels; see [`MultiScaleDeformAttn`](crate::MultiScaleDeformAttn).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn multi_scale_deform_attn<T: Copy + Into<f64>>(
    geometry: &MultiScaleDeformAttnGeometry,
    inputs: &MultiScaleDeformAttnInputs<&[T]>,
) -> Result<Reference> {
    check_attention(geometry, inputs)?;
    Ok(geometry.extents().sums(
        geometry.output_shape(),
        |at| if masked(geometry, inputs, at) { 0.0 } else { inputs.value[at].into() },
        |at| inputs.weights[at].into(),
        |image, query, head| geometry.points_of(inputs.locations, [image, query, head]),
    ))
}

/// The gradients of a [`MultiScaleDeformAttn`](crate::MultiScaleDeformAttn).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn multi_scale_deform_attn_backward<T: Copy + Into<f64>>(
    geometry: &MultiScaleDeformAttnGeometry,
    inputs: &MultiScaleDeformAttnInputs<&[T]>,
    grad_output: &[T],
) -> Result<MultiScaleDeformAttnGradients<Reference>> {
    check_attention(geometry, inputs)?;
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let mut value = zeros(inputs.value.len() as u64);
    let mut locations = zeros(inputs.locations.len() as u64);
    let mut weights = zeros(inputs.weights.len() as u64);
    geometry.extents().gradients(
        |at| if masked(geometry, inputs, at) { 0.0 } else { inputs.value[at].into() },
        |at| inputs.weights[at].into(),
        |image, query, head| geometry.points_of(inputs.locations, [image, query, head]),
        |at| grad_output[at].into(),
        |of, at, term| match of {
            Gradient::Value if masked(geometry, inputs, at) => {}
            Gradient::Value => add(&mut value, at, term),
            Gradient::Position => add(&mut locations, at, term),
            Gradient::Weight => add(&mut weights, at, term),
        },
    );
    Ok(MultiScaleDeformAttnGradients {
        value: Some(value.into()),
        locations: Some(locations.into()),
        weights: Some(weights.into()),
    })
}

impl DeformConvV3Geometry {
    fn extents(&self) -> Extents {
        Extents {
            images: self.im2col.batch as usize,
            pixels: (self.im2col.height * self.im2col.width) as usize,
            queries: self.im2col.out_pixels() as usize,
            heads: self.op.groups as usize,
            channels: (self.im2col.channels / self.op.groups) as usize,
        }
    }

    /// The points of an output pixel and a group, whose offsets and masks begin at these elements of their tensors.
    fn points_at<T: Copy + Into<f64>>(&self, offset: &[T], query: usize, [position, weight]: [usize; 2]) -> Vec<Point> {
        let (op, im2col) = (&self.op, &self.im2col);
        let scale = f64::from(op.offset_scale);
        let out = [query / im2col.out_width as usize, query % im2col.out_width as usize];
        let taps = self.tap_positions().into_iter().enumerate();
        let points = taps.map(|(k, [column, row])| {
            let position = position + 2 * k;
            let delta = |axis: usize, tap: u32| {
                let dilation = f64::from(op.dilation[axis]);
                let center = (dilation * f64::from(op.kernel[axis] - 1) / 2.0).floor();
                let offset: f64 = offset[position + 1 - axis].into();
                center - center * scale + (f64::from(tap) * dilation + offset) * scale
            };
            let base = |axis: usize| out[axis] as i64 * i64::from(op.stride[axis]) - i64::from(op.padding[axis]);
            let (base, delta) = ([base(0), base(1)], [delta(0, row), delta(1, column)]);
            let extent = [im2col.height, im2col.width];
            let neighbours = neighbours(Border::Zeros, op.edge_derivative, extent, base, delta);
            Point { neighbours, slope: [scale; 2], position, weight: weight + k }
        });
        points.collect()
    }
}

/// Sums of samples at the taps of a window; see [`DeformConvV3`](crate::DeformConvV3).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_conv_v3<T: Copy + Into<f64>>(
    geometry: &DeformConvV3Geometry,
    inputs: &DeformConvV3Inputs<&[T]>,
) -> Result<Reference> {
    check_v3(geometry, inputs)?;
    let extents = geometry.extents();
    Ok(extents.sums(
        geometry.output_shape(),
        |at| inputs.input[at].into(),
        |at| inputs.mask[at].into(),
        |image, query, head| geometry.points_at(inputs.offset, query, starts_v3(geometry, [image, query, head])),
    ))
}

/// The gradients of a [`DeformConvV3`](crate::DeformConvV3).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_conv_v3_backward<T: Copy + Into<f64>>(
    geometry: &DeformConvV3Geometry,
    inputs: &DeformConvV3Inputs<&[T]>,
    grad_output: &[T],
) -> Result<DeformConvV3Gradients<Reference>> {
    check_v3(geometry, inputs)?;
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let mut input = zeros(inputs.input.len() as u64);
    let mut offset = zeros(inputs.offset.len() as u64);
    let mut mask = zeros(inputs.mask.len() as u64);
    geometry.extents().gradients(
        |at| inputs.input[at].into(),
        |at| inputs.mask[at].into(),
        |image, query, head| geometry.points_at(inputs.offset, query, starts_v3(geometry, [image, query, head])),
        |at| grad_output[at].into(),
        |of, at, term| match of {
            Gradient::Value => add(&mut input, at, term),
            Gradient::Position => add(&mut offset, at, term),
            Gradient::Weight => add(&mut mask, at, term),
        },
    );
    Ok(DeformConvV3Gradients { input: Some(input.into()), offset: Some(offset.into()), mask: Some(mask.into()) })
}

fn check_v3<T>(geometry: &DeformConvV3Geometry, inputs: &DeformConvV3Inputs<&[T]>) -> Result<()> {
    let shapes = geometry.input_shapes();
    check_len("input", inputs.input, shapes.input)?;
    check_len("offset", inputs.offset, shapes.offset)?;
    check_len("mask", inputs.mask, shapes.mask)
}

fn starts_v3(geometry: &DeformConvV3Geometry, [image, query, head]: [usize; 3]) -> [usize; 2] {
    let Extents { queries, heads, .. } = geometry.extents();
    let first = ((image * queries + query) * heads + head) * geometry.taps() as usize;
    [2 * first, first]
}

/// Sums of samples at the taps of a window; see [`DeformConvV4`](crate::DeformConvV4).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_conv_v4<T: Copy + Into<f64>>(
    geometry: &DeformConvV4Geometry,
    inputs: &DeformConvV4Inputs<&[T]>,
) -> Result<Reference> {
    check_v4(geometry, inputs)?;
    let window = &geometry.window;
    Ok(window.extents().sums(
        geometry.output_shape(),
        |at| inputs.input[at].into(),
        |at| inputs.offset_mask[at].into(),
        |image, query, head| window.points_at(inputs.offset_mask, query, starts_v4(geometry, [image, query, head])),
    ))
}

/// The gradients of a [`DeformConvV4`](crate::DeformConvV4).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_conv_v4_backward<T: Copy + Into<f64>>(
    geometry: &DeformConvV4Geometry,
    inputs: &DeformConvV4Inputs<&[T]>,
    grad_output: &[T],
) -> Result<DeformConvV4Gradients<Reference>> {
    check_v4(geometry, inputs)?;
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let window = &geometry.window;
    let mut input = zeros(inputs.input.len() as u64);
    let mut offset_mask = zeros(inputs.offset_mask.len() as u64);
    window.extents().gradients(
        |at| inputs.input[at].into(),
        |at| inputs.offset_mask[at].into(),
        |image, query, head| window.points_at(inputs.offset_mask, query, starts_v4(geometry, [image, query, head])),
        |at| grad_output[at].into(),
        |of, at, term| match of {
            Gradient::Value => add(&mut input, at, term),
            Gradient::Position | Gradient::Weight => add(&mut offset_mask, at, term),
        },
    );
    Ok(DeformConvV4Gradients { input: Some(input.into()), offset_mask: Some(offset_mask.into()) })
}

fn check_v4<T>(geometry: &DeformConvV4Geometry, inputs: &DeformConvV4Inputs<&[T]>) -> Result<()> {
    let shapes = geometry.input_shapes();
    check_len("input", inputs.input, shapes.input)?;
    check_len("offset_mask", inputs.offset_mask, shapes.offset_mask)
}

fn starts_v4(geometry: &DeformConvV4Geometry, [image, query, head]: [usize; 3]) -> [usize; 2] {
    let Extents { queries, .. } = geometry.window.extents();
    let planes = geometry.input_shapes().offset_mask.extents()[3] as usize;
    let taps = geometry.window.taps() as usize;
    let first = (image * queries + query) * planes + head * 3 * taps;
    [first, first + 2 * taps]
}
