use crate::error::{Error, Result};
use crate::geometry::{
    Conv2d, Conv2dGeometry, Conv2dInputs, DeformRoiPool, DeformRoiPoolGeometry, DeformRoiPoolInputs, Output, axis,
    expect, extents, gradients, inputs, op, positive,
};
use crate::shape::Shape;

/// A [`DeformRoiPool`] that learns its offsets, and masks of its bins.
///
/// ```text
/// x      = deform_roi_pool(input, rois), flattened
/// offset = offset_fc(x): three fully connected layers, relus between them
/// mask   = sigmoid(mask_fc(x)): two
/// output = deform_roi_pool(input, rois, offset) * mask
/// ```
///
/// mmcv's `DeformRoIPoolPack`, and with masks its `ModulatedDeformRoIPoolPack`. All between is computed in `f32`, in workspace. The
/// backward pass keeps nothing from the forward: it repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DeformRoiPoolLayer {
    /// The pooling, without offsets and with them.
    pub pool: DeformRoiPool,
}

inputs!(
    /// The parameters of a [`DeformRoiPoolLayer`]: fully connected layers, weights (outputs, inputs) and biases (outputs).
    ///
    /// The first of each stack reads a RoI pooled without offsets, channels · pooled_height · pooled_width; all but the last are followed
    /// by a relu. mmcv's `offset_fc` and `mask_fc`.
    DeformRoiPoolParameters {
        /// (hidden, channels · pooled_height · pooled_width)
        offset_weight_0,
        /// (hidden)
        offset_bias_0,
        /// (hidden of the second, hidden)
        offset_weight_1,
        /// (hidden of the second)
        offset_bias_1,
        /// (2 · pooled_height · pooled_width, hidden of the second): a plane of x, then a plane of y
        offset_weight_2,
        /// (2 · pooled_height · pooled_width)
        offset_bias_2,
        ;
        /// (hidden, channels · pooled_height · pooled_width). With the three below, or none of them: then bins are not modulated.
        mask_weight_0,
        /// (hidden)
        mask_bias_0,
        /// (pooled_height · pooled_width, hidden)
        mask_weight_1,
        /// (pooled_height · pooled_width)
        mask_bias_1,
    }
);

inputs!(
    /// The inputs of a [`DeformRoiPoolLayer`]: tensors, their shapes, or slices for the reference.
    DeformRoiPoolLayerInputs {
        /// (batch, channels, height, width)
        input,
        /// (rois, 5): image, x1, y1, x2, y2
        rois,
        |
        /// The parameters of the layer.
        parameters: DeformRoiPoolParameters,
    }
);

gradients!(
    /// The gradients of a [`DeformRoiPoolLayer`]'s inputs and parameters; RoIs have none.
    DeformRoiPoolLayerGradients {
        input,
        offset_weight_0,
        offset_bias_0,
        offset_weight_1,
        offset_bias_1,
        offset_weight_2,
        offset_bias_2,
        mask_weight_0,
        mask_bias_0,
        mask_weight_1,
        mask_bias_1,
    }
);

/// The layers of a stack by name: weight, bias.
pub(crate) type Stack<T, const N: usize> = [[(&'static str, T); 2]; N];

impl<T> DeformRoiPoolParameters<T> {
    pub(crate) fn offset_fc(&self) -> Stack<&T, 3> {
        [
            [("offset_weight_0", &self.offset_weight_0), ("offset_bias_0", &self.offset_bias_0)],
            [("offset_weight_1", &self.offset_weight_1), ("offset_bias_1", &self.offset_bias_1)],
            [("offset_weight_2", &self.offset_weight_2), ("offset_bias_2", &self.offset_bias_2)],
        ]
    }

    /// The mask layers, where all of their parameters are there.
    pub(crate) fn mask_fc(&self) -> Option<Stack<&T, 2>> {
        Some([
            [("mask_weight_0", self.mask_weight_0.as_ref()?), ("mask_bias_0", self.mask_bias_0.as_ref()?)],
            [("mask_weight_1", self.mask_weight_1.as_ref()?), ("mask_bias_1", self.mask_bias_1.as_ref()?)],
        ])
    }
}

impl<T> DeformRoiPoolLayerGradients<T> {
    pub(crate) fn offset_fc(&self) -> [[Option<&T>; 2]; 3] {
        [
            [self.offset_weight_0.as_ref(), self.offset_bias_0.as_ref()],
            [self.offset_weight_1.as_ref(), self.offset_bias_1.as_ref()],
            [self.offset_weight_2.as_ref(), self.offset_bias_2.as_ref()],
        ]
    }

    pub(crate) fn mask_fc(&self) -> [[Option<&T>; 2]; 2] {
        [
            [self.mask_weight_0.as_ref(), self.mask_bias_0.as_ref()],
            [self.mask_weight_1.as_ref(), self.mask_bias_1.as_ref()],
        ]
    }
}

/// How large the parameters of a new [`DeformRoiPoolLayer`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeformRoiPoolSizes {
    /// Channels of the input.
    pub channels: u32,
    /// Outputs of each fully connected layer but the last; mmcv has 1024.
    pub hidden: u32,
    /// Whether bins are multiplied by masks.
    pub modulated: bool,
}

impl DeformRoiPoolLayer {
    /// The shapes of the parameters of a layer.
    ///
    /// # Errors
    /// [`Error::Attribute`] where a size is 0, [`Error::Shape`] where a parameter has more elements than `u32` counts.
    pub fn parameter_shapes(&self, sizes: &DeformRoiPoolSizes) -> Result<DeformRoiPoolParameters<Shape>> {
        let DeformRoiPoolSizes { channels, hidden, modulated } = *sizes;
        for (argument, size) in [
            ("channels", channels),
            ("hidden", hidden),
            ("pooled", self.pool.pooled[0]),
            ("pooled", self.pool.pooled[1]),
        ] {
            positive(argument, size)?;
        }
        let bins = self.pool.pooled[0].saturating_mul(self.pool.pooled[1]);
        let (features, offsets) = (channels.saturating_mul(bins), bins.saturating_mul(2));
        let mask = |shape: Shape| modulated.then_some(shape);
        let shapes = DeformRoiPoolParameters {
            offset_weight_0: [hidden, features].into(),
            offset_bias_0: [hidden].into(),
            offset_weight_1: [hidden, hidden].into(),
            offset_bias_1: [hidden].into(),
            offset_weight_2: [offsets, hidden].into(),
            offset_bias_2: [offsets].into(),
            mask_weight_0: mask([hidden, features].into()),
            mask_bias_0: mask([hidden].into()),
            mask_weight_1: mask([bins, hidden].into()),
            mask_bias_1: mask([bins].into()),
        };
        super::check_parameters(shapes.named())?;
        Ok(shapes)
    }

    /// The parameters that training begins with, as mmcv has them: the last layer of each stack is 0, the others are drawn evenly between
    /// ± 1 / sqrt(inputs). `uniform` gives numbers between 0 and 1; 1 excluded.
    ///
    /// # Errors
    /// [`Error::Attribute`] where a size is 0, [`Error::Shape`] where a parameter has more elements than `u32` counts.
    pub fn initial(
        &self,
        sizes: &DeformRoiPoolSizes,
        mut uniform: impl FnMut() -> f32,
    ) -> Result<DeformRoiPoolParameters<(Shape, Vec<f32>)>> {
        let shapes = self.parameter_shapes(sizes)?;
        let mut parameters = shapes.map(|&shape| (shape, vec![0.0; shape.elements() as usize]));
        let mut draw = |inputs: u32, elements: &mut [f32]| {
            let bound = f64::from(inputs).sqrt().recip() as f32;
            elements.fill_with(|| bound * (2.0 * uniform() - 1.0));
        };
        let features = shapes.offset_weight_0.extents()[1];
        draw(features, &mut parameters.offset_weight_0.1);
        draw(features, &mut parameters.offset_bias_0.1);
        draw(sizes.hidden, &mut parameters.offset_weight_1.1);
        draw(sizes.hidden, &mut parameters.offset_bias_1.1);
        for (_, elements) in [&mut parameters.mask_weight_0, &mut parameters.mask_bias_0].into_iter().flatten() {
            draw(features, elements);
        }
        Ok(parameters)
    }
}

/// A checked [`DeformRoiPoolLayer`].
#[derive(Debug, Clone, PartialEq)]
pub struct DeformRoiPoolLayerGeometry {
    /// The poolings without offsets, and with them.
    pub(crate) still: DeformRoiPoolGeometry,
    pub(crate) moved: DeformRoiPoolGeometry,
    /// Fully connected layers, as convolutions of one tap over images of one pixel.
    pub(crate) offset_fc: Vec<Conv2dGeometry>,
    pub(crate) mask_fc: Vec<Conv2dGeometry>,
    pub(crate) rois: u32,
    pub(crate) pooled: [u32; 2],
    shapes: DeformRoiPoolLayerInputs<Shape>,
}

impl DeformRoiPoolLayerGeometry {
    /// Checks a layer's attributes and the shapes of its inputs and parameters.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`], with the two figures that disagree.
    pub fn new(op: &DeformRoiPoolLayer, inputs: &DeformRoiPoolLayerInputs<Shape>) -> Result<Self> {
        let DeformRoiPoolLayerInputs { input, rois, parameters } = inputs;
        let (input, rois) = (*input, *rois);
        let pool = |offset| DeformRoiPoolGeometry::new(&op.pool, &DeformRoiPoolInputs { input, rois, offset });
        let still = pool(None)?;
        let output = still.output_shape();
        let [count, channels, rows, columns] =
            extents("output", output, [("rois", true), axis("channels"), axis("height"), axis("width")])?;
        let moved = pool(Some([count, 2, rows, columns].into()))?;
        let bins = u64::from(rows) * u64::from(columns);
        let features = u64::from(channels) * bins;
        let given = [
            ("mask_weight_0", parameters.mask_weight_0),
            ("mask_bias_0", parameters.mask_bias_0),
            ("mask_weight_1", parameters.mask_weight_1),
            ("mask_bias_1", parameters.mask_bias_1),
        ];
        let count_given = given.iter().filter(|(_, shape)| shape.is_some()).count();
        if let Some((absent, _)) = given.iter().find(|(_, shape)| shape.is_none() && count_given > 0) {
            let message = format!("{absent} is absent; {count_given} of 4 parameters of the masks were given");
            return Err(Error::shape(absent, message));
        }
        let mask_fc = parameters.mask_fc();
        let mask_fc = mask_fc.map(|stack| connected(count, features, bins, &stack)).transpose()?;
        Ok(Self {
            still,
            moved,
            offset_fc: connected(count, features, 2 * bins, &parameters.offset_fc())?,
            mask_fc: mask_fc.unwrap_or_default(),
            rois: count,
            pooled: [rows, columns],
            shapes: *inputs,
        })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> DeformRoiPoolLayerInputs<Shape> {
        self.shapes
    }

    /// (rois, channels, pooled_height, pooled_width)
    pub fn output_shape(&self) -> Shape {
        self.moved.output_shape()
    }

    pub(crate) fn offset_shape(&self) -> Shape {
        [self.rois, 2, self.pooled[0], self.pooled[1]].into()
    }

    pub(crate) fn mask_shape(&self) -> Shape {
        [self.rois, 1, self.pooled[0], self.pooled[1]].into()
    }
}

/// Layers on top of one another, from `features` to `outputs`.
fn connected<const N: usize>(
    rows: u32,
    features: u64,
    outputs: u64,
    stack: &Stack<&Shape, N>,
) -> Result<Vec<Conv2dGeometry>> {
    let mut has = features;
    let mut layers = Vec::with_capacity(N);
    for (index, [(weight, shape), (bias, bias_shape)]) in stack.iter().enumerate() {
        let [out, inputs] = extents(weight, **shape, [axis("outputs"), axis("inputs")])?;
        expect(weight, "inputs", inputs, has, "what it reads has")?;
        if index + 1 == N {
            expect(weight, "outputs", out, outputs, "the bins need")?;
        }
        let [elements] = extents(bias, **bias_shape, [axis("outputs")])?;
        expect(bias, "elements", elements, out.into(), "the weight's outputs are")?;
        has = out.into();
        let shapes = Conv2dInputs {
            input: [rows, inputs, 1, 1].into(),
            weight: [out, inputs, 1, 1].into(),
            bias: Some(**bias_shape),
        };
        layers.push(Conv2dGeometry::new(&Conv2d::default(), &shapes)?);
    }
    Ok(layers)
}

op!(DeformRoiPoolLayer: DeformRoiPoolLayerInputs<()> => Output, DeformRoiPoolLayerGeometry::output_shape);
