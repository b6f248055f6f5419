use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use pliant::Result;
use pliant::nn::{DeformConv2dLayer, DeformConv2dParameters, DeformConv2dSizes};

use crate::call::call;
use crate::nn::{elements, parameter, uniform};
use crate::ops::{option, some};

/// A deformable convolution that learns its offsets, and its masks: a plain convolution with the same window computes them.
///
/// Parameters are named as in mmcv's `DeformConv2dPack` and `ModulatedDeformConv2dPack`.
#[derive(Module, Debug)]
pub struct DeformConv2d {
    /// (out_channels, channels / groups, kernel_height, kernel_width)
    pub weight: Param<Tensor<4>>,
    /// (out_channels), or absent
    pub bias: Option<Param<Tensor<1>>>,
    /// The convolution that gives offsets, and masks where the layer has some.
    pub conv_offset: OffsetConv,
    #[module(skip)]
    layer: DeformConv2dLayer,
}

/// The parameters of the plain convolution that gives a [`DeformConv2d`] its offsets and masks.
#[derive(Module, Debug)]
pub struct OffsetConv {
    /// (2 or 3 · offset_groups · taps, channels, kernel_height, kernel_width): 3 where there are masks
    pub weight: Param<Tensor<4>>,
    /// (2 or 3 · offset_groups · taps)
    pub bias: Param<Tensor<1>>,
}

impl DeformConv2d {
    /// A layer as training begins with it, as the papers and mmcv have it: offsets and bias are 0, the weight is drawn evenly by burn's generator.
    ///
    /// ```no_run
    /// # fn example(device: &burn::tensor::Device, image: burn::tensor::Tensor<4>) -> pliant::Result<()> {
    /// use pliant::nn::{DeformConv2dLayer, DeformConv2dSizes, Mask};
    /// use pliant_burn::nn::DeformConv2d;
    ///
    /// let layer = DeformConv2dLayer { padding: [1; 4], mask: Mask::Sigmoid, ..DeformConv2dLayer::default() };
    /// let module = DeformConv2d::new(&layer, &DeformConv2dSizes::new([64, 64], [3, 3]), device)?;
    /// let output = module.forward(image)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Attribute`](pliant::Error::Attribute) where a size is 0, groups do not divide the channels, or offsets and masks are to have an input or
    /// convolutions of their own, which the module has not; [`Error::Shape`](pliant::Error::Shape) where a parameter has more elements than `u32` counts;
    /// [`Error::Unsupported`](pliant::Error::Unsupported) where burn gives no random numbers.
    pub fn new(layer: &DeformConv2dLayer, sizes: &DeformConv2dSizes, device: &Device) -> Result<Self> {
        if sizes.split || sizes.offset_channels.is_some() {
            let message = format!(
                "split is {} and offset_channels is {:?}; the module has one convolution of its input, so false and None are possible",
                sizes.split, sizes.offset_channels
            );
            return Err(pliant::Error::Attribute { argument: "sizes", message });
        }
        let shapes = layer.parameter_shapes(sizes)?;
        let count = elements(shapes.named().filter_map(|(_, shape)| shape));
        let DeformConv2dParameters { weight, offset_weight, bias, offset_bias, .. } =
            layer.initial(sizes, uniform(count, device)?)?;
        let offset_bias = offset_bias.unwrap_or_else(|| unreachable!("an offset convolution has a bias"));
        Ok(Self {
            weight: parameter(weight, device),
            bias: bias.map(|bias| parameter(bias, device)),
            conv_offset: OffsetConv { weight: parameter(offset_weight, device), bias: parameter(offset_bias, device) },
            layer: *layer,
        })
    }

    /// Computes the layer: (batch, channels, height, width) to (batch, out_channels, out_height, out_width). Input and parameters have gradients.
    ///
    /// # Errors
    /// Those of [`deform_conv2d`](crate::deform_conv2d()).
    pub fn forward(&self, input: Tensor<4>) -> Result<Tensor<4>> {
        let inputs = [
            ("input", some(input)),
            ("weight", some(self.weight.val())),
            ("offset_weight", some(self.conv_offset.weight.val())),
            ("bias", option(self.bias.as_ref().map(Param::val))),
            ("offset_bias", some(self.conv_offset.bias.val())),
        ];
        call(&self.layer, inputs).map(Tensor::from_dispatch)
    }
}
