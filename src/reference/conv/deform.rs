use crate::error::Result;
use crate::geometry::{
    DeformConv2dGeometry, DeformConv2dInputs, DeformIm2colGeometry, DeformIm2colInputs, Deformation, Im2colGeometry,
    Planes,
};
use crate::reference::conv::conv2d::check_weight;
use crate::reference::conv::im2col::tap_position;
use crate::reference::sample::{neighbours, sample};
use crate::reference::{Reference, check_len};

/// Refuses slices of the wrong length.
pub(crate) fn check_deformed<T>(
    im2col: &Im2colGeometry,
    deformation: &Deformation,
    inputs: &DeformIm2colInputs<&[T]>,
) -> Result<()> {
    let Im2colGeometry { batch, channels, height, width, out_height, out_width, .. } = *im2col;
    let points = deformation.points(im2col);
    let offset_channels = deformation.offset_layout.channels_per_point() * points;
    check_len("input", inputs.input, [batch, channels, height, width])?;
    check_len("offset", inputs.offset, [batch, offset_channels, out_height, out_width])?;
    match inputs.mask {
        Some(mask) => check_len("mask", mask, [batch, points, out_height, out_width]),
        None => Ok(()),
    }
}

/// The samples of one output pixel, in the order (tap, channel): what its row of the columns holds.
struct Patches<'a, T> {
    geometry: DeformIm2colGeometry,
    inputs: DeformIm2colInputs<&'a [T]>,
}

impl<'a, T: Copy + Into<f64>> Patches<'a, T> {
    fn new(geometry: DeformIm2colGeometry, inputs: DeformIm2colInputs<&'a [T]>) -> Result<Self> {
        check_deformed(&geometry.im2col, &geometry.deformation, &inputs)?;
        Ok(Self { geometry, inputs })
    }

    /// The number of samples of one output pixel.
    fn len(&self) -> usize {
        (self.geometry.im2col.taps() * self.geometry.im2col.channels) as usize
    }

    /// Fills `patch` with (value, magnitude) of each sample of output pixel `(oy, ox)` of image `n`.
    fn fill(&self, patch: &mut [(f64, f64)], n: u32, [oy, ox]: [u32; 2]) {
        let Im2colGeometry { channels, height, width, window, out_width, .. } = self.geometry.im2col;
        let deformation = &self.geometry.deformation;
        let (taps, points) = (self.geometry.im2col.taps(), deformation.points(&self.geometry.im2col));
        let out_pixels = self.geometry.im2col.out_pixels() as usize;
        let at = |tensor: &[T], planes: Planes, point: u32| -> f64 {
            let plane = (n * planes.batch + planes.first + point * planes.step) as usize;
            tensor[plane * out_pixels + (oy * out_width + ox) as usize].into()
        };
        let [dy, dx] = deformation.offset_layout.offset_planes(points);
        let mask_planes = deformation.offset_layout.mask_planes(points);
        let mask_tensor =
            if deformation.offset_layout.holds_mask() { Some(self.inputs.offset) } else { self.inputs.mask };

        let pixels = (height * width) as usize;
        for i in 0..window.kernel[0] {
            for j in 0..window.kernel[1] {
                let tap = i * window.kernel[1] + j;
                let base = tap_position(&self.geometry.im2col, [oy, ox], [i, j]);
                for c in 0..channels {
                    let point = c / (channels / deformation.offset_groups) * taps + tap;
                    let delta = [at(self.inputs.offset, dy, point), at(self.inputs.offset, dx, point)];
                    let mask = mask_tensor.map_or(1.0, |mask| at(mask, mask_planes, point));
                    let neighbours = neighbours(deformation.border, [height, width], base, delta);
                    let plane = &self.inputs.input[(n * channels + c) as usize * pixels..][..pixels];
                    patch[(tap * channels + c) as usize] = sample(plane, &neighbours, mask);
                }
            }
        }
    }
}

/// The deformable columns of `input`: (batch, out_height, out_width, taps, channels), each sample times its mask.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_im2col<T: Copy + Into<f64>>(
    geometry: &DeformIm2colGeometry,
    inputs: &DeformIm2colInputs<&[T]>,
) -> Result<Reference> {
    let patches = Patches::new(*geometry, *inputs)?;
    let mut reference = Reference::zeros(geometry.columns_shape(), 4);
    let mut patch = vec![(0.0, 0.0); patches.len()];
    let mut element = 0;
    for n in 0..geometry.im2col.batch {
        for oy in 0..geometry.im2col.out_height {
            for ox in 0..geometry.im2col.out_width {
                patches.fill(&mut patch, n, [oy, ox]);
                for &(value, magnitude) in &patch {
                    reference.value[element] = value;
                    reference.magnitude[element] = magnitude;
                    element += 1;
                }
            }
        }
    }
    Ok(reference)
}

/// Deformable convolution; see [`DeformConv2d`](crate::DeformConv2d).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where a slice is not as long as its shape.
pub fn deform_conv2d<T: Copy + Into<f64>>(
    geometry: &DeformConv2dGeometry,
    inputs: &DeformConv2dInputs<&[T]>,
) -> Result<Reference> {
    let DeformConv2dGeometry { conv2d, deformation } = *geometry;
    let im2col = conv2d.im2col;
    let bias = check_weight(&conv2d, inputs.weight, inputs.bias)?;
    let DeformConv2dInputs { input, offset, mask, .. } = *inputs;
    let columns = DeformIm2colGeometry { im2col, deformation };
    let patches = Patches::new(columns, DeformIm2colInputs { input, offset, mask })?;

    let (taps, channels) = (im2col.taps() as usize, im2col.channels as usize);
    let (group_channels, group_out_channels) = (conv2d.group_channels() as usize, conv2d.group_out_channels() as usize);
    let out_pixels = im2col.out_pixels() as usize;
    let mut reference = Reference::zeros(conv2d.output_shape(), 4 * (taps * group_channels) as u64 + 1);
    let mut patch = vec![(0.0, 0.0); patches.len()];
    for n in 0..im2col.batch {
        for oy in 0..im2col.out_height {
            for ox in 0..im2col.out_width {
                patches.fill(&mut patch, n, [oy, ox]);
                for co in 0..conv2d.out_channels as usize {
                    let (mut value, mut magnitude) = (bias(co), bias(co).abs());
                    for ci in 0..group_channels {
                        let channel = co / group_out_channels * group_channels + ci;
                        for tap in 0..taps {
                            let weight: f64 = inputs.weight[(co * group_channels + ci) * taps + tap].into();
                            let (sample, sample_magnitude) = patch[tap * channels + channel];
                            value += weight * sample;
                            magnitude += weight.abs() * sample_magnitude;
                        }
                    }
                    let element = (n as usize * conv2d.out_channels as usize + co) * out_pixels;
                    reference.value[element + (oy * im2col.out_width + ox) as usize] = value;
                    reference.magnitude[element + (oy * im2col.out_width + ox) as usize] = magnitude;
                }
            }
        }
    }
    Ok(reference)
}
