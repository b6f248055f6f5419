//! Modules: how they begin, their records, and weights of PyTorch's.

use burn::module::Module;
use burn::store::{ModuleSnapshot, PyTorchToBurnAdapter, SafetensorsStore};
use burn::tensor::{Bool, DType, Device, Distribution, FloatDType, Tensor};
use pliant::nn::{DeformConv2dLayer, DeformConv2dSizes, Mask, MultiScaleDeformAttnLayer, MultiScaleDeformAttnSizes};
use pliant_burn::nn;
use safetensors::tensor::{Dtype, TensorView};

use crate::case::elements;
use crate::{OURS, has_f16, set_up};

const LAYER: DeformConv2dLayer = DeformConv2dLayer {
    stride: [1; 2],
    padding: [1; 4],
    dilation: [1; 2],
    groups: 1,
    offset_groups: 1,
    border: pliant::Border::Zeros,
    edge_derivative: pliant::EdgeDerivative::OneSided,
    mask: Mask::Sigmoid,
    offset_limit: None,
};

/// A network with a layer in it, under PyTorch's names.
#[derive(Module, Debug)]
struct Block {
    conv2: nn::DeformConv2d,
    self_attn: nn::MultiScaleDeformAttn,
}

impl Block {
    fn new(device: &Device) -> Self {
        let attn = pliant::MultiScaleDeformAttn::new([[4, 4], [2, 2]], 2);
        Self {
            conv2: nn::DeformConv2d::new(&LAYER, &DeformConv2dSizes::new([4, 6], [3, 3]), device).unwrap(),
            self_attn: nn::MultiScaleDeformAttn::new(
                &MultiScaleDeformAttnLayer::new(attn, 2),
                &MultiScaleDeformAttnSizes::new(8),
                device,
            )
            .unwrap(),
        }
    }

    fn forward(&self, image: Tensor<4>) -> Vec<f32> {
        let device = image.device();
        let output = elements(self.conv2.forward(image).unwrap());
        let (query, value) = (Tensor::ones([1, 3, 8], &device), Tensor::ones([1, 20, 8], &device));
        let references = Tensor::full([1, 3, 1, 2], 0.4, &device);
        let attended = self.self_attn.forward(query, value, references, None, None).unwrap();
        [output, elements(attended)].concat()
    }
}

#[test]
fn a_layer_begins_as_pliants_does() {
    let device = OURS.1.clone().autodiff();
    let module = nn::DeformConv2d::new(&LAYER, &DeformConv2dSizes::new([4, 6], [3, 3]), &device).unwrap();
    let weight = elements(module.weight.val());
    let bound = 1.0 / 36f32.sqrt();
    assert!(weight.iter().all(|weight| weight.abs() <= bound));
    assert!(weight.iter().any(|weight| weight.abs() > bound / 2.0));
    assert!(weight.iter().sum::<f32>().abs() < bound * weight.len() as f32 / 4.0);
    assert_eq!(module.conv_offset.weight.dims(), [27, 4, 3, 3]);
    assert!(elements(module.conv_offset.weight.val()).iter().all(|weight| *weight == 0.0));
    assert_eq!(module.num_params(), 6 * 4 * 9 + 6 + 27 * 4 * 9 + 27);

    let split = DeformConv2dSizes { split: true, ..DeformConv2dSizes::new([4, 6], [3, 3]) };
    assert!(nn::DeformConv2d::new(&LAYER, &split, &device).is_err());
}

/// Where a device makes tensors of 16 bits unless it is told otherwise, parameters are drawn, and layers computed, all the same.
#[test]
fn a_layer_begins_so_in_f16_too() {
    if !has_f16() {
        return;
    }
    let (mut device, setup) = set_up(&OURS.0);
    device.configure(FloatDType::F16).unwrap();
    pliant_burn::share(&device, &setup).unwrap();
    let block = Block::new(&device);
    let weight = elements(block.conv2.weight.val());
    let bound = 1.0 / 36f32.sqrt() + 1e-3;
    assert!(
        weight.iter().all(|weight| weight.abs() <= bound) && weight.iter().any(|weight| weight.abs() > bound / 2.0)
    );
    assert_eq!(block.conv2.weight.dtype(), DType::F16);
    assert!(block.forward(Tensor::ones([1, 4, 5, 5], &device)).iter().all(|element| element.is_finite()));

    // Elements of 32 bits beside a mask of booleans.
    let ones = |shape: [usize; 4]| Tensor::<4>::ones(shape, (&device, DType::F32));
    let locations = ones([1, 1, 1, 2]).reshape([1, 1, 1, 1, 1, 2]) / 2.0;
    let op = pliant::MultiScaleDeformAttn::new([[2, 2]], 1);
    let mask = Tensor::<2, Bool>::from_data([[true, false, false, false]], &device);
    let weights = ones([1, 1, 1, 1]).reshape([1, 1, 1, 1, 1]);
    let attended =
        pliant_burn::multi_scale_deform_attn(ones([1, 4, 1, 4]), locations, weights, Some(mask), &op).unwrap();
    assert_eq!(elements(attended), [0.75; 4]);
}

#[test]
fn records_hold_the_parameters() {
    let device = &OURS.1;
    let image = Tensor::<4>::random([1, 4, 5, 5], Distribution::Default, device);
    let (one, other) = (Block::new(device), Block::new(device));
    let expected = one.forward(image.clone());
    assert_ne!(other.forward(image.clone()), expected);
    let loaded = other.load_record(one.into_record());
    assert_eq!(loaded.forward(image), expected);
}

#[test]
fn weights_load_by_pytorchs_names() {
    let device = &OURS.1;
    let shapes: &[(&str, &[usize])] = &[
        ("conv2.weight", &[6, 4, 3, 3]),
        ("conv2.bias", &[6]),
        ("conv2.conv_offset.weight", &[27, 4, 3, 3]),
        ("conv2.conv_offset.bias", &[27]),
        ("self_attn.value_proj.weight", &[8, 8]),
        ("self_attn.value_proj.bias", &[8]),
        ("self_attn.sampling_offsets.weight", &[16, 8]),
        ("self_attn.sampling_offsets.bias", &[16]),
        ("self_attn.attention_weights.weight", &[8, 8]),
        ("self_attn.attention_weights.bias", &[8]),
        ("self_attn.output_proj.weight", &[8, 8]),
        ("self_attn.output_proj.bias", &[8]),
    ];
    let mut rng = fastrand::Rng::with_seed(5);
    let tensors: Vec<_> = shapes
        .iter()
        .map(|(name, shape)| {
            let elements: Vec<f32> = (0..shape.iter().product()).map(|_| rng.f32() - 0.5).collect();
            let bytes: Vec<u8> = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
            (*name, shape.to_vec(), elements, bytes)
        })
        .collect();
    let views = tensors
        .iter()
        .map(|(name, shape, _, bytes)| (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    let file = safetensors::serialize(views, None).unwrap();

    let mut store = SafetensorsStore::from_bytes(Some(file)).with_from_adapter(PyTorchToBurnAdapter);
    let mut block = Block::new(device);
    let result = block.load_from(&mut store).unwrap();
    assert!(result.missing.is_empty() && result.unused.is_empty() && result.errors.is_empty(), "{result:?}");
    let stored = |name: &str| tensors.iter().find(|(of, ..)| *of == name).unwrap().2.clone();
    assert_eq!(elements(block.conv2.weight.val()), stored("conv2.weight"));
    assert_eq!(elements(block.conv2.conv_offset.bias.val()), stored("conv2.conv_offset.bias"));
    assert_eq!(elements(block.self_attn.sampling_offsets.weight.val()), stored("self_attn.sampling_offsets.weight"));
}
