//! Vector-Jacobian products of convolutions by the formula, element by element.

use crate::error::Result;
use crate::geometry::{
    BilinearSampleGeometry, BilinearSampleGradients, BilinearSampleInputs, Border, Conv2dGeometry, Conv2dGradients,
    Conv2dInputs, DeformConv2dGeometry, DeformConv2dGradients, DeformConv2dInputs, DeformIm2colInputs, EdgeDerivative,
    Im2colGeometry, Planes,
};
use crate::reference::conv::conv2d::check_weight;
use crate::reference::conv::deform::check_deformed;
use crate::reference::conv::im2col::{pixel, sample, tap_position};
use crate::reference::{Reference, check_len};

/// A sum with the absolute values and the number of its terms.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    pub(crate) value: f64,
    pub(crate) magnitude: f64,
    pub(crate) terms: u64,
}

impl Sum {
    pub(crate) fn add(&mut self, value: f64, magnitude: f64, terms: u64) {
        self.value += value;
        self.magnitude += magnitude;
        self.terms += terms;
    }
}

impl From<Vec<Sum>> for Reference {
    fn from(sums: Vec<Sum>) -> Self {
        Self {
            value: sums.iter().map(|sum| sum.value).collect(),
            magnitude: sums.iter().map(|sum| sum.magnitude).collect(),
            terms: sums.iter().map(|sum| sum.terms).max().unwrap_or(0),
        }
    }
}

pub(crate) fn zeros(elements: u64) -> Vec<Sum> {
    vec![Sum::default(); elements as usize]
}

/// A neighbour of a sample: its index in the plane, its weight, and the weight's derivatives by y and x.
pub(crate) struct Neighbour {
    pub(crate) index: usize,
    pub(crate) weight: f64,
    pub(crate) derivatives: [f64; 2],
}

/// The neighbours, inside the image, of the position `base + delta`: none outside, or where the position is not finite.
pub(crate) fn neighbours(
    border: Border,
    edge_derivative: EdgeDerivative,
    [height, width]: [u32; 2],
    base: [i64; 2],
    delta: [f64; 2],
) -> Vec<Neighbour> {
    let extent = [i64::from(height), i64::from(width)];
    // On one axis: cell, weight, derivative of the weight.
    let axis = |a: usize| -> Option<[(i64, f64, f64); 2]> {
        if !delta[a].is_finite() {
            return None;
        }
        let cell = (delta[a].floor() as i64).saturating_add(base[a]);
        let fraction = delta[a] - delta[a].floor();
        let lowest = if border == Border::Zeros { -1 } else { 0 };
        if !(lowest..extent[a]).contains(&cell) {
            return None;
        }
        let clamped = border == Border::ClampHi && cell + 1 == extent[a];
        let at_edge = cell == -1 && fraction == 0.0 && edge_derivative == EdgeDerivative::Zero;
        let slope = if clamped || at_edge { 0.0 } else { 1.0 };
        let high = if clamped { cell } else { cell + 1 };
        Some([(cell, 1.0 - fraction, -slope), (high, fraction, slope)])
    };
    let (Some(rows), Some(columns)) = (axis(0), axis(1)) else { return Vec::new() };
    let mut neighbours = Vec::with_capacity(4);
    for (y, weight_y, slope_y) in rows {
        for (x, weight_x, slope_x) in columns {
            if (0..extent[0]).contains(&y) && (0..extent[1]).contains(&x) {
                neighbours.push(Neighbour {
                    index: (y * extent[1] + x) as usize,
                    weight: weight_y * weight_x,
                    derivatives: [slope_y * weight_x, weight_y * slope_x],
                });
            }
        }
    }
    neighbours
}

/// The gradients of a [`DeformConv2d`](crate::DeformConv2d): all that there are. In layouts that hold the mask in the offset, so
/// does the offset's gradient.
///
/// At positions that are whole numbers the derivative is the right-hand one; at exactly -1,
/// [`EdgeDerivative`] says. A sample whose offset is not finite has none, and gives none.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_conv2d_backward<T: Copy + Into<f64>>(
    geometry: &DeformConv2dGeometry,
    inputs: &DeformConv2dInputs<&[T]>,
    grad_output: &[T],
) -> Result<DeformConv2dGradients<Reference>> {
    let DeformConv2dGeometry { conv2d, deformation } = *geometry;
    let g @ Im2colGeometry { batch, channels, height, width, window, out_width, .. } = conv2d.im2col;
    let _ = check_weight(&conv2d, inputs.weight, inputs.bias)?;
    let DeformConv2dInputs { input, offset, weight, mask, bias } = *inputs;
    check_deformed(&g, &deformation, &DeformIm2colInputs { input, offset, mask })?;
    check_len("grad_output", grad_output, conv2d.output_shape())?;

    let points = deformation.points(&g);
    let (taps, out_pixels) = (g.taps(), g.out_pixels() as usize);
    let [offset_y, offset_x] = deformation.offset_layout.offset_planes(points);
    let mask_planes = deformation.offset_layout.mask_planes(points);
    let mask_in_offset = deformation.offset_layout.holds_mask();
    let element = |planes: Planes, n: u32, point: u32, p: usize| {
        (n * planes.batch + planes.first + point * planes.step) as usize * out_pixels + p
    };

    let mask_value = |n: u32, point: u32, p: usize| -> f64 {
        let at = element(mask_planes, n, point, p);
        match mask {
            _ if mask_in_offset => offset[at].into(),
            Some(mask) => mask[at].into(),
            None => 1.0,
        }
    };

    let mut grad_input = zeros(input.len() as u64);
    let mut grad_offset = zeros(offset.len() as u64);
    let mut grad_mask = mask.map(|mask| zeros(mask.len() as u64));
    let mut grad_weight = zeros(weight.len() as u64);
    let (group_channels, group_out_channels) = (conv2d.group_channels(), conv2d.group_out_channels());
    for n in 0..batch {
        for p in 0..out_pixels {
            let [oy, ox] = [p as u32 / out_width, p as u32 % out_width];
            for tap in 0..taps {
                let base = tap_position(&g, [oy, ox], [tap / window.kernel[1], tap % window.kernel[1]]);
                for c in 0..channels {
                    let point = c / (channels / deformation.offset_groups) * taps + tap;
                    let delta = [offset_y, offset_x].map(|planes| offset[element(planes, n, point, p)].into());
                    let mask_element = element(mask_planes, n, point, p);
                    let mask_value = mask_value(n, point, p);
                    let neighbours =
                        neighbours(deformation.border, deformation.edge_derivative, [height, width], base, delta);

                    let (group, ci) = (c / group_channels, c % group_channels);
                    let plane = (n * channels + c) as usize * (height * width) as usize;
                    // The column of this tap and channel, and what it is worth.
                    let mut sample = Sum::default();
                    for Neighbour { index, weight, .. } in &neighbours {
                        if *weight != 0.0 && mask_value != 0.0 {
                            let term: f64 = mask_value * input[plane + index].into();
                            sample.add(weight * term, term.abs(), 1);
                        }
                    }
                    let mut column = Sum::default();
                    for co in group * group_out_channels..(group + 1) * group_out_channels {
                        let at = ((co * group_channels + ci) * taps + tap) as usize;
                        let grad: f64 = grad_output[(n * conv2d.out_channels + co) as usize * out_pixels + p].into();
                        let term = weight[at].into() * grad;
                        column.add(term, term.abs(), 1);
                        grad_weight[at].add(sample.value * grad, sample.magnitude * grad.abs(), sample.terms);
                    }
                    for Neighbour { index, weight, derivatives } in neighbours {
                        let value: f64 = input[plane + index].into();
                        if weight != 0.0 && mask_value != 0.0 {
                            let magnitude = (mask_value * column.magnitude).abs();
                            grad_input[plane + index].add(weight * mask_value * column.value, magnitude, column.terms);
                        }
                        for (planes, derivative) in [offset_y, offset_x].into_iter().zip(derivatives) {
                            if derivative != 0.0 && mask_value != 0.0 {
                                // Times the mask, below.
                                let magnitude = (value * column.magnitude).abs();
                                let gradient = &mut grad_offset[element(planes, n, point, p)];
                                gradient.add(derivative * value * column.value, magnitude, column.terms);
                            }
                        }
                        if weight != 0.0 {
                            let gradient = match &mut grad_mask {
                                _ if mask_in_offset => &mut grad_offset[mask_element],
                                Some(grad_mask) => &mut grad_mask[mask_element],
                                None => continue,
                            };
                            gradient.add(weight * value * column.value, (value * column.magnitude).abs(), column.terms);
                        }
                    }
                }
            }
        }
    }
    for n in 0..batch {
        for point in 0..points {
            for p in 0..out_pixels {
                let mask_value = mask_value(n, point, p);
                for planes in [offset_y, offset_x] {
                    let gradient = &mut grad_offset[element(planes, n, point, p)];
                    if gradient.terms > 0 {
                        gradient.value *= mask_value;
                        gradient.magnitude *= mask_value.abs();
                    }
                }
            }
        }
    }
    Ok(DeformConv2dGradients {
        input: Some(grad_input.into()),
        offset: Some(grad_offset.into()),
        weight: Some(grad_weight.into()),
        mask: grad_mask.map(Into::into),
        bias: bias.map(|_| grad_bias(&conv2d, grad_output)),
    })
}

/// The gradients of a [`Conv2d`](crate::Conv2d): all that there are.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn conv2d_backward<T: Copy + Into<f64>>(
    geometry: &Conv2dGeometry,
    inputs: &Conv2dInputs<&[T]>,
    grad_output: &[T],
) -> Result<Conv2dGradients<Reference>> {
    let g @ Im2colGeometry { batch, channels, height, width, window, out_width, .. } = geometry.im2col;
    check_len("input", inputs.input, [batch, channels, height, width])?;
    let _ = check_weight(geometry, inputs.weight, inputs.bias)?;
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let (taps, pixels, out_pixels) = (g.taps(), (height * width) as usize, g.out_pixels() as usize);
    let (group_channels, group_out_channels) = (geometry.group_channels(), geometry.group_out_channels());
    let mut grad_input = zeros(inputs.input.len() as u64);
    let mut grad_weight = zeros(inputs.weight.len() as u64);
    for n in 0..batch {
        for co in 0..geometry.out_channels {
            for p in 0..out_pixels {
                let [oy, ox] = [p as u32 / out_width, p as u32 % out_width];
                let grad: f64 = grad_output[(n * geometry.out_channels + co) as usize * out_pixels + p].into();
                for tap in 0..taps {
                    let position = tap_position(&g, [oy, ox], [tap / window.kernel[1], tap % window.kernel[1]]);
                    let pixel = pixel(&g, position);
                    for ci in 0..group_channels {
                        let channel = co / group_out_channels * group_channels + ci;
                        let plane = (n * channels + channel) as usize * pixels;
                        let weight = ((co * group_channels + ci) * taps + tap) as usize;
                        let term = grad * sample(&g, &inputs.input[plane..][..pixels], position);
                        grad_weight[weight].add(term, term.abs(), pixel.map_or(0, |_| 1));
                        if let Some(pixel) = pixel {
                            let term = grad * inputs.weight[weight].into();
                            grad_input[plane + pixel].add(term, term.abs(), 1);
                        }
                    }
                }
            }
        }
    }
    Ok(Conv2dGradients {
        input: Some(grad_input.into()),
        weight: Some(grad_weight.into()),
        bias: inputs.bias.map(|_| grad_bias(geometry, grad_output)),
    })
}

fn grad_bias<T: Copy + Into<f64>>(geometry: &Conv2dGeometry, grad_output: &[T]) -> Reference {
    let out_pixels = geometry.im2col.out_pixels() as usize;
    let mut sums = zeros(geometry.out_channels.into());
    for (plane, grads) in grad_output.chunks(out_pixels).enumerate() {
        for &grad in grads {
            let grad: f64 = grad.into();
            sums[plane % geometry.out_channels as usize].add(grad, grad.abs(), 1);
        }
    }
    sums.into()
}

/// The gradients of a [`BilinearSample`](crate::BilinearSample).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn bilinear_sample_backward<T: Copy + Into<f64>>(
    geometry: &BilinearSampleGeometry,
    inputs: &BilinearSampleInputs<&[T]>,
    grad_output: &[T],
) -> Result<BilinearSampleGradients<Reference>> {
    let BilinearSampleGeometry { border, edge_derivative, batch, channels, height, width, out_height, out_width } =
        *geometry;
    check_len("input", inputs.input, [batch, channels, height, width])?;
    check_len("positions", inputs.positions, [batch, 2, out_height, out_width])?;
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let (pixels, out_pixels) = ((height * width) as usize, (out_height * out_width) as usize);
    let mut grad_input = zeros(inputs.input.len() as u64);
    let mut grad_positions = zeros(inputs.positions.len() as u64);
    for n in 0..batch as usize {
        for p in 0..out_pixels {
            let positions = [0, 1].map(|axis| (2 * n + axis) * out_pixels + p);
            let delta = positions.map(|at| inputs.positions[at].into());
            for Neighbour { index, weight, derivatives } in
                neighbours(border, edge_derivative, [height, width], [0, 0], delta)
            {
                for c in 0..channels as usize {
                    let plane = n * channels as usize + c;
                    let grad: f64 = grad_output[plane * out_pixels + p].into();
                    if weight != 0.0 {
                        grad_input[plane * pixels + index].add(weight * grad, grad.abs(), 1);
                    }
                    for (at, derivative) in positions.into_iter().zip(derivatives) {
                        if derivative != 0.0 {
                            let term = grad * inputs.input[plane * pixels + index].into();
                            grad_positions[at].add(derivative * term, term.abs(), 1);
                        }
                    }
                }
            }
        }
    }
    Ok(BilinearSampleGradients { input: Some(grad_input.into()), positions: Some(grad_positions.into()) })
}
