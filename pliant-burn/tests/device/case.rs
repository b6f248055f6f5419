//! Cases: an op with inputs, and what it and its gradients are expected to be.

use std::collections::HashMap;

use burn::module::Param;
use burn::tensor::{Bool, DType, Device, FloatDType, Gradients, Tensor, TensorData};
use pliant::nn::{DeformConv2dLayer, DeformConv2dSizes, MultiScaleDeformAttnLayer, MultiScaleDeformAttnSizes};
use pliant::op::{Members, Of};
use pliant::reference::Defined;
use pliant::{DeformConv2d, DeformRoiPool, GridSample, MultiScaleDeformAttn, RoiAlign, Shape};
use pliant_burn::nn;
use pliant_support::compare::Expected;
use pliant_support::problem::Array;
use pliant_support::random::normal;

/// The ops that there are functions and modules for.
pub enum Operation {
    DeformConv2d(DeformConv2d),
    GridSample(GridSample),
    RoiAlign(RoiAlign),
    DeformRoiPool(DeformRoiPool),
    MultiScaleDeformAttn(MultiScaleDeformAttn),
    DeformConv2dLayer(DeformConv2dLayer),
    MultiScaleDeformAttnLayer(MultiScaleDeformAttnLayer),
}

/// An op with its inputs, and the gradient of the output where it is to be differentiated, under `grad_output`.
pub struct Case {
    pub name: String,
    pub operation: Operation,
    pub inputs: HashMap<String, Array>,
    /// Expectations of the `output`, and of gradients: `grad_input`.
    pub expected: Vec<(String, Expected)>,
}

impl Case {
    /// A case whose expectations are those of the reference, with a gradient that is drawn. Inputs are rounded to the element type.
    pub fn of_reference<O: Defined<Outputs = pliant::op::Output>>(
        name: &str,
        operation: fn(O) -> Operation,
        op: O,
        inputs: Vec<(&str, Array)>,
        dtype: pliant::DType,
    ) -> Self {
        let mut inputs: HashMap<_, _> =
            inputs.into_iter().map(|(name, array)| (name.to_string(), array.stored(dtype))).collect();
        let shapes = O::Inputs::build(|name| Some(inputs.get(name)?.shape)).unwrap();
        let geometry = op.geometry(&shapes).unwrap();
        let mut rng = fastrand::Rng::with_seed(7);
        let grad_output = normal(&mut rng, O::output_shapes(&geometry), 1.0).stored(dtype);
        let (output, gradients) = {
            let slices: Of<O::Inputs, &[f32]> = O::Inputs::build(|name| Some(&inputs.get(name)?.elements[..])).unwrap();
            let gradients = O::reference_gradients(&geometry, &slices, &&grad_output.elements[..]).unwrap();
            (O::reference(&geometry, &slices).unwrap(), gradients)
        };
        let results = std::iter::once(("output", output)).chain(gradients);
        let expected = results.map(|(name, of)| (name.to_string(), Expected::of_reference(of).stored(dtype))).collect();
        inputs.insert("grad_output".to_string(), grad_output);
        Self { name: format!("{name}, {dtype}"), operation: operation(op), inputs, expected }
    }

    /// Computes the op on a device with burn's tensors, differentiates it, and compares all that is expected.
    pub fn check(&self, device: &Device, dtype: FloatDType) {
        let device = device.clone().autodiff();
        let given = Given { case: self, device: &device, dtype };
        match &self.operation {
            Operation::DeformConv2d(op) => {
                let [input, offset, weight] = ["input", "offset", "weight"].map(|name| given.tensor::<4>(name));
                let (mask, bias) = (given.optional::<4>("mask"), given.optional::<1>("bias"));
                let output = pliant_burn::deform_conv2d(
                    input.clone(),
                    offset.clone(),
                    weight.clone(),
                    mask.clone(),
                    bias.clone(),
                    op,
                );
                let Some(gradients) = given.output(output) else { return };
                given.gradient("input", &input, &gradients);
                given.gradient("offset", &offset, &gradients);
                given.gradient("weight", &weight, &gradients);
                mask.iter().for_each(|mask| given.gradient("mask", mask, &gradients));
                bias.iter().for_each(|bias| given.gradient("bias", bias, &gradients));
            }
            Operation::GridSample(op) => {
                let [input, grid] = ["input", "grid"].map(|name| given.tensor::<4>(name));
                let Some(gradients) = given.output(pliant_burn::grid_sample(input.clone(), grid.clone(), op)) else {
                    return;
                };
                given.gradient("input", &input, &gradients);
                given.gradient("grid", &grid, &gradients);
            }
            Operation::RoiAlign(op) => {
                let (input, rois) = (given.tensor::<4>("input"), given.tensor::<2>("rois"));
                let Some(gradients) = given.output(pliant_burn::roi_align(input.clone(), rois.clone(), op)) else {
                    return;
                };
                given.gradient("input", &input, &gradients);
                assert!(rois.grad(&gradients).is_none());
            }
            Operation::DeformRoiPool(op) => {
                let (input, rois) = (given.tensor::<4>("input"), given.tensor::<2>("rois"));
                let offset = given.optional::<4>("offset");
                let output = pliant_burn::deform_roi_pool(input.clone(), rois.clone(), offset.clone(), op);
                let Some(gradients) = given.output(output) else { return };
                given.gradient("input", &input, &gradients);
                offset.iter().for_each(|offset| given.gradient("offset", offset, &gradients));
                assert!(rois.grad(&gradients).is_none());
            }
            Operation::MultiScaleDeformAttn(op) => {
                let (value, locations) = (given.tensor::<4>("value"), given.tensor::<6>("locations"));
                let (weights, mask) = (given.tensor::<5>("weights"), given.mask("padding_mask"));
                let output =
                    pliant_burn::multi_scale_deform_attn(value.clone(), locations.clone(), weights.clone(), mask, op);
                let Some(gradients) = given.output(output) else { return };
                given.gradient("value", &value, &gradients);
                given.gradient("locations", &locations, &gradients);
                given.gradient("weights", &weights, &gradients);
            }
            Operation::DeformConv2dLayer(layer) => {
                let [out_channels, _, height, width] = given.extents("weight");
                let input = given.tensor::<4>("input");
                let sizes = DeformConv2dSizes::new([input.dims()[1] as u32, out_channels], [height, width]);
                let mut module = nn::DeformConv2d::new(layer, &sizes, &device).unwrap();
                module.weight = given.parameter("weight");
                module.bias = self.inputs.contains_key("bias").then(|| given.parameter("bias"));
                module.conv_offset.weight = given.parameter("offset_weight");
                module.conv_offset.bias = given.parameter("offset_bias");
                let Some(gradients) = given.output(module.forward(input.clone())) else { return };
                given.gradient("input", &input, &gradients);
                given.gradient("weight", &module.weight.val(), &gradients);
                module.bias.iter().for_each(|bias| given.gradient("bias", &bias.val(), &gradients));
                given.gradient("offset_weight", &module.conv_offset.weight.val(), &gradients);
                given.gradient("offset_bias", &module.conv_offset.bias.val(), &gradients);
            }
            Operation::MultiScaleDeformAttnLayer(layer) => {
                let [query, value_input] = ["query", "value_input"].map(|name| given.tensor::<3>(name));
                let (references, mask) = (given.tensor::<4>("reference_points"), given.mask("padding_mask"));
                let position = given.optional::<3>("query_position");
                let sizes = MultiScaleDeformAttnSizes {
                    query: query.dims()[2] as u32,
                    value_input: value_input.dims()[2] as u32,
                    value: given.extents::<2>("value_proj_weight")[0],
                    output: given.extents::<2>("output_proj_weight")[0],
                };
                let mut module = nn::MultiScaleDeformAttn::new(layer, &sizes, &device).unwrap();
                for (name, projection) in [
                    ("value_proj", &mut module.value_proj),
                    ("sampling_offsets", &mut module.sampling_offsets),
                    ("attention_weights", &mut module.attention_weights),
                    ("output_proj", &mut module.output_proj),
                ] {
                    projection.weight = given.parameter(&format!("{name}_weight"));
                    projection.bias = given.parameter(&format!("{name}_bias"));
                }
                let output =
                    module.forward(query.clone(), value_input.clone(), references.clone(), mask, position.clone());
                let Some(gradients) = given.output(output) else { return };
                given.gradient("query", &query, &gradients);
                given.gradient("value_input", &value_input, &gradients);
                given.gradient("reference_points", &references, &gradients);
                position.iter().for_each(|position| given.gradient("query_position", position, &gradients));
                for (name, projection) in [
                    ("value_proj", &module.value_proj),
                    ("sampling_offsets", &module.sampling_offsets),
                    ("attention_weights", &module.attention_weights),
                    ("output_proj", &module.output_proj),
                ] {
                    given.gradient(&format!("{name}_weight"), &projection.weight.val(), &gradients);
                    given.gradient(&format!("{name}_bias"), &projection.bias.val(), &gradients);
                }
            }
        }
    }
}

/// The inputs of a case on a device.
struct Given<'a> {
    case: &'a Case,
    device: &'a Device,
    dtype: FloatDType,
}

impl Given<'_> {
    fn array(&self, name: &str) -> &Array {
        self.case.inputs.get(name).unwrap_or_else(|| panic!("{} has no {name}", self.case.name))
    }

    fn extents<const D: usize>(&self, name: &str) -> [u32; D] {
        self.array(name).shape.extents().try_into().unwrap()
    }

    fn tensor<const D: usize>(&self, name: &str) -> Tensor<D> {
        tensor(self.array(name), self.device, self.dtype).require_grad()
    }

    fn optional<const D: usize>(&self, name: &str) -> Option<Tensor<D>> {
        self.case.inputs.contains_key(name).then(|| self.tensor(name))
    }

    fn parameter<const D: usize>(&self, name: &str) -> Param<Tensor<D>> {
        Param::from_tensor(self.tensor(name))
    }

    fn mask(&self, name: &str) -> Option<Tensor<2, Bool>> {
        self.case.inputs.contains_key(name).then(|| self.tensor::<2>(name).not_equal_elem(0.0))
    }

    /// Compares the output, and differentiates it where the case says by what.
    fn output<const D: usize>(&self, output: pliant::Result<Tensor<D>>) -> Option<Gradients> {
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", self.case.name));
        self.compare("output", output.clone());
        if !self.case.inputs.contains_key("grad_output") {
            return None;
        }
        let grad_output = tensor::<D>(self.array("grad_output"), self.device, self.dtype);
        Some((output * grad_output).sum().backward())
    }

    fn gradient<const D: usize>(&self, name: &str, of: &Tensor<D>, gradients: &Gradients) {
        let gradient = of.grad(gradients).unwrap_or_else(|| panic!("{} has no gradient of {name}", self.case.name));
        assert_eq!(gradient.dims(), of.dims());
        self.compare(&format!("grad_{name}"), gradient);
    }

    fn compare<const D: usize>(&self, name: &str, actual: Tensor<D>) {
        let Some((_, expected)) = self.case.expected.iter().find(|(of, _)| of == name) else { return };
        assert_eq!(actual.dtype(), DType::from(self.dtype), "{}: {name}", self.case.name);
        let actual = elements(actual);
        expected.compare(&actual).unwrap_or_else(|miss| panic!("{}: {name}{miss}", self.case.name));
    }
}

pub fn tensor<const D: usize>(array: &Array, device: &Device, dtype: FloatDType) -> Tensor<D> {
    let data = TensorData::new(array.elements.clone(), extents(array.shape)).convert_dtype(dtype.into());
    Tensor::from_data(data, (device, DType::from(dtype)))
}

pub fn elements<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec_as::<f32>().unwrap()
}

fn extents(shape: Shape) -> Vec<usize> {
    shape.extents().iter().map(|&extent| extent as usize).collect()
}
