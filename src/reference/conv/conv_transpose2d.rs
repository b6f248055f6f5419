use crate::error::Result;
use crate::geometry::{Conv2dInputs, ConvTranspose2dGeometry, ConvTranspose2dGradients, ConvTranspose2dInputs};
use crate::reference::conv::backward::conv2d_backward;
use crate::reference::conv::conv2d::conv2d;
use crate::reference::conv::im2col::{pixel, tap_position};
use crate::reference::{Reference, check_len};

/// Transposed convolution; see [`ConvTranspose2d`](crate::ConvTranspose2d).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn conv_transpose2d<T: Copy + Into<f64>>(
    geometry: &ConvTranspose2dGeometry,
    inputs: &ConvTranspose2dInputs<&[T]>,
) -> Result<Reference> {
    check(geometry, inputs)?;
    let (convolution, g) = (&geometry.convolution, &geometry.convolution.im2col);
    let (group_channels, group_out_channels) = (convolution.group_out_channels(), convolution.group_channels());
    let terms = u64::from(group_channels) * u64::from(g.taps()) + 1;
    let mut reference = Reference::zeros(geometry.output_shape(), terms);
    let pixels = (g.height * g.width) as usize;
    if let Some(bias) = inputs.bias {
        for (element, value) in reference.value.iter_mut().enumerate() {
            *value = bias[element / pixels % bias.len()].into();
            reference.magnitude[element] = value.abs();
        }
    }
    let mut element = 0;
    for n in 0..g.batch {
        for channel in 0..convolution.out_channels {
            for y in 0..g.out_height {
                for x in 0..g.out_width {
                    for of_group in 0..group_out_channels {
                        let out_channel = channel / group_channels * group_out_channels + of_group;
                        for i in 0..g.window.kernel[0] {
                            for j in 0..g.window.kernel[1] {
                                let Some(pixel) = pixel(g, tap_position(g, [y, x], [i, j])) else { continue };
                                let tap =
                                    (channel * group_out_channels + of_group) * g.taps() + i * g.window.kernel[1] + j;
                                let term = inputs.input[element].into() * inputs.weight[tap as usize].into();
                                let at = (n * g.channels + out_channel) as usize * pixels + pixel;
                                reference.value[at] += term;
                                reference.magnitude[at] += term.abs();
                            }
                        }
                    }
                    element += 1;
                }
            }
        }
    }
    Ok(reference)
}

/// The gradients of a [`ConvTranspose2d`](crate::ConvTranspose2d): the input's is a convolution of that of the output, and the weight's that of
/// this convolution's weight.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn conv_transpose2d_backward<T: Copy + Into<f64>>(
    geometry: &ConvTranspose2dGeometry,
    inputs: &ConvTranspose2dInputs<&[T]>,
    grad_output: &[T],
) -> Result<ConvTranspose2dGradients<Reference>> {
    check(geometry, inputs)?;
    check_len("grad_output", grad_output, geometry.output_shape())?;
    let (convolution, g) = (&geometry.convolution, &geometry.convolution.im2col);
    let back = Conv2dInputs { input: grad_output, weight: inputs.weight, bias: None };
    let bias = inputs.bias.map(|bias| {
        let mut reference =
            Reference::zeros([bias.len() as u32].into(), u64::from(g.batch) * u64::from(g.height) * u64::from(g.width));
        for (plane, elements) in grad_output.chunks((g.height * g.width) as usize).enumerate() {
            for &element in elements {
                let value: f64 = element.into();
                reference.value[plane % bias.len()] += value;
                reference.magnitude[plane % bias.len()] += value.abs();
            }
        }
        reference
    });
    Ok(ConvTranspose2dGradients {
        input: Some(conv2d(convolution, &back)?),
        weight: conv2d_backward(convolution, &back, inputs.input)?.weight,
        bias,
    })
}

fn check<T>(geometry: &ConvTranspose2dGeometry, inputs: &ConvTranspose2dInputs<&[T]>) -> Result<()> {
    let shapes = geometry.input_shapes();
    check_len("input", inputs.input, shapes.input)?;
    check_len("weight", inputs.weight, shapes.weight)?;
    inputs.bias.map_or(Ok(()), |bias| check_len("bias", bias, [geometry.out_channels()]))
}
