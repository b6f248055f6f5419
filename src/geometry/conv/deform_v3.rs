use crate::error::{Error, Result};
use crate::geometry::{
    BATCH, EdgeDerivative, Im2col, Im2colGeometry, Output, axis, check_elements, divides, expect, extents, gradients,
    inputs, op,
};
use crate::shape::Shape;

/// Deformable convolution, version 3: samples of each group of channels at the taps of a window, times a mask; channels last, without a weight.
///
/// Wang et al., *InternImage* (2022). At output (oy, ox), for tap (i, j) of column i and row j, along each axis:
///
/// ```text
/// position = c - padding + o * stride - c * offset_scale + (tap * dilation + offset) * offset_scale,   c = floor(dilation * (kernel - 1) / 2)
/// output[n, oy, ox, g * D + d] = sum over taps of mask * input[n, y, x, g * D + d]
/// ```
///
/// So `offset_scale` spreads the taps too, about the centre. Taps are numbered column by column: `tap = i * kernel_height + j`. The mask is used as it
/// is: a softmax is an op of its own. Samples are inside where `-1 < position < extent`, and neighbours outside the image count 0. A sample whose
/// offset is not finite counts 0. Pairs are `[height, width]`; padding is `[top, left, bottom, right]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeformConvV3 {
    /// Rows and columns of taps.
    pub kernel: [u32; 2],
    /// Pixels from one window to the next.
    pub stride: [u32; 2],
    /// Pixels of zeros around the image: top, left, bottom, right.
    pub padding: [u32; 4],
    /// Pixels from one tap to the next.
    pub dilation: [u32; 2],
    /// Groups of channels, each with offsets and masks of its own.
    pub groups: u32,
    /// The factor of offsets, and of the distances of taps from the centre.
    pub offset_scale: f32,
    /// Whether the tap in column `kernel_width / 2` and row `kernel_height / 2` is left out.
    pub remove_center: bool,
    /// The derivative of samples at the edge, for the backward pass.
    pub edge_derivative: EdgeDerivative,
}

impl Default for DeformConvV3 {
    /// A window of 3x3 that keeps the extents, as the blocks of InternImage have it, whose kernels have no derivative at the edge.
    fn default() -> Self {
        Self {
            kernel: [3; 2],
            stride: [1; 2],
            padding: [1; 4],
            dilation: [1; 2],
            groups: 1,
            offset_scale: 1.0,
            remove_center: false,
            edge_derivative: EdgeDerivative::Zero,
        }
    }
}

impl DeformConvV3 {
    /// Taps of a group, but for a centre that is left out.
    pub(crate) fn taps(&self) -> u32 {
        let [rows, columns] = self.kernel;
        rows.saturating_mul(columns).saturating_sub(self.remove_center.into())
    }
}

inputs!(
    /// The inputs of a [`DeformConvV3`].
    DeformConvV3Inputs {
        /// (batch, height, width, channels)
        input,
        /// (batch, out_height, out_width, groups · taps · 2), x in front of y
        offset,
        /// (batch, out_height, out_width, groups · taps)
        mask,
    }
);

gradients!(
    /// The gradients of a [`DeformConvV3`]'s inputs.
    DeformConvV3Gradients {
        input,
        offset,
        mask,
    }
);

/// Deformable convolution, version 4: as [`DeformConvV3`], with offsets and masks in one tensor.
///
/// Xiong et al., *Efficient Deformable ConvNets* (2024). Of the channels of that tensor, a group has `3 * taps`: x and y of each tap, and then the
/// masks. They are followed by as many as fill a multiple of 8, which are never read and have a gradient of 0. The masks take any value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DeformConvV4 {
    /// The attributes, which are those of version 3.
    pub window: DeformConvV3,
}

inputs!(
    /// The inputs of a [`DeformConvV4`].
    DeformConvV4Inputs {
        /// (batch, height, width, channels)
        input,
        /// (batch, out_height, out_width, 3 · groups · taps, rounded up to a multiple of 8)
        offset_mask,
    }
);

gradients!(
    /// The gradients of a [`DeformConvV4`]'s inputs.
    DeformConvV4Gradients {
        input,
        offset_mask,
    }
);

/// A checked deformable convolution, version 3.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeformConvV3Geometry {
    pub(crate) op: DeformConvV3,
    pub(crate) im2col: Im2colGeometry,
}

/// A checked deformable convolution, version 4.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeformConvV4Geometry {
    pub(crate) window: DeformConvV3Geometry,
}

impl DeformConvV3Geometry {
    /// Checks attributes and shapes.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`] with the two figures that disagree.
    pub fn new(op: &DeformConvV3, shapes: &DeformConvV3Inputs<Shape>) -> Result<Self> {
        let geometry = Self::of_input(op, shapes.input)?;
        let points = geometry.points();
        geometry.expect_planes("offset", shapes.offset, 2 * points, "2 for each tap of each group make")?;
        geometry.expect_planes("mask", shapes.mask, points, "the taps of all groups are")?;
        Ok(geometry)
    }

    fn of_input(op: &DeformConvV3, input: Shape) -> Result<Self> {
        let axes = [BATCH, axis("height"), axis("width"), axis("channels")];
        let [batch, height, width, channels] = extents("input", input, axes)?;
        divides("groups", op.groups, channels, "input")?;
        if !op.offset_scale.is_finite() {
            let message = format!("offset_scale is {}; a finite number is needed", op.offset_scale);
            return Err(Error::attribute("offset_scale", message));
        }
        let DeformConvV3 { kernel, stride, padding, dilation, .. } = *op;
        let window = Im2col { kernel, stride, padding, dilation };
        let im2col = Im2colGeometry::new(&window, [batch, channels, height, width].into())?;
        if op.remove_center && im2col.taps() == 1 {
            return Err(Error::attribute(
                "remove_center",
                "remove_center leaves no tap of a kernel of 1x1; at least 1 is needed",
            ));
        }
        let geometry = Self { op: *op, im2col };
        check_elements("output", geometry.output_shape())?;
        Ok(geometry)
    }

    fn expect_planes(&self, argument: &'static str, shape: Shape, channels: u64, why: &str) -> Result<()> {
        let Im2colGeometry { batch, out_height, out_width, .. } = self.im2col;
        let axes = [BATCH, axis("out_height"), axis("out_width"), axis("channels")];
        let [images, height, width, has] = extents(argument, shape, axes)?;
        expect(argument, "images", images, batch.into(), "the input's batch is")?;
        expect(argument, "rows", height, out_height.into(), "the output has")?;
        expect(argument, "columns", width, out_width.into(), "the output has")?;
        expect(argument, "channels", has, channels, why)
    }

    /// Taps of a group, but for a centre that is left out.
    pub fn taps(&self) -> u32 {
        self.op.taps()
    }

    /// Sampling points of an output pixel.
    fn points(&self) -> u64 {
        u64::from(self.op.groups) * u64::from(self.taps())
    }

    /// Column and row of each tap, in their order.
    pub(crate) fn tap_positions(&self) -> Vec<[u32; 2]> {
        let [rows, columns] = self.op.kernel;
        let all = (0..columns).flat_map(|column| (0..rows).map(move |row| [column, row]));
        all.filter(|tap| !self.op.remove_center || *tap != [columns / 2, rows / 2]).collect()
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> DeformConvV3Inputs<Shape> {
        let Im2colGeometry { batch, out_height, out_width, .. } = self.im2col;
        let points = self.points() as u32;
        DeformConvV3Inputs {
            input: self.input_shape(),
            offset: [batch, out_height, out_width, 2 * points].into(),
            mask: [batch, out_height, out_width, points].into(),
        }
    }

    fn input_shape(&self) -> Shape {
        let Im2colGeometry { batch, channels, height, width, .. } = self.im2col;
        [batch, height, width, channels].into()
    }

    /// (batch, out_height, out_width, channels)
    pub fn output_shape(&self) -> Shape {
        let Im2colGeometry { batch, channels, out_height, out_width, .. } = self.im2col;
        [batch, out_height, out_width, channels].into()
    }
}

impl DeformConvV4Geometry {
    /// Checks attributes and shapes.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`] with the two figures that disagree.
    pub fn new(op: &DeformConvV4, shapes: &DeformConvV4Inputs<Shape>) -> Result<Self> {
        let geometry = Self { window: DeformConvV3Geometry::of_input(&op.window, shapes.input)? };
        let why = "3 for each tap of each group, rounded up to a multiple of 8, make";
        geometry.window.expect_planes("offset_mask", shapes.offset_mask, geometry.planes(), why)?;
        Ok(geometry)
    }

    /// Channels of `offset_mask`.
    fn planes(&self) -> u64 {
        (3 * self.window.points()).next_multiple_of(8)
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> DeformConvV4Inputs<Shape> {
        let Im2colGeometry { batch, out_height, out_width, .. } = self.window.im2col;
        DeformConvV4Inputs {
            input: self.window.input_shape(),
            offset_mask: [batch, out_height, out_width, self.planes() as u32].into(),
        }
    }

    /// (batch, out_height, out_width, channels)
    pub fn output_shape(&self) -> Shape {
        self.window.output_shape()
    }
}

op!(DeformConvV3: DeformConvV3Inputs<()> => Output, DeformConvV3Geometry::output_shape);
op!(DeformConvV4: DeformConvV4Inputs<()> => Output, DeformConvV4Geometry::output_shape);
