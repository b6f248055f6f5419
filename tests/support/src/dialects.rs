//! Functions of `pliant::dialect`, by the names under which conformance cases come.

use pliant::dialect::{AutoPad, dcnv4, internimage, mindspore, mmcv, onnx, openvino, torch, torchvision, transformers};
use pliant::{
    AttentionSampling, Conv2d, Conv2dInputs, DeformConv2d, DeformConv2dInputs, DeformConvV3, DeformConvV3Inputs,
    DeformConvV4, DeformConvV4Inputs, DeformPsRoiPool, DeformPsRoiPoolInputs, DeformRoiPool, DeformRoiPoolInputs,
    Error, GridSample, GridSampleInputs, MultiScaleDeformAttn, MultiScaleDeformAttnInputs, RoiAlign, RoiAlignInputs,
    RoiChannels, Shape,
};

/// Attributes of a case's convolution.
pub struct Attributes {
    pub strides: [u32; 2],
    /// Top, left, bottom, right; resolved where `auto_pad` is not explicit.
    pub pads: [u32; 4],
    pub dilations: [u32; 2],
    pub groups: u32,
    pub offset_groups: u32,
    pub auto_pad: AutoPad,
    pub bilinear_interpolation_pad: bool,
}

/// Outcome of a case in a dialect.
pub enum Through<T> {
    Op(T),
    Refused(Error),
    /// The case's system has no dialect, nor has one with its rules.
    NoDialect,
    UnknownSystem,
}

impl<T> From<Result<T, Error>> for Through<T> {
    fn from(result: Result<T, Error>) -> Self {
        match result {
            Ok(op) => Self::Op(op),
            Err(error) => Self::Refused(error),
        }
    }
}

fn list<const N: usize>(numbers: [u32; N]) -> Vec<i64> {
    numbers.map(i64::from).to_vec()
}

/// Whatever is given where automatic padding finds the pads must not matter.
const IGNORED: [i64; 2] = [9, 7];

impl Attributes {
    fn stride(&self) -> [i64; 2] {
        self.strides.map(i64::from)
    }

    fn dilation(&self) -> [i64; 2] {
        self.dilations.map(i64::from)
    }

    /// Rows and columns of padding, where both sides of each axis have as many.
    fn padding(&self) -> Option<[i64; 2]> {
        let [top, left, bottom, right] = self.pads.map(i64::from);
        (top == bottom && left == right).then_some([top, left])
    }

    fn kernel(weight: Shape) -> Vec<i64> {
        weight.extents().iter().skip(2).map(|&extent| extent.into()).collect()
    }

    fn openvino1(&self) -> openvino::DeformableConvolution1 {
        let [top, left, bottom, right] = self.pads.map(i64::from);
        let explicit = self.auto_pad == AutoPad::Explicit;
        openvino::DeformableConvolution1 {
            strides: list(self.strides),
            pads_begin: if explicit { [top, left] } else { IGNORED }.to_vec(),
            pads_end: if explicit { [bottom, right] } else { IGNORED }.to_vec(),
            dilations: list(self.dilations),
            auto_pad: self.auto_pad,
            group: self.groups.into(),
            deformable_group: self.offset_groups.into(),
        }
    }

    /// A deformable convolution by the dialect of `system`, or of one with its rules:
    ///
    /// | system | dialect | since |
    /// | --- | --- | --- |
    /// | burn | torchvision | it has its rules, derivatives included |
    /// | ncnn | ONNX | zeros beyond the edge, four-sided pads, no derivatives |
    /// | detectron2, MXNet's version 2, Paddle | mmcv | they have its rules, derivatives included; but Paddle has a bias without a mask |
    /// | MXNet's version 1 | OpenVINO-1 | both are the original operator; the bias is an `Add` of its own there |
    /// | TVM | none | no other system has its border |
    pub fn deform_conv2d(&self, system: &str, shapes: &DeformConv2dInputs<Shape>) -> Through<DeformConv2d> {
        let (stride, dilation) = (self.stride(), self.dilation());
        let (groups, offset_groups) = (i64::from(self.groups), i64::from(self.offset_groups));
        match system {
            "torchvision" | "burn" => {
                let Some(padding) = self.padding() else { return Through::NoDialect };
                torchvision::DeformConv2d { stride, padding, dilation }.op(shapes).into()
            }
            "onnx" | "onnxruntime" | "ncnn" => {
                let attributes = onnx::DeformConv {
                    dilations: list(self.dilations),
                    group: groups,
                    kernel_shape: Self::kernel(shapes.weight),
                    offset_group: offset_groups,
                    pads: list(self.pads),
                    strides: list(self.strides),
                };
                attributes.op(shapes).into()
            }
            "openvino-1" => self.openvino1().op(shapes).into(),
            "mxnet-dcnv1" => self.openvino1().op(&DeformConv2dInputs { bias: None, ..*shapes }).into(),
            "openvino-8" => {
                let openvino::DeformableConvolution1 {
                    strides,
                    pads_begin,
                    pads_end,
                    dilations,
                    auto_pad,
                    group,
                    deformable_group,
                } = self.openvino1();
                let attributes = openvino::DeformableConvolution8 {
                    strides,
                    pads_begin,
                    pads_end,
                    dilations,
                    auto_pad,
                    group,
                    deformable_group,
                    bilinear_interpolation_pad: self.bilinear_interpolation_pad,
                };
                attributes.op(shapes).into()
            }
            "mindspore" => {
                let [top, left, bottom, right] = self.pads;
                let attributes = mindspore::DeformableConv2d {
                    kernel_size: Self::kernel(shapes.weight),
                    strides: list([1, 1, self.strides[0], self.strides[1]]),
                    padding: list([top, bottom, left, right]),
                    dilations: list([1, 1, self.dilations[0], self.dilations[1]]),
                    groups,
                    deformable_groups: offset_groups,
                    modulated: true,
                };
                attributes.op(shapes).into()
            }
            "mmcv" | "detectron2" | "paddle" | "mxnet-dcnv2" => {
                let Some(padding) = self.padding() else { return Through::NoDialect };
                let deform_groups = offset_groups;
                if shapes.mask.is_some() {
                    let attributes = mmcv::ModulatedDeformConv2d { stride, padding, dilation, groups, deform_groups };
                    attributes.op(shapes).into()
                } else if system == "paddle" && shapes.bias.is_some() {
                    Through::NoDialect
                } else {
                    mmcv::DeformConv2d { stride, padding, dilation, groups, deform_groups }.op(shapes).into()
                }
            }
            "tvm" => Through::NoDialect,
            _ => Through::UnknownSystem,
        }
    }

    /// A plain convolution; torch's with different padding on two sides is one on a padded image, and has no dialect.
    pub fn conv2d(&self, system: &str, shapes: &Conv2dInputs<Shape>) -> Through<Conv2d> {
        let groups = i64::from(self.groups);
        match system {
            "torch" => {
                let Some(padding) = self.padding() else { return Through::NoDialect };
                let (stride, dilation) = (self.stride(), self.dilation());
                torchvision::Conv2d { stride, padding: padding.into(), dilation, groups }.op(shapes).into()
            }
            "onnx" => {
                let explicit = self.auto_pad == AutoPad::Explicit;
                let attributes = onnx::Conv {
                    auto_pad: self.auto_pad,
                    dilations: list(self.dilations),
                    group: groups,
                    kernel_shape: Self::kernel(shapes.weight),
                    pads: if explicit { list(self.pads) } else { Vec::new() },
                    strides: list(self.strides),
                };
                attributes.op(shapes).into()
            }
            _ => Through::UnknownSystem,
        }
    }
}

/// A pooling of regions of interest; `sampling_ratio` as the case states it.
pub fn roi_align(
    system: &str,
    stated: &RoiAlign,
    sampling_ratio: i64,
    shapes: &RoiAlignInputs<Shape>,
) -> Through<RoiAlign> {
    let RoiAlign { pooled, spatial_scale, aligned, channels, .. } = *stated;
    let output_size = pooled.map(i64::from);
    match (system, channels) {
        ("torchvision", RoiChannels::Each) => {
            torchvision::RoiAlign { output_size, spatial_scale, sampling_ratio, aligned }.op(shapes).into()
        }
        ("torchvision", RoiChannels::PositionSensitive) => {
            torchvision::PsRoiAlign { output_size, spatial_scale, sampling_ratio }.op(shapes).into()
        }
        _ => Through::UnknownSystem,
    }
}

/// A `DeformRoiPool` by a system's dialect.
pub fn deform_roi_pool(
    system: &str,
    stated: &DeformRoiPool,
    shapes: &DeformRoiPoolInputs<Shape>,
) -> Through<DeformRoiPool> {
    let DeformRoiPool { pooled, spatial_scale, sampling_ratio, gamma, .. } = *stated;
    match system {
        "mmcv" => {
            let (output_size, sampling_ratio) = (pooled.map(i64::from), sampling_ratio.into());
            mmcv::DeformRoiPool { output_size, spatial_scale, sampling_ratio, gamma }.op(shapes).into()
        }
        _ => Through::UnknownSystem,
    }
}

/// A `DeformPsRoiPool` by a system's dialect; `part_size` as the case states it.
pub fn deform_ps_roi_pool(
    system: &str,
    stated: &DeformPsRoiPool,
    part_size: i64,
    shapes: &DeformPsRoiPoolInputs<Shape>,
) -> Through<DeformPsRoiPool> {
    let DeformPsRoiPool { output_dim, spatial_scale, group_size, spatial_bins: [rows, columns], trans_std, .. } =
        *stated;
    match system {
        "openvino-1" => {
            let attributes = openvino::DeformablePsRoiPooling1 {
                output_dim: output_dim.into(),
                spatial_scale,
                group_size: group_size.into(),
                spatial_bins_x: columns.into(),
                spatial_bins_y: rows.into(),
                trans_std,
                part_size,
            };
            attributes.op(shapes).into()
        }
        _ => Through::UnknownSystem,
    }
}

/// Attributes of a case's grid of samples, as its system spells them.
pub struct GridAttributes<'a> {
    pub mode: &'a str,
    pub padding_mode: &'a str,
    pub align_corners: bool,
    /// ONNX's alone.
    pub opset: Option<i64>,
}

/// A `GridSample` by a system's dialect.
pub fn grid_sample(system: &str, attributes: &GridAttributes, shapes: &GridSampleInputs<Shape>) -> Through<GridSample> {
    let GridAttributes { mode, padding_mode, align_corners, opset } = *attributes;
    let (mode, padding_mode) = (mode.to_string(), padding_mode.to_string());
    match (system, opset) {
        ("torch", None) => torch::GridSample { mode, padding_mode, align_corners }.op(shapes).into(),
        ("onnx", Some(opset)) => {
            onnx::GridSample { mode, padding_mode, align_corners: align_corners.into(), opset }.op(shapes).into()
        }
        _ => Through::UnknownSystem,
    }
}

/// A `MultiScaleDeformAttn` by a system's dialect; mmcv's functions on plain tensors have another edge derivative than its kernels, and no item
/// of their own.
pub fn multi_scale_deform_attn(
    system: &str,
    stated: &MultiScaleDeformAttn,
    shapes: &MultiScaleDeformAttnInputs<Shape>,
) -> Through<MultiScaleDeformAttn> {
    let value_spatial_shapes: Vec<_> =
        stated.levels.iter().map(|level| [level.height.into(), level.width.into()]).collect();
    let mut pixels = 0;
    let starts = value_spatial_shapes.iter().map(|[height, width]| {
        pixels += height * width;
        pixels - height * width
    });
    let starts: Vec<i64> = starts.collect();
    let by_level = shapes.weights.rank() == 5;
    match (system, stated.sampling) {
        ("mmcv", AttentionSampling::Bilinear) => {
            let attributes =
                mmcv::MultiScaleDeformableAttention { value_spatial_shapes, value_level_start_index: starts };
            let edge_derivative = stated.edge_derivative;
            attributes.op(shapes).map(|op| MultiScaleDeformAttn { edge_derivative, ..op }).into()
        }
        ("transformers", AttentionSampling::Bilinear) if by_level => {
            transformers::MultiScaleDeformableAttention { value_spatial_shapes, level_start_index: starts }
                .op(shapes)
                .into()
        }
        ("transformers", sampling) => {
            let num_points_list = stated.levels.iter().map(|level| level.points.into()).collect();
            let method = if sampling == AttentionSampling::Discrete { "discrete" } else { "default" }.to_string();
            transformers::MultiScaleDeformableAttentionV2 { value_spatial_shapes, num_points_list, method }
                .op(shapes)
                .into()
        }
        _ => Through::UnknownSystem,
    }
}

/// The attributes of InternImage's for an input of so many channels.
fn dcnv3(stated: &DeformConvV3, input: Shape) -> internimage::Dcnv3 {
    let &DeformConvV3 { kernel, stride, padding, dilation, groups, offset_scale, remove_center, .. } = stated;
    let [kernel_h, kernel_w] = kernel.map(i64::from);
    let [stride_h, stride_w] = stride.map(i64::from);
    let [pad_h, pad_w, ..] = padding.map(i64::from);
    let [dilation_h, dilation_w] = dilation.map(i64::from);
    internimage::Dcnv3 {
        kernel_h,
        kernel_w,
        stride_h,
        stride_w,
        pad_h,
        pad_w,
        dilation_h,
        dilation_w,
        group: groups.into(),
        group_channels: (input.extents()[3] / groups).into(),
        offset_scale,
        remove_center,
    }
}

/// A `DeformConvV3` by a system's dialect; InternImage's function on plain tensors has another edge derivative than its kernels, and no item of
/// its own.
pub fn deform_conv_v3(
    system: &str,
    stated: &DeformConvV3,
    shapes: &DeformConvV3Inputs<Shape>,
) -> Through<DeformConvV3> {
    let edge_derivative = stated.edge_derivative;
    match system {
        "internimage" => {
            let op = dcnv3(stated, shapes.input).op(shapes);
            op.map(|op| DeformConvV3 { edge_derivative, ..op }).into()
        }
        _ => Through::UnknownSystem,
    }
}

/// A `DeformConvV4` by a system's dialect.
pub fn deform_conv_v4(
    system: &str,
    stated: &DeformConvV4,
    shapes: &DeformConvV4Inputs<Shape>,
) -> Through<DeformConvV4> {
    match system {
        "dcnv4" => dcnv4::Dcnv4(dcnv3(&stated.window, shapes.input)).op(shapes).into(),
        _ => Through::UnknownSystem,
    }
}
