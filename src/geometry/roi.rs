use crate::error::{Error, Result};
use crate::geometry::{
    NCHW, Output, check_elements, check_padded_extent, expect, extents, gradients, inputs, likely, op, positive,
};
use crate::shape::Shape;

/// The average of bilinear samples in each bin of each region of interest: torchvision's `roi_align` and `ps_roi_align`.
///
/// A RoI is a row of `rois`: the image that it lies in, which is truncated to a whole number, and its corners x1, y1, x2, y2. Its bins
/// are a grid over it, and the samples of a bin a grid over that, in the middle of their cells. A position counts where it is no further
/// than 1 from the image's outermost pixels' centres, and is then clamped to these; elsewhere it counts 0, and is one of those averaged over.
///
/// A RoI gives 0, and has no gradients, where it has no samples, which is so where it is empty or reversed and has as many as pixels; where
/// a corner is not finite, or further than 2^24 pixels out; and where there is no such image, which the reference refuses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoiAlign {
    /// Bins of a RoI: `[height, width]`; at most 65535 each. 1 by default.
    pub pooled: [u32; 2],
    /// Pixels of the input for each unit of a corner; 1 by default.
    pub spatial_scale: f32,
    /// Samples of a bin along either axis, at most 16384. 0, the default: as many as make them no more than a pixel apart.
    pub sampling_ratio: u32,
    /// Whether a corner of 0 is that of the first pixel, half a pixel beyond its centre; else it is that centre, and a RoI is
    /// enlarged to at least one pixel. True by default.
    pub aligned: bool,
    /// The assignment of input channels to output channels. [`RoiChannels::Each`] by default.
    pub channels: RoiChannels,
}

/// Which channel of the input an output channel is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RoiChannels {
    /// One input channel for all bins: that of the output channel's index.
    #[default]
    Each,
    /// One input channel for each bin: `(channel · pooled_height + row) · pooled_width + column`. torchvision's `ps_roi_align`.
    PositionSensitive,
}

/// [`RoiAlign`] by maxima: ONNX's `RoiAlign` of mode `max`, which pools neighbours, not samples.
///
/// A bin gives the largest of all neighbours of its samples times their weights; NaN, where one of them is NaN. A neighbour of weight 0 counts 0, and so
/// does a sample whose position does not count. What gives 0 is what gives 0 in [`RoiAlign`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoiAlignMax {
    /// Bins of a RoI: `[height, width]`; at most 65535 each. 1 by default.
    pub pooled: [u32; 2],
    /// Pixels of the input for each unit of a corner; 1 by default.
    pub spatial_scale: f32,
    /// Samples of a bin along either axis, at most 16384. 0, the default: as many as make them no more than a pixel apart.
    pub sampling_ratio: u32,
    /// Whether a corner of 0 is that of the first pixel, as in [`RoiAlign`]. True by default.
    pub aligned: bool,
}

/// [`RoiAlign`] with bins that are moved by offsets: mmcv's `deform_roi_pool`.
///
/// It is aligned, and each channel is pooled. A bin is moved by `gamma` times the size of its RoI times its offset; where that is not
/// finite, the bin gives 0 and has no gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeformRoiPool {
    /// Bins of a RoI: `[height, width]`; at most 65535 each. 1 by default.
    pub pooled: [u32; 2],
    /// Pixels of the input for each unit of a corner; 1 by default.
    pub spatial_scale: f32,
    /// Samples of a bin along either axis, at most 16384. 0, the default: as many as make them no more than a pixel apart.
    pub sampling_ratio: u32,
    /// Displacement of a bin by an offset of 1, in sizes of its RoI; 0.1 by default.
    pub gamma: f32,
    /// [`OffsetGradient::Exact`] by default.
    pub offset_gradient: OffsetGradient,
}

/// Rule for the gradient of a [`DeformRoiPool`]'s offset where samples are clamped. Elsewhere both are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OffsetGradient {
    /// The derivative of the output: the right-hand one at whole numbers, 0 along an axis that is clamped.
    #[default]
    Exact,
    /// The gradient that mmcv computes: its formula is given the position before it was clamped.
    Mmcv,
}

/// Position-sensitive pooling of regions of interest whose bins are moved by offsets: the original operator of R-FCN, MXNet's
/// `DeformablePSROIPooling` and OpenVINO's `DeformablePSROIPooling-1`.
///
/// A RoI's corners are rounded, ties away from 0; it reaches from half a pixel before the first to half a pixel behind the last, and is
/// enlarged to 0.1 pixels at least. The samples of a bin start at its corner. A position counts where it is no further than 0.5 from the
/// image's outermost pixels' centres, and is then clamped to these; the others are skipped, and not averaged over.
///
/// Output channel `c` takes bin (i, j) from input channel `(c · group_size + i') · group_size + j'`, where `i'` is `i · group_size /
/// pooled_size`, rounded down, and `j'` likewise. Without offsets, bins stay where they are.
///
/// What gives 0 is what gives 0 in [`RoiAlign`] and [`DeformRoiPool`]. The gradient of the offset is the derivative of the output, but
/// 0 along an axis on which a sample is at a whole number, as MXNet has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeformPsRoiPool {
    /// Channels of the output; 1 by default.
    pub output_dim: u32,
    /// Pixels of the input for each unit of a corner; 1 by default.
    pub spatial_scale: f32,
    /// Rows, and columns, of the grid of channels; 1 by default.
    pub group_size: u32,
    /// Rows, and columns, of bins, at most 65535; 1 by default.
    pub pooled_size: u32,
    /// Rows, and columns, of the grid of offsets, at most 65535. 0, the default: as many as bins.
    pub part_size: u32,
    /// Samples of a bin: `[height, width]`; at most 16384 each. 1 by default.
    pub spatial_bins: [u32; 2],
    /// Displacement of a bin by an offset of 1, in sizes of its RoI; 0.1 by default.
    pub trans_std: f32,
}

impl Default for RoiAlign {
    fn default() -> Self {
        Self { pooled: [1; 2], spatial_scale: 1.0, sampling_ratio: 0, aligned: true, channels: RoiChannels::Each }
    }
}

impl Default for RoiAlignMax {
    fn default() -> Self {
        let RoiAlign { pooled, spatial_scale, sampling_ratio, aligned, .. } = RoiAlign::default();
        Self { pooled, spatial_scale, sampling_ratio, aligned }
    }
}

impl Default for DeformRoiPool {
    fn default() -> Self {
        let RoiAlign { pooled, spatial_scale, sampling_ratio, .. } = RoiAlign::default();
        Self { pooled, spatial_scale, sampling_ratio, gamma: 0.1, offset_gradient: OffsetGradient::Exact }
    }
}

impl Default for DeformPsRoiPool {
    fn default() -> Self {
        Self {
            output_dim: 1,
            spatial_scale: 1.0,
            group_size: 1,
            pooled_size: 1,
            part_size: 0,
            spatial_bins: [1; 2],
            trans_std: 0.1,
        }
    }
}

inputs!(
    /// The inputs of a [`RoiAlign`] or a [`RoiAlignMax`].
    RoiAlignInputs {
        /// (batch, channels, height, width)
        input,
        /// (rois, 5): image, x1, y1, x2, y2
        rois,
    }
);

inputs!(
    /// The inputs of a [`DeformRoiPool`].
    DeformRoiPoolInputs {
        /// (batch, channels, height, width)
        input,
        /// (rois, 5): image, x1, y1, x2, y2
        rois,
        ;
        /// (rois, 2, pooled_height, pooled_width): a plane of x, then a plane of y
        offset,
    }
);

inputs!(
    /// The inputs of a [`DeformPsRoiPool`].
    DeformPsRoiPoolInputs {
        /// (batch, output_dim · group_size², height, width)
        input,
        /// (rois, 5): image, x1, y1, x2, y2
        rois,
        ;
        /// (rois, 2 · classes, part_size, part_size): for each class, which is so many output channels, a plane of x and a plane of y
        offset,
    }
);

gradients!(
    /// The gradients of a [`RoiAlign`]'s inputs; RoIs have none.
    RoiAlignGradients {
        input,
    }
);

gradients!(
    /// The gradients of a [`DeformRoiPool`]'s inputs; RoIs have none.
    DeformRoiPoolGradients {
        input,
        offset,
    }
);

gradients!(
    /// The gradients of a [`DeformPsRoiPool`]'s inputs; RoIs have none.
    DeformPsRoiPoolGradients {
        input,
        offset,
    }
);

/// Rule by which a RoI becomes a box, and by which its samples count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RoiRule {
    /// The rule of [`RoiAlign`].
    Align { aligned: bool },
    /// The rule of [`DeformPsRoiPool`].
    PositionSensitive,
}

/// Rule for the derivative of a sample by its position, along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SampleDerivative {
    /// [`OffsetGradient::Exact`].
    Exact,
    /// [`OffsetGradient::Mmcv`].
    Mmcv,
    /// The exact derivative, but 0 at whole numbers.
    WithinCells,
}

/// A checked pooling of regions of interest, of any kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RoiPooling {
    pub(crate) rule: RoiRule,
    pub(crate) batch: u32,
    pub(crate) channels: u32,
    pub(crate) height: u32,
    pub(crate) width: u32,
    pub(crate) rois: u32,
    pub(crate) out_channels: u32,
    /// Bins of a RoI.
    pub(crate) pooled: [u32; 2],
    /// The grid of input channels that belong to one output channel.
    pub(crate) group: [u32; 2],
    pub(crate) spatial_scale: f32,
    /// Samples of a bin; 0 for as many as there are pixels.
    pub(crate) samples: [u32; 2],
    /// The grid of offsets, where there are some.
    pub(crate) part: Option<[u32; 2]>,
    /// Classes, which share out the output channels in order; each has offsets of its own.
    pub(crate) classes: u32,
    /// Displacement of a bin by an offset of 1, in sizes of its RoI.
    pub(crate) reach: f32,
    pub(crate) derivative: SampleDerivative,
    /// Whether a bin is the largest of its weighted neighbours, and not the average of its samples.
    pub(crate) maxima: bool,
}

/// The largest coordinate of a RoI's corner; RoIs beyond it give 0: f32 does not tell pixels apart there.
pub(crate) const FURTHEST: f32 = 16_777_216.0;

/// The most bins and parts, and the most samples of a bin, along an axis.
const MOST: u32 = 65535;
const MOST_SAMPLES: u32 = 16384;

fn at_most(most: u32, argument: &'static str, value: u32) -> Result<()> {
    if value > most {
        return Err(Error::attribute(argument, format!("{argument} is {value}; at most {most} is possible")));
    }
    Ok(())
}

fn grid(most: u32, argument: &'static str, sizes: [u32; 2]) -> Result<()> {
    sizes.into_iter().try_for_each(|size| positive(argument, size).and_then(|()| at_most(most, argument, size)))
}

/// Refuses a factor of offsets that is no number, or could make others infinite.
fn reach(argument: &'static str, value: f32) -> Result<f32> {
    const MOST: f32 = 65536.0;
    if value.is_nan() || value.abs() > MOST {
        let message = format!("{argument} is {value}; a number between -{MOST} and {MOST} is needed");
        return Err(Error::attribute(argument, message));
    }
    Ok(value)
}

impl RoiPooling {
    /// Checks image, RoIs and scale, and makes a pooling of one class, without offsets, each channel its own.
    fn new(rule: RoiRule, pooled: [u32; 2], spatial_scale: f32, input: Shape, rois: Shape) -> Result<Self> {
        let [batch, channels, height, width] = extents("input", input, NCHW)?;
        check_padded_extent("height", height, [0, 0])?;
        check_padded_extent("width", width, [0, 0])?;
        let [rois, numbers] = extents("rois", rois, [("rois", true), crate::geometry::axis("numbers")])?;
        expect("rois", "numbers", numbers, 5, "image, x1, y1, x2 and y2 need")?;
        if !spatial_scale.is_normal() || spatial_scale < 0.0 {
            let message = format!("spatial_scale is {spatial_scale}; a number above 0 is needed");
            return Err(Error::attribute("spatial_scale", message));
        }
        Ok(Self {
            rule,
            batch,
            channels,
            height,
            width,
            rois,
            out_channels: channels,
            pooled,
            group: [1; 2],
            spatial_scale,
            samples: [0; 2],
            part: None,
            classes: 1,
            reach: 0.0,
            derivative: SampleDerivative::Exact,
            maxima: false,
        })
    }

    /// Gives each output channel a grid of input channels.
    fn grouped(self, group: [u32; 2], out_channels: u64, why: &str) -> Result<Self> {
        let maps = u64::from(group[0]) * u64::from(group[1]);
        let needs = out_channels.saturating_mul(maps);
        expect("input", "channels", self.channels, needs, why)
            .map_err(|error| error.perhaps(likely::channels_last("input", self.input_shape(), needs)))?;
        Ok(Self { group, out_channels: out_channels as u32, ..self })
    }

    /// Adds offsets, of one class or of several.
    fn deformed(self, offset: Option<Shape>, part: [u32; 2], one_class: bool) -> Result<Self> {
        let Some(offset) = offset else { return Ok(self) };
        let axes = [
            ("rois", true),
            crate::geometry::axis("planes"),
            crate::geometry::axis("height"),
            crate::geometry::axis("width"),
        ];
        let [rois, planes, height, width] = extents("offset", offset, axes)?;
        expect("offset", "rois", rois, self.rois.into(), "rois has")?;
        expect("offset", "rows", height, part[0].into(), "its grid has")?;
        expect("offset", "columns", width, part[1].into(), "its grid has")?;
        if one_class {
            expect("offset", "planes", planes, 2, "x and y need")?;
        }
        let classes = planes / 2;
        if !planes.is_multiple_of(2) {
            let message = format!("offset has {planes} planes; x and y of each class need a multiple of 2");
            return Err(Error::shape("offset", message));
        }
        if !self.out_channels.is_multiple_of(classes) {
            let message = format!(
                "offset has {planes} planes, which makes {classes} classes; they do not divide {} output channels",
                self.out_channels
            );
            return Err(Error::shape("offset", message));
        }
        Ok(Self { part: Some(part), classes, ..self })
    }

    /// Checks what follows from the rest.
    fn checked(self) -> Result<Self> {
        check_elements("output", self.output_shape())?;
        Ok(self)
    }

    pub(crate) fn output_shape(&self) -> Shape {
        [self.rois, self.out_channels, self.pooled[0], self.pooled[1]].into()
    }

    pub(crate) fn input_shape(&self) -> Shape {
        [self.batch, self.channels, self.height, self.width].into()
    }

    pub(crate) fn offset_shape(&self) -> Option<Shape> {
        self.part.map(|[height, width]| [self.rois, 2 * self.classes, height, width].into())
    }

    /// Bins of a RoI.
    pub(crate) fn bins(&self) -> u32 {
        self.pooled[0] * self.pooled[1]
    }

    /// Output channels of a class.
    pub(crate) fn class_channels(&self) -> u32 {
        self.out_channels / self.classes
    }
}

macro_rules! geometries {
    ($($name:ident, $op:ident, $inputs:ident { $($offset:ident)? }, $why:literal;)+) => {$(
        #[doc = concat!("A checked [`", stringify!($op), "`].")]
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $name {
            pub(crate) pooling: RoiPooling,
        }

        impl $name {
            /// Checks attributes and shapes. There may be no RoI, and no image.
            ///
            /// # Errors
            #[doc = concat!("[`Error::Shape`], [`Error::Attribute`] with the two figures that disagree", $why, ".")]
            pub fn new(op: &$op, shapes: &$inputs<Shape>) -> Result<Self> {
                Ok(Self { pooling: op.pooling(shapes)?.checked()? })
            }

            /// The shapes of the inputs.
            pub fn input_shapes(&self) -> $inputs<Shape> {
                let input = self.pooling.input_shape();
                $inputs { input, rois: [self.pooling.rois, 5].into(), $($offset: self.pooling.offset_shape())? }
            }

            /// (rois, out_channels, pooled_height, pooled_width)
            pub fn output_shape(&self) -> Shape {
                self.pooling.output_shape()
            }
        }

        op!($op: $inputs<()> => Output, $name::output_shape);
    )+};
}

geometries! {
    RoiAlignGeometry, RoiAlign, RoiAlignInputs {}, "";
    RoiAlignMaxGeometry, RoiAlignMax, RoiAlignInputs {}, "";
    DeformRoiPoolGeometry, DeformRoiPool, DeformRoiPoolInputs { offset }, "";
    DeformPsRoiPoolGeometry, DeformPsRoiPool, DeformPsRoiPoolInputs { offset }, "; classes must divide the output channels";
}

impl RoiAlign {
    fn pooling(&self, shapes: &RoiAlignInputs<Shape>) -> Result<RoiPooling> {
        let Self { pooled, spatial_scale, sampling_ratio, aligned, channels } = *self;
        grid(MOST, "pooled", pooled)?;
        at_most(MOST_SAMPLES, "sampling_ratio", sampling_ratio)?;
        let pooling = RoiPooling::new(RoiRule::Align { aligned }, pooled, spatial_scale, shapes.input, shapes.rois)?;
        let pooling = RoiPooling { samples: [sampling_ratio; 2], ..pooling };
        match channels {
            RoiChannels::Each => Ok(pooling),
            RoiChannels::PositionSensitive => {
                let maps = u64::from(pooled[0]) * u64::from(pooled[1]);
                let out_channels = u64::from(pooling.channels).div_ceil(maps);
                pooling.grouped(pooled, out_channels, "whole output channels of one for each bin need")
            }
        }
    }
}

impl RoiAlignMax {
    fn pooling(&self, shapes: &RoiAlignInputs<Shape>) -> Result<RoiPooling> {
        let Self { pooled, spatial_scale, sampling_ratio, aligned } = *self;
        let channels = RoiChannels::Each;
        let pooling = RoiAlign { pooled, spatial_scale, sampling_ratio, aligned, channels }.pooling(shapes)?;
        Ok(RoiPooling { maxima: true, ..pooling })
    }
}

impl DeformRoiPool {
    fn pooling(&self, shapes: &DeformRoiPoolInputs<Shape>) -> Result<RoiPooling> {
        let Self { pooled, spatial_scale, sampling_ratio, gamma, offset_gradient } = *self;
        let align = RoiAlign { pooled, spatial_scale, sampling_ratio, ..RoiAlign::default() };
        let pooling = align.pooling(&RoiAlignInputs { input: shapes.input, rois: shapes.rois })?;
        let derivative = match offset_gradient {
            OffsetGradient::Exact => SampleDerivative::Exact,
            OffsetGradient::Mmcv => SampleDerivative::Mmcv,
        };
        RoiPooling { reach: reach("gamma", gamma)?, derivative, ..pooling }.deformed(shapes.offset, pooled, true)
    }
}

impl DeformPsRoiPool {
    fn pooling(&self, shapes: &DeformPsRoiPoolInputs<Shape>) -> Result<RoiPooling> {
        let Self { output_dim, spatial_scale, group_size, pooled_size, part_size, spatial_bins, trans_std } = *self;
        positive("output_dim", output_dim)?;
        grid(MOST, "group_size", [group_size; 2])?;
        grid(MOST, "pooled_size", [pooled_size; 2])?;
        at_most(MOST, "part_size", part_size)?;
        grid(MOST_SAMPLES, "spatial_bins", spatial_bins)?;
        let (rule, pooled) = (RoiRule::PositionSensitive, [pooled_size; 2]);
        let pooling = RoiPooling::new(rule, pooled, spatial_scale, shapes.input, shapes.rois)?;
        let pooling = RoiPooling {
            samples: spatial_bins,
            reach: reach("trans_std", trans_std)?,
            derivative: SampleDerivative::WithinCells,
            ..pooling
        };
        let why = format!("output_dim {output_dim} in groups of {group_size} x {group_size} needs");
        let part = if part_size == 0 { pooled_size } else { part_size };
        pooling.grouped([group_size; 2], output_dim.into(), &why)?.deformed(shapes.offset, [part; 2], false)
    }
}
