//! The network of the example `train` by definition, put together of the reference's ops.

use pliant::geometry::{Conv2dGeometry, CrossEntropyGeometry, GlobalAveragePoolGeometry, UnaryGeometry};
use pliant::nn::{
    DeformConv2dLayerGeometry, DeformConv2dLayerGradients, DeformConv2dLayerInputs, DeformConv2dParameters,
};
use pliant::reference;
use pliant::{Conv2d, Conv2dInputs, CrossEntropy, CrossEntropyInputs, GlobalAveragePool, Unary};

use crate::network::{Design, Layer};

/// A convolution: its geometry, and its parameters as slices.
enum Convolution<'a> {
    /// Weight and bias.
    Plain(Conv2dGeometry, &'a [f64], Option<&'a [f64]>),
    /// Weight, and weight and bias of what gives offsets and masks.
    Deformable(Box<DeformConv2dLayerGeometry>, [&'a [f64]; 3]),
}

impl<'a> Convolution<'a> {
    fn new(design: &Design, layer: &Layer, [channels, side]: [u32; 2], next: &mut impl FnMut() -> &'a [f64]) -> Self {
        let input = [design.batch, channels, side, side].into();
        let weight = [layer.channels, channels, 3, 3].into();
        if !layer.deformable {
            let geometry = Conv2dGeometry::new(&layer.conv2d(), &Conv2dInputs { input, weight, bias: None }).unwrap();
            return Self::Plain(geometry, next(), None);
        }
        let shapes = DeformConv2dParameters {
            weight,
            offset_weight: [27, channels, 3, 3].into(),
            bias: None,
            offset_bias: Some([27].into()),
            mask_weight: None,
            mask_bias: None,
        };
        let inputs = DeformConv2dLayerInputs::new(input, shapes);
        let geometry = DeformConv2dLayerGeometry::new(&layer.deform_conv2d(), &inputs).unwrap();
        Self::Deformable(Box::new(geometry), [next(), next(), next()])
    }

    fn forward(&self, input: &[f64]) -> Vec<f64> {
        match self {
            Self::Plain(geometry, weight, bias) => {
                reference::conv2d(geometry, &Conv2dInputs { input, weight: *weight, bias: *bias }).unwrap().value
            }
            Self::Deformable(geometry, parameters) => {
                let inputs = DeformConv2dLayerInputs::new(input, learned(parameters));
                reference::deform_conv2d_layer(geometry, &inputs).unwrap().value
            }
        }
    }

    /// The gradients of the input, and of the parameters.
    fn backward(&self, input: &[f64], grad_output: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let gradients = match self {
            Self::Plain(geometry, weight, bias) => {
                let inputs = Conv2dInputs { input, weight: *weight, bias: *bias };
                let gradients = reference::conv2d_backward(geometry, &inputs, grad_output).unwrap();
                vec![gradients.input, gradients.weight, gradients.bias]
            }
            Self::Deformable(geometry, parameters) => {
                let inputs = DeformConv2dLayerInputs::new(input, learned(parameters));
                let gradients = reference::deform_conv2d_layer_backward(geometry, &inputs, grad_output).unwrap();
                let DeformConv2dLayerGradients { input, weight, offset_weight, offset_bias, .. } = gradients;
                vec![input, weight, offset_weight, offset_bias]
            }
        };
        let mut gradients = gradients.into_iter().flatten().map(|gradient| gradient.value);
        (gradients.next().unwrap(), gradients.collect())
    }
}

fn learned<'a>([weight, offset_weight, offset_bias]: &[&'a [f64]; 3]) -> DeformConv2dParameters<&'a [f64]> {
    DeformConv2dParameters {
        weight,
        offset_weight,
        bias: None,
        offset_bias: Some(offset_bias),
        mask_weight: None,
        mask_bias: None,
    }
}

/// The mean loss over the images, and its gradients by all parameters, in the order of [`Design::parameters`].
pub fn differentiate(design: &Design, parameters: &[Vec<f64>], images: &[f64], labels: &[f64]) -> (f64, Vec<Vec<f64>>) {
    let mut rest = parameters.iter();
    let mut next = || rest.next().unwrap().as_slice();
    let extents = design.extents();

    // What each layer reads, and what it gives before its relu.
    let mut passed: Vec<(Convolution, Vec<f64>, Vec<f64>, UnaryGeometry)> = Vec::new();
    let mut values = images.to_vec();
    for (layer, extents) in design.layers.iter().zip(extents.windows(2)) {
        let convolution = Convolution::new(design, layer, extents[0], &mut next);
        let linear = convolution.forward(&values);
        let [channels, side] = extents[1];
        let relu = UnaryGeometry::new(&Unary::Relu, [design.batch, channels, side, side].into()).unwrap();
        let output = reference::unary(&relu, &linear).unwrap().value;
        passed.push((convolution, std::mem::replace(&mut values, output), linear, relu));
    }
    let [channels, side] = extents[extents.len() - 1];
    let pool = GlobalAveragePoolGeometry::new(&GlobalAveragePool, [design.batch, channels, side, side].into()).unwrap();
    let pooled = reference::global_average_pool(&pool, &values).unwrap().value;
    let shapes = Conv2dInputs {
        input: [design.batch, channels, 1, 1].into(),
        weight: [design.classes, channels, 1, 1].into(),
        bias: Some([design.classes].into()),
    };
    let head = Convolution::Plain(Conv2dGeometry::new(&Conv2d::default(), &shapes).unwrap(), next(), Some(next()));
    let logits = head.forward(&pooled);
    let shapes = CrossEntropyInputs { logits: [design.batch, design.classes].into(), labels: [design.batch].into() };
    let cross_entropy = CrossEntropyGeometry::new(&CrossEntropy::default(), &shapes).unwrap();
    let inputs = CrossEntropyInputs { logits: &logits[..], labels };
    let loss = reference::cross_entropy(&cross_entropy, &inputs).unwrap().value[0];

    let gradient = reference::cross_entropy_backward(&cross_entropy, &inputs, &[1.0]).unwrap().value;
    let (gradient, of_head) = head.backward(&pooled, &gradient);
    let mut gradients = vec![of_head];
    let mut gradient = reference::global_average_pool_backward(&pool, &gradient).unwrap().value;
    for (convolution, input, linear, relu) in passed.iter().rev() {
        let through = reference::unary_backward(relu, linear, &gradient).unwrap().value;
        let (of_input, of_parameters) = convolution.backward(input, &through);
        gradients.push(of_parameters);
        gradient = of_input;
    }
    (loss, gradients.into_iter().rev().flatten().collect())
}
