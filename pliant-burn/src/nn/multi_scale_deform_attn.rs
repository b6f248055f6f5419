use burn::module::{Module, Param};
use burn::tensor::{Bool, Device, Tensor};
use pliant::nn::{MultiScaleDeformAttnLayer, MultiScaleDeformAttnSizes};
use pliant::{Result, Shape};

use crate::call::call;
use crate::nn::{elements, parameter, uniform};
use crate::ops::{numbers, option, some};

/// The attention module of Deformable DETR and RT-DETR: projections, a softmax over the points of a head, and samples of levels between them.
///
/// Parameters are named as in transformers, mmcv and the authors' files.
#[derive(Module, Debug)]
pub struct MultiScaleDeformAttn {
    /// Makes the value of the value input.
    pub value_proj: Projection,
    /// Makes the places of samples, around the reference points, of the query.
    pub sampling_offsets: Projection,
    /// Makes their weights of the query.
    pub attention_weights: Projection,
    /// Makes the output of the samples.
    pub output_proj: Projection,
    #[module(skip)]
    layer: MultiScaleDeformAttnLayer,
}

/// The parameters of a fully connected layer, as PyTorch has them.
#[derive(Module, Debug)]
pub struct Projection {
    /// (outputs, inputs)
    pub weight: Param<Tensor<2>>,
    /// (outputs)
    pub bias: Param<Tensor<1>>,
}

impl Projection {
    fn new(weight: (Shape, Vec<f32>), bias: (Shape, Vec<f32>), device: &Device) -> Self {
        Self { weight: parameter(weight, device), bias: parameter(bias, device) }
    }
}

impl MultiScaleDeformAttn {
    /// A layer as training begins with it, as Deformable DETR has it; projections are drawn evenly by burn's generator.
    ///
    /// ```no_run
    /// # fn example(device: &burn::tensor::Device) -> pliant::Result<()> {
    /// use pliant::MultiScaleDeformAttn;
    /// use pliant::nn::{MultiScaleDeformAttnLayer, MultiScaleDeformAttnSizes};
    /// use pliant_burn::nn;
    ///
    /// let layer = MultiScaleDeformAttnLayer::new(MultiScaleDeformAttn::new([[80, 80], [40, 40], [20, 20]], 4), 8);
    /// let module = nn::MultiScaleDeformAttn::new(&layer, &MultiScaleDeformAttnSizes::new(256), device)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Attribute`](pliant::Error::Attribute) where a size is 0, heads do not divide the value's channels, or levels are missing or empty;
    /// [`Error::Shape`](pliant::Error::Shape) where a parameter has more elements than `u32` counts;
    /// [`Error::Unsupported`](pliant::Error::Unsupported) where burn gives no random numbers.
    pub fn new(layer: &MultiScaleDeformAttnLayer, sizes: &MultiScaleDeformAttnSizes, device: &Device) -> Result<Self> {
        let shapes = layer.parameter_shapes(sizes)?;
        let count = elements(shapes.named().filter_map(|(_, shape)| shape));
        let initial = layer.initial(sizes, uniform(count, device)?)?;
        Ok(Self {
            value_proj: Projection::new(initial.value_proj_weight, initial.value_proj_bias, device),
            sampling_offsets: Projection::new(initial.sampling_offsets_weight, initial.sampling_offsets_bias, device),
            attention_weights: Projection::new(
                initial.attention_weights_weight,
                initial.attention_weights_bias,
                device,
            ),
            output_proj: Projection::new(initial.output_proj_weight, initial.output_proj_bias, device),
            layer: layer.clone(),
        })
    }

    /// Computes the layer. All but the padding mask have gradients, and so have the parameters.
    ///
    /// | argument | shape |
    /// | --- | --- |
    /// | `query` | (batch, queries, channels) |
    /// | `value_input` | (batch, pixels of all levels, any), level after level, row by row |
    /// | `reference_points` | (batch, queries, levels or 1, 2): x, y, each in 0..1; or 4: x, y, width, height of a box |
    /// | `padding_mask` | (batch, pixels of all levels), true where the value counts 0; or absent |
    /// | `query_position` | that of `query`, which it is added to; or absent |
    /// | result | (batch, queries, outputs of `output_proj`) |
    ///
    /// # Errors
    /// Those of [`deform_conv2d`](crate::deform_conv2d()).
    pub fn forward(
        &self,
        query: Tensor<3>,
        value_input: Tensor<3>,
        reference_points: Tensor<4>,
        padding_mask: Option<Tensor<2, Bool>>,
        query_position: Option<Tensor<3>>,
    ) -> Result<Tensor<3>> {
        let weight = |of: &Projection| some(of.weight.val());
        let bias = |of: &Projection| some(of.bias.val());
        let inputs = [
            ("query", some(query)),
            ("value_input", some(value_input)),
            ("reference_points", some(reference_points)),
            ("padding_mask", option(padding_mask.map(numbers))),
            ("query_position", option(query_position)),
            ("value_proj_weight", weight(&self.value_proj)),
            ("value_proj_bias", bias(&self.value_proj)),
            ("sampling_offsets_weight", weight(&self.sampling_offsets)),
            ("sampling_offsets_bias", bias(&self.sampling_offsets)),
            ("attention_weights_weight", weight(&self.attention_weights)),
            ("attention_weights_bias", bias(&self.attention_weights)),
            ("output_proj_weight", weight(&self.output_proj)),
            ("output_proj_bias", bias(&self.output_proj)),
        ];
        call(&self.layer, inputs).map(Tensor::from_dispatch)
    }
}
