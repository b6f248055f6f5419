use crate::error::Result;
use crate::geometry::{Conv2dGeometry, Conv2dInputs, Im2colGeometry};
use crate::reference::conv::im2col::{sample, tap_position};
use crate::reference::{Reference, check_len};

/// Refuses weight and bias slices of the wrong length, and hands out the bias of an output channel.
pub(crate) fn check_weight<'a, T: Copy + Into<f64>>(
    geometry: &Conv2dGeometry,
    weight: &[T],
    bias: Option<&'a [T]>,
) -> Result<impl Fn(usize) -> f64 + use<'a, T>> {
    let [kernel_height, kernel_width] = geometry.im2col.window.kernel;
    check_len("weight", weight, [geometry.out_channels, geometry.group_channels(), kernel_height, kernel_width])?;
    if let Some(bias) = bias {
        check_len("bias", bias, [geometry.out_channels])?;
    }
    Ok(move |channel: usize| bias.map_or(0.0, |bias| bias[channel].into()))
}

/// Convolution; see [`Conv2d`](crate::Conv2d).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn conv2d<T: Copy + Into<f64>>(geometry: &Conv2dGeometry, inputs: &Conv2dInputs<&[T]>) -> Result<Reference> {
    let g @ Im2colGeometry { batch, channels, height, width, window, out_height, out_width } = geometry.im2col;
    check_len("input", inputs.input, [batch, channels, height, width])?;
    let bias = check_weight(geometry, inputs.weight, inputs.bias)?;
    let pixels = (height * width) as usize;
    let (group_channels, group_out_channels) = (geometry.group_channels(), geometry.group_out_channels());
    let terms = u64::from(group_channels) * u64::from(g.taps()) + 1;
    let mut reference = Reference::zeros(geometry.output_shape(), terms);
    let mut element = 0;
    for n in 0..batch {
        for co in 0..geometry.out_channels {
            for oy in 0..out_height {
                for ox in 0..out_width {
                    let (mut value, mut magnitude) = (bias(co as usize), bias(co as usize).abs());
                    for ci in 0..group_channels {
                        let channel = co / group_out_channels * group_channels + ci;
                        let plane = &inputs.input[(n * channels + channel) as usize * pixels..][..pixels];
                        for i in 0..window.kernel[0] {
                            for j in 0..window.kernel[1] {
                                let sample = sample(&g, plane, tap_position(&g, [oy, ox], [i, j]));
                                let tap = (co * group_channels + ci) * g.taps() + i * window.kernel[1] + j;
                                let term = inputs.weight[tap as usize].into() * sample;
                                value += term;
                                magnitude += term.abs();
                            }
                        }
                    }
                    reference.value[element] = value;
                    reference.magnitude[element] = magnitude;
                    element += 1;
                }
            }
        }
    }
    Ok(reference)
}
