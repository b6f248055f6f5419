//! A convolution's problem, plain or deformable, and the text that names it.

use std::fmt;

use crate::dtype::DType;
use crate::geometry::{Conv2dGeometry, Deformation, Im2col};

/// All that decides how the forward pass of a convolution is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Problem {
    pub(crate) geometry: Conv2dGeometry,
    pub(crate) deformation: Option<Deformation>,
    /// The element types of data and weight.
    pub(crate) dtypes: [DType; 2],
}

/// Names the problem in one line. What only gradients depend on is left out.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { geometry, deformation, dtypes: [data, of_weight] } = self;
        let (input, weight) = (geometry.input_shape(), geometry.weight_shape());
        let Im2col { stride: [down, across], padding: [top, left, bottom, right], dilation, .. } =
            geometry.im2col.window;
        let op = if deformation.is_some() { "deform_conv2d" } else { "conv2d" };
        write!(f, "{op} {data} {of_weight} input {input} weight {weight} stride {down}x{across}")?;
        write!(f, " padding {top}x{left}x{bottom}x{right} dilation {}x{}", dilation[0], dilation[1])?;
        write!(f, " groups {}", geometry.groups)?;
        if let Some(Deformation { offset_groups, border, offset_layout, modulated, .. }) = deformation {
            write!(f, " offset_groups {offset_groups} border {border:?} layout {offset_layout:?}")?;
            f.write_str(if *modulated { " mask" } else { "" })?;
        }
        f.write_str(if geometry.bias { " bias" } else { "" })
    }
}
