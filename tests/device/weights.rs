//! Parameters of layers from safetensors files.

use half::{bf16, f16};
use pliant::nn::{
    DeformConv2dLayer, DeformConv2dLayerGeometry, DeformConv2dSizes, DeformConvV3Layer, DeformConvV4Layer, Mask,
    MultiScaleDeformAttnLayer, MultiScaleDeformAttnLayerGeometry, MultiScaleDeformAttnLayerInputs, Naming, Weights,
};
use pliant::{DType, DeformConvV3, Error, MultiScaleDeformAttn, Tensor};
use safetensors::tensor::{Dtype, TensorView};

use crate::gpu;

/// A file of tensors whose elements are their index.
fn file(tensors: &[(&str, &[usize], Dtype)]) -> Vec<u8> {
    let elements = |shape: &[usize], dtype: Dtype| -> Vec<u8> {
        let numbers = (0..shape.iter().product::<usize>()).map(|index| index as f32);
        match dtype {
            Dtype::F32 => numbers.flat_map(f32::to_le_bytes).collect(),
            Dtype::F16 => numbers.flat_map(|number| f16::from_f32(number).to_le_bytes()).collect(),
            Dtype::BF16 => numbers.flat_map(|number| bf16::from_f32(number).to_le_bytes()).collect(),
            _ => numbers.flat_map(|number| f64::from(number).to_le_bytes()).collect(),
        }
    };
    let data: Vec<_> = tensors.iter().map(|(_, shape, dtype)| elements(shape, *dtype)).collect();
    let views = tensors.iter().zip(&data).map(|((name, shape, dtype), data)| {
        ((*name).to_string(), TensorView::new(*dtype, shape.to_vec(), data).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

const WEIGHT: &[usize] = &[8, 4, 3, 3];

#[test]
fn every_system_has_its_names() {
    let two = DeformConv2dLayer { mask: Mask::Sigmoid, ..DeformConv2dLayer::default() };
    type Row<'a> = (Naming<'a>, &'a [(&'a str, &'a [usize])], Mask);
    let table: [Row; 7] = [
        (
            Naming::Torchvision("guess"),
            &[("n.weight", WEIGHT), ("n.bias", &[8]), ("guess.weight", &[18, 4, 3, 3])],
            Mask::None,
        ),
        (
            Naming::Mmcv,
            &[("n.weight", WEIGHT), ("n.conv_offset.weight", &[27, 4, 3, 3]), ("n.conv_offset.bias", &[27])],
            Mask::Sigmoid,
        ),
        (
            Naming::Mmcv,
            &[("n.weight", WEIGHT), ("n_offset.weight", &[27, 4, 3, 3]), ("n_offset.bias", &[27])],
            Mask::Sigmoid,
        ),
        (
            Naming::Mmcv,
            &[("n.weight", WEIGHT), ("n_offset.weight", &[18, 4, 3, 3]), ("n_offset.bias", &[18])],
            Mask::None,
        ),
        (
            Naming::Detectron2,
            &[("n.weight", WEIGHT), ("n_offset.weight", &[27, 4, 3, 3]), ("n_offset.bias", &[27])],
            Mask::Sigmoid,
        ),
        (
            Naming::BasicVsrPlusPlus,
            &[
                ("n.weight", WEIGHT),
                ("n.bias", &[8]),
                ("n.conv_offset.0.weight", &[6, 14, 3, 3]),
                ("n.conv_offset.2.weight", &[6, 6, 3, 3]),
                ("n.conv_offset.10.weight", &[27, 6, 3, 3]),
                ("n.conv_offset.10.bias", &[27]),
            ],
            Mask::Sigmoid,
        ),
        (
            Naming::BiRefNet,
            &[
                ("n.regular_conv.weight", WEIGHT),
                ("n.offset_conv.weight", &[18, 4, 3, 3]),
                ("n.offset_conv.bias", &[18]),
                ("n.modulator_conv.weight", &[9, 4, 3, 3]),
                ("n.modulator_conv.bias", &[9]),
            ],
            Mask::TwoSigmoid,
        ),
    ];
    for (index, (naming, tensors, mask)) in table.into_iter().enumerate() {
        let (dtype, stored) =
            [(DType::F32, Dtype::F32), (DType::F16, Dtype::F16), (DType::BF16, Dtype::BF16)][index % 3];
        let tensors: Vec<_> = tensors.iter().map(|(name, shape)| (*name, *shape, stored)).collect();
        let bytes = file(&tensors);
        let layer = DeformConv2dLayer { mask, ..two };
        let weights = Weights::read(&bytes).unwrap();
        let parameters = weights.deform_conv2d(gpu(), &layer, "n", naming).unwrap();
        let read = parameters.named().filter(|(_, tensor)| tensor.is_some()).count();
        let stack = if naming == Naming::BasicVsrPlusPlus { 2 } else { 0 };
        assert_eq!(read, tensors.len() - stack, "{naming:?}");
        assert_eq!(parameters.weight.dtype(), dtype);
        let shape = parameters.weight.shape();
        assert_eq!(weights.elements(tensors[0].0, shape).unwrap()[100], 100.0);
        let parameters = parameters.map(Tensor::shape);
        let offset_input = (stack > 0).then(|| [1, 6, 5, 5].into());
        let inputs =
            pliant::nn::DeformConv2dLayerInputs { input: [1, 4, 5, 5].into(), offset_input, flow: None, parameters };
        DeformConv2dLayerGeometry::new(&layer, &inputs).unwrap();
    }
}

#[test]
fn what_a_file_lacks_is_named() {
    let layer = DeformConv2dLayer { mask: Mask::Sigmoid, ..DeformConv2dLayer::default() };
    type Tensors<'a> = &'a [(&'a str, &'a [usize], Dtype)];
    let table: [(Tensors, &str); 7] = [
        (&[("n.bias", &[8], Dtype::F32)], "the file has no tensor n.weight; it has n.bias"),
        (&[("n.weight", WEIGHT, Dtype::F32)], "the file has no tensor n.conv_offset.weight; it has n.weight"),
        (
            &[("n.weight", WEIGHT, Dtype::F32), ("n.conv_offset.weight", &[27, 4, 3, 3], Dtype::F32)],
            "the file has no tensor n.conv_offset.bias; it has n.conv_offset.weight, n.weight",
        ),
        (
            &[("n.weight", WEIGHT, Dtype::F32), ("n_offset.weight", &[18, 4, 3, 3], Dtype::F32)],
            "the tensor n_offset.weight is 18x4x3x3; 27x4x3x3 is needed; \
             18 would fit a layer without masks (Mask::None), or with a mask_weight",
        ),
        (
            &[("n.weight", &[8, 4, 9], Dtype::F32), ("n_offset.weight", &[27, 4, 3, 3], Dtype::F32)],
            "the tensor n.weight is 8x4x9, of 3 axes; a weight has 4",
        ),
        (
            &[
                ("n.weight", WEIGHT, Dtype::F32),
                ("n_offset.weight", &[27, 4, 3, 3], Dtype::F32),
                ("n_offset.bias", &[18], Dtype::F32),
            ],
            "the tensor n_offset.bias is 18; 27 is needed",
        ),
        (
            &[("n.weight", WEIGHT, Dtype::F64), ("n_offset.weight", &[27, 4, 3, 3], Dtype::F32)],
            "the tensor n.weight holds F64; F32, F16 and BF16 are known",
        ),
    ];
    for (tensors, expected) in table {
        let bytes = file(tensors);
        let error = Weights::read(&bytes).unwrap().deform_conv2d(gpu(), &layer, "n", Naming::Mmcv).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let bytes = file(&[("n.weight", &[1, 1, 1, 1, 1, 1, 1], Dtype::F32)]);
    let error = Weights::read(&bytes).unwrap().shape("n.weight").unwrap_err();
    assert!(matches!(error, Error::Malformed(_)), "{error:?}");
}

/// By the names that transformers, mmcv and the authors' files have.
#[test]
fn attention_is_read() {
    let layer = MultiScaleDeformAttnLayer::new(MultiScaleDeformAttn::new([[2, 2], [1, 1]], 3), 2);
    let tensors: [(&str, &[usize], Dtype); 8] = [
        ("a.encoder_attn.value_proj.weight", &[8, 5], Dtype::F16),
        ("a.encoder_attn.value_proj.bias", &[8], Dtype::F16),
        ("a.encoder_attn.sampling_offsets.weight", &[24, 6], Dtype::F16),
        ("a.encoder_attn.sampling_offsets.bias", &[24], Dtype::F16),
        ("a.encoder_attn.attention_weights.weight", &[12, 6], Dtype::F16),
        ("a.encoder_attn.attention_weights.bias", &[12], Dtype::F16),
        ("a.encoder_attn.output_proj.weight", &[7, 8], Dtype::F16),
        ("a.encoder_attn.output_proj.bias", &[7], Dtype::F16),
    ];
    let bytes = file(&tensors);
    let weights = Weights::read(&bytes).unwrap();
    let parameters = weights.multi_scale_deform_attn(gpu(), &layer, "a.encoder_attn").unwrap();
    for ((_, tensor), (name, shape, _)) in parameters.named().zip(tensors) {
        let tensor = tensor.unwrap();
        let extents: Vec<_> = tensor.shape().extents().iter().map(|&extent| extent as usize).collect();
        assert_eq!((extents.as_slice(), tensor.dtype()), (shape, DType::F16), "{name}");
        assert_eq!(tensor.download_blocking::<f16>().unwrap()[6], f16::from_f32(6.0));
    }
    let inputs = MultiScaleDeformAttnLayerInputs {
        query: [1, 4, 6].into(),
        value_input: [1, 5, 5].into(),
        reference_points: [1, 4, 1, 4].into(),
        padding_mask: None,
        query_position: None,
        parameters: parameters.map(Tensor::shape),
    };
    let geometry = MultiScaleDeformAttnLayerGeometry::new(&layer, &inputs).unwrap();
    assert_eq!(geometry.output_shape(), [1, 4, 7].into());

    let refused = |bytes: &[u8], layer: &MultiScaleDeformAttnLayer| {
        Weights::read(bytes).unwrap().multi_scale_deform_attn(gpu(), layer, "a.encoder_attn").unwrap_err().to_string()
    };
    let other = MultiScaleDeformAttnLayer::new(MultiScaleDeformAttn::new([[2, 2], [1, 1]], 4), 2);
    assert_eq!(refused(&bytes, &other), "the tensor a.encoder_attn.sampling_offsets.weight is 24x6; 32x6 is needed");
    let wrong = file(&[("a.encoder_attn.value_proj.weight", &[8, 5, 1], Dtype::F32)]);
    assert_eq!(
        refused(&wrong, &layer),
        "the tensor a.encoder_attn.value_proj.weight is 8x5x1, of 3 axes; a weight has 2"
    );
    let short = file(&tensors[..7]);
    let missing = refused(&short, &layer);
    assert!(missing.starts_with("the file has no tensor a.encoder_attn.output_proj.bias; it has"), "{missing}");
}

#[test]
fn version_3_is_read() {
    let layer = DeformConvV3Layer { window: DeformConvV3 { groups: 2, ..DeformConvV3::default() }, epsilon: 1e-6 };
    let tensors: [(&str, &[usize], Dtype); 14] = [
        ("dcn.input_proj.weight", &[8, 8], Dtype::F32),
        ("dcn.input_proj.bias", &[8], Dtype::F32),
        ("dcn.dw_conv.0.weight", &[8, 1, 5, 5], Dtype::F32),
        ("dcn.dw_conv.0.bias", &[8], Dtype::F32),
        ("dcn.dw_conv.1.1.weight", &[8], Dtype::F32),
        ("dcn.dw_conv.1.1.bias", &[8], Dtype::F32),
        ("dcn.offset.weight", &[36, 8], Dtype::F32),
        ("dcn.offset.bias", &[36], Dtype::F32),
        ("dcn.mask.weight", &[18, 8], Dtype::F32),
        ("dcn.mask.bias", &[18], Dtype::F32),
        ("dcn.output_proj.weight", &[8, 8], Dtype::F32),
        ("dcn.output_proj.bias", &[8], Dtype::F32),
        ("dcn.center_feature_scale_proj_weight", &[2, 8], Dtype::F32),
        ("dcn.center_feature_scale_proj_bias", &[2], Dtype::F32),
    ];
    for count in [12, 14] {
        let bytes = file(&tensors[..count]);
        let parameters = Weights::read(&bytes).unwrap().deform_conv_v3(gpu(), &layer, "dcn").unwrap();
        assert_eq!(shapes(parameters.named()), tensors[..count].iter().map(|(_, shape, _)| *shape).collect::<Vec<_>>());
    }
    let refused = |bytes: &[u8]| Weights::read(bytes).unwrap().deform_conv_v3(gpu(), &layer, "dcn").unwrap_err();
    let missing = refused(&file(&tensors[..13])).to_string();
    assert!(missing.starts_with("the file has no tensor dcn.center_feature_scale_proj_bias; it has"), "{missing}");
    let mut other = tensors;
    other[8].1 = &[16, 8];
    assert_eq!(refused(&file(&other)).to_string(), "the tensor dcn.mask.weight is 16x8; 18x8 is needed");
}

/// The extents of the parameters that there are.
fn shapes<'a>(named: impl Iterator<Item = (&'static str, Option<&'a Tensor>)>) -> Vec<Vec<usize>> {
    let shapes = named.filter_map(|(_, tensor)| Some(tensor?.shape()));
    shapes.map(|shape| shape.extents().iter().map(|&extent| extent as usize).collect()).collect()
}

#[test]
fn version_4_is_read() {
    let layer = DeformConvV4Layer { window: DeformConvV3 { groups: 2, ..DeformConvV3::default() } };
    let tensors: [(&str, &[usize], Dtype); 8] = [
        ("dcn.value_proj.weight", &[8, 8], Dtype::F32),
        ("dcn.value_proj.bias", &[8], Dtype::F32),
        ("dcn.offset_mask.weight", &[56, 8], Dtype::F32),
        ("dcn.offset_mask.bias", &[56], Dtype::F32),
        ("dcn.output_proj.weight", &[8, 8], Dtype::F32),
        ("dcn.output_proj.bias", &[8], Dtype::F32),
        ("dcn.center_feature_scale_proj_weight", &[2, 8], Dtype::F32),
        ("dcn.center_feature_scale_proj_bias", &[2], Dtype::F32),
    ];
    for count in [6, 8] {
        let bytes = file(&tensors[..count]);
        let parameters = Weights::read(&bytes).unwrap().deform_conv_v4(gpu(), &layer, "dcn").unwrap();
        assert_eq!(shapes(parameters.named()), tensors[..count].iter().map(|(_, shape, _)| *shape).collect::<Vec<_>>());
    }
    let bytes = file(&tensors);
    let other = DeformConvV4Layer { window: DeformConvV3 { groups: 4, ..DeformConvV3::default() } };
    let refused = Weights::read(&bytes).unwrap().deform_conv_v4(gpu(), &other, "dcn").unwrap_err();
    assert_eq!(refused.to_string(), "the tensor dcn.offset_mask.weight is 56x8; 112x8 is needed");
}

/// A file cut anywhere, and one with any byte of its header changed, is refused or read, and nothing else.
#[test]
fn no_file_does_harm() {
    let bytes = file(&[("n.weight", &[1, 1, 1, 1], Dtype::F32), ("n_offset.weight", &[3, 1, 1, 1], Dtype::F32)]);
    let layer = DeformConv2dLayer { mask: Mask::Sigmoid, offset_groups: u32::MAX, ..DeformConv2dLayer::default() };
    let read = |bytes: &[u8]| {
        let Ok(weights) = Weights::read(bytes) else { return };
        let _ = weights.shape("n.weight");
        let _ = weights.elements("n.weight", [1, 1, 1, 1]);
        let _ = weights.deform_conv2d(gpu(), &layer, "n", Naming::Mmcv);
    };
    for end in 0..bytes.len() {
        assert!(Weights::read(&bytes[..end]).is_err(), "cut at {end}");
    }
    let mut altered = bytes.clone();
    for at in 0..bytes.len() {
        for byte in [0, b'9', b'-', b'"', 0xff] {
            altered[at] = byte;
            read(&altered);
        }
        altered[at] = bytes[at];
    }
    let sizes = DeformConv2dSizes::new([4, 8], [3, 3]);
    assert!(layer.parameter_shapes(&sizes).is_err());
}
