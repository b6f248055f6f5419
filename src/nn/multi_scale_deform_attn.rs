use std::f64::consts::TAU;

use super::connected::connected;
use crate::error::{Error, Result};
use crate::geometry::multi_scale_deform_attn::totals;
use crate::geometry::{
    MatmulGeometry, MultiScaleDeformAttn, MultiScaleDeformAttnGeometry, MultiScaleDeformAttnInputs, Output, Softmax,
    SoftmaxGeometry, axis, divides, expect, extents, gradients, inputs, op, positive,
};
use crate::shape::Shape;

/// A [`MultiScaleDeformAttn`] that learns its value, its locations and its weights: the attention module of Deformable DETR and RT-DETR.
///
/// ```text
/// q        = query + query_position
/// offset   = sampling_offsets(q)                      for each head, level and point: x, y
/// weight   = softmax(attention_weights(q))            over all points of a head
/// location = x, y of the reference point + offset / (width, height) of the level, or
///            x, y of the reference box + offset * (w, h) of the box * offset_scale / points of the level
/// output   = output_proj(multi_scale_deform_attn(value_proj(value_input), location, weight))
/// ```
///
/// Projections are fully connected layers. mmcv's `MultiScaleDeformableAttention` without its dropout and its sum with the query, and the modules of the
/// same name in transformers. All between is computed in `f32`, in workspace. The backward pass keeps nothing from the forward: it repeats it.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiScaleDeformAttnLayer {
    /// The levels, and how they are sampled.
    pub attn: MultiScaleDeformAttn,
    /// Heads, each with channels, locations and weights of its own.
    pub heads: u32,
    /// The factor of offsets that are measured by boxes: 0.5 in all published models.
    pub offset_scale: f32,
}

impl MultiScaleDeformAttnLayer {
    /// A layer of so many heads, with an `offset_scale` of 0.5.
    pub fn new(attn: MultiScaleDeformAttn, heads: u32) -> Self {
        Self { attn, heads, offset_scale: 0.5 }
    }
}

inputs!(
    /// The parameters of a [`MultiScaleDeformAttnLayer`]: fully connected layers, weights (outputs, inputs) and biases (outputs).
    MultiScaleDeformAttnParameters {
        /// (heads · channels, channels of the value input)
        value_proj_weight,
        /// (heads · channels)
        value_proj_bias,
        /// (heads · points of all levels · 2, channels of the query): x in front of y
        sampling_offsets_weight,
        /// (heads · points of all levels · 2)
        sampling_offsets_bias,
        /// (heads · points of all levels, channels of the query)
        attention_weights_weight,
        /// (heads · points of all levels)
        attention_weights_bias,
        /// (any, heads · channels)
        output_proj_weight,
        /// (outputs of the weight)
        output_proj_bias,
    }
);

inputs!(
    /// The inputs of a [`MultiScaleDeformAttnLayer`]: tensors, their shapes, or slices for the reference.
    MultiScaleDeformAttnLayerInputs {
        /// (batch, queries, channels)
        query,
        /// (batch, pixels of all levels, any), level after level, row by row: `encoder_hidden_states`, `input_flatten`
        value_input,
        /// (batch, queries, levels, 2): x, y, each in 0..1 within its level; or (batch, queries, levels, 4): x, y, width, height of a box. One level
        /// serves all, and must where levels differ in their points
        reference_points,
        ;
        /// (batch, pixels of all levels): where it is not 0, the projected value counts 0
        padding_mask,
        /// In the shape of `query`
        query_position,
        |
        /// The parameters of the layer.
        parameters: MultiScaleDeformAttnParameters,
    }
);

gradients!(
    /// The gradients of a [`MultiScaleDeformAttnLayer`]'s inputs and parameters. The padding mask has none.
    MultiScaleDeformAttnLayerGradients {
        query,
        value_input,
        reference_points,
        query_position,
        value_proj_weight,
        value_proj_bias,
        sampling_offsets_weight,
        sampling_offsets_bias,
        attention_weights_weight,
        attention_weights_bias,
        output_proj_weight,
        output_proj_bias,
    }
);

/// How large the parameters of a new [`MultiScaleDeformAttnLayer`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MultiScaleDeformAttnSizes {
    /// Channels of the query.
    pub query: u32,
    /// Channels of the value input.
    pub value_input: u32,
    /// Channels of the value: those of all heads.
    pub value: u32,
    /// Channels of the output.
    pub output: u32,
}

impl MultiScaleDeformAttnSizes {
    /// As many channels everywhere, as published models have.
    pub fn new(channels: u32) -> Self {
        Self { query: channels, value_input: channels, value: channels, output: channels }
    }
}

impl MultiScaleDeformAttnLayer {
    /// The shapes of the parameters of a layer.
    ///
    /// # Errors
    /// [`Error::Attribute`] where a size is 0, heads do not divide the value's channels, or levels are missing or empty; [`Error::Shape`] where a
    /// parameter has more elements than `u32` counts.
    pub fn parameter_shapes(&self, sizes: &MultiScaleDeformAttnSizes) -> Result<MultiScaleDeformAttnParameters<Shape>> {
        let MultiScaleDeformAttnSizes { query, value_input, value, output } = *sizes;
        for (argument, size) in [("query", query), ("value_input", value_input), ("value", value), ("output", output)] {
            positive(argument, size)?;
        }
        divides("heads", self.heads, value, "value")?;
        let (_, points) = totals(&self.attn.levels)?;
        let points = u32::try_from(points).unwrap_or(u32::MAX).saturating_mul(self.heads);
        let coordinates = points.saturating_mul(2);
        let shapes = MultiScaleDeformAttnParameters {
            value_proj_weight: Shape::from([value, value_input]),
            value_proj_bias: [value].into(),
            sampling_offsets_weight: [coordinates, query].into(),
            sampling_offsets_bias: [coordinates].into(),
            attention_weights_weight: [points, query].into(),
            attention_weights_bias: [points].into(),
            output_proj_weight: [output, value].into(),
            output_proj_bias: [output].into(),
        };
        super::check_parameters(shapes.named())?;
        Ok(shapes)
    }

    /// The parameters that training begins with, as Deformable DETR has them. Heads look in directions all around, the points of a level one further
    /// than the other, and all weigh the same; projections are drawn evenly between ± sqrt(6 / (inputs + outputs)). `uniform` gives numbers between 0
    /// and 1; 1 excluded.
    ///
    /// # Errors
    /// [`Error::Attribute`] where a size is 0, heads do not divide the value's channels, or levels are missing or empty; [`Error::Shape`] where a
    /// parameter has more elements than `u32` counts.
    pub fn initial(
        &self,
        sizes: &MultiScaleDeformAttnSizes,
        mut uniform: impl FnMut() -> f32,
    ) -> Result<MultiScaleDeformAttnParameters<(Shape, Vec<f32>)>> {
        let shapes = self.parameter_shapes(sizes)?;
        let mut parameters = shapes.map(|&shape| (shape, vec![0.0; shape.elements() as usize]));
        super::draw_evenly(&mut parameters.value_proj_weight, &mut uniform);
        super::draw_evenly(&mut parameters.output_proj_weight, &mut uniform);
        let mut bias = parameters.sampling_offsets_bias.1.chunks_exact_mut(2);
        for head in 0..self.heads {
            let (sin, cos) = (TAU * f64::from(head) / f64::from(self.heads)).sin_cos();
            let longest = sin.abs().max(cos.abs());
            let reaches = self.attn.levels.iter().flat_map(|level| 1..=level.points).map(f64::from);
            for (reach, offset) in reaches.zip(&mut bias) {
                offset.copy_from_slice(&[cos, sin].map(|along| (along / longest * reach) as f32));
            }
        }
        Ok(parameters)
    }
}

/// How locations follow from offsets and reference points, by shapes that broadcast: locations = offsets * factors + positions, or
/// offsets * (box sizes * factors) + positions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Locations {
    /// (batch · queries, heads, levels, points, 2), or all points in one level where levels differ in their points
    pub(crate) offsets: Shape,
    /// (batch · queries, 1, levels or 1, 1, 2 or 4)
    pub(crate) references: Shape,
    /// (levels, 1, 2), or (1, points, 2)
    pub(crate) factors: Shape,
    pub(crate) factor: Vec<f32>,
    pub(crate) offset_scale: f32,
}

impl Locations {
    fn new(op: &MultiScaleDeformAttnLayer, [rows, reference_levels, coordinates]: [u32; 3]) -> Result<Self> {
        let levels = &op.attn.levels;
        let all: u32 = levels.iter().map(|level| level.points).sum();
        let each = levels.first().map_or(0, |level| level.points);
        let alike = levels.iter().all(|level| level.points == each);
        if !alike && reference_levels != 1 {
            let message = format!(
                "reference_points has {reference_levels} levels; levels of {each} and other numbers of points need 1, which serves all"
            );
            return Err(Error::shape("reference_points", message));
        }
        let count = levels.len() as u32;
        let factors = levels.iter().flat_map(|level| {
            // In f64: rounded once.
            let factor = match coordinates {
                2 => [level.width, level.height].map(|extent| f64::from(extent).recip()),
                _ => [f64::from(op.offset_scale) / f64::from(level.points); 2],
            };
            std::iter::repeat_n(factor, if alike { 1 } else { level.points as usize })
        });
        Ok(Self {
            offsets: if alike { [rows, op.heads, count, each, 2].into() } else { [rows, op.heads, 1, all, 2].into() },
            references: [rows, 1, reference_levels, 1, coordinates].into(),
            factors: if alike { [count, 1, 2].into() } else { [1, all, 2].into() },
            factor: factors.flatten().map(|factor| factor as f32).collect(),
            offset_scale: op.offset_scale,
        })
    }

    /// Whether reference points are boxes.
    pub(crate) fn boxes(&self) -> bool {
        self.references.extents()[4] == 4
    }

    /// Positions of reference points, or sizes of boxes.
    pub(crate) fn pairs(&self) -> Shape {
        self.references.with_extent(4, 2)
    }
}

/// A checked [`MultiScaleDeformAttnLayer`].
#[derive(Debug, Clone, PartialEq)]
pub struct MultiScaleDeformAttnLayerGeometry {
    pub(crate) value_proj: MatmulGeometry,
    pub(crate) sampling_offsets: MatmulGeometry,
    pub(crate) attention_weights: MatmulGeometry,
    pub(crate) output_proj: MatmulGeometry,
    pub(crate) locations: Locations,
    pub(crate) softmax: SoftmaxGeometry,
    pub(crate) attn: MultiScaleDeformAttnGeometry,
    shapes: MultiScaleDeformAttnLayerInputs<Shape>,
}

impl MultiScaleDeformAttnLayerGeometry {
    /// Checks a layer's attributes and the shapes of its inputs and parameters.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`], with the two figures that disagree.
    pub fn new(op: &MultiScaleDeformAttnLayer, inputs: &MultiScaleDeformAttnLayerInputs<Shape>) -> Result<Self> {
        let MultiScaleDeformAttnLayer { ref attn, heads, offset_scale } = *op;
        if !offset_scale.is_finite() {
            let message = format!("offset_scale is {offset_scale}; a number is needed");
            return Err(Error::attribute("offset_scale", message));
        }
        let axes = [axis("batch"), axis("queries"), axis("channels")];
        let [batch, queries, channels] = extents("query", inputs.query, axes)?;
        let axes = [axis("batch"), axis("pixels"), axis("channels")];
        let [images, pixels, value_channels] = extents("value_input", inputs.value_input, axes)?;
        let (all_pixels, points) = totals(&attn.levels)?;
        expect("value_input", "images", images, batch.into(), "the query's batch is")?;
        expect("value_input", "pixels", pixels, all_pixels, "the levels have")?;
        if let Some(position) = inputs.query_position.filter(|position| *position != inputs.query) {
            let message = format!("query_position ({position}) must have the shape of query ({})", inputs.query);
            return Err(Error::shape("query_position", message));
        }

        let axes = [axis("batch"), axis("queries"), axis("levels"), axis("coordinates")];
        let [images, rows, levels, coordinates] = extents("reference_points", inputs.reference_points, axes)?;
        expect("reference_points", "images", images, batch.into(), "the query's batch is")?;
        expect("reference_points", "queries", rows, queries.into(), "the query has")?;
        if levels != 1 {
            expect(
                "reference_points",
                "levels",
                levels,
                attn.levels.len() as u64,
                "1 serves all, and the attributes have",
            )?;
        }
        if coordinates != 4 {
            expect("reference_points", "coordinates", coordinates, 2, "a box has 4, and a point")?;
        }

        let parameters = &inputs.parameters;
        let rows = batch * queries;
        let weight = ("value_proj_weight", parameters.value_proj_weight);
        let bias = ("value_proj_bias", parameters.value_proj_bias);
        let value_proj = connected(batch * pixels, value_channels, [weight, bias], None)?;
        divides("heads", heads, value_proj.columns, "value")?;

        let needs = u64::from(heads).saturating_mul(points);
        let weight = ("sampling_offsets_weight", parameters.sampling_offsets_weight);
        let bias = ("sampling_offsets_bias", parameters.sampling_offsets_bias);
        let coordinates_of = Some((needs.saturating_mul(2), "x and y of the points of all heads are"));
        let sampling_offsets = connected(rows, channels, [weight, bias], coordinates_of)?;

        let weight = ("attention_weights_weight", parameters.attention_weights_weight);
        let bias = ("attention_weights_bias", parameters.attention_weights_bias);
        let points_of = Some((needs, "the points of all heads are"));
        let attention_weights = connected(rows, channels, [weight, bias], points_of)?;

        let weight = ("output_proj_weight", parameters.output_proj_weight);
        let bias = ("output_proj_bias", parameters.output_proj_bias);
        let output_proj = connected(rows, value_proj.columns, [weight, bias], None)?;

        let points = points as u32;
        let attended = MultiScaleDeformAttnInputs {
            value: [batch, pixels, heads, value_proj.columns / heads].into(),
            locations: [batch, queries, heads, points, 2].into(),
            weights: [batch, queries, heads, points].into(),
            padding_mask: inputs.padding_mask,
        };
        Ok(Self {
            value_proj,
            sampling_offsets,
            attention_weights,
            output_proj,
            locations: Locations::new(op, [rows, levels, coordinates])?,
            softmax: SoftmaxGeometry::new(&Softmax { axis: 3, log: false }, attended.weights)?,
            attn: MultiScaleDeformAttnGeometry::new(attn, &attended)?,
            shapes: *inputs,
        })
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> MultiScaleDeformAttnLayerInputs<Shape> {
        self.shapes
    }

    /// (batch, queries, outputs of `output_proj_weight`)
    pub fn output_shape(&self) -> Shape {
        self.shapes.query.with_extent(2, self.output_proj.columns)
    }
}

op!(MultiScaleDeformAttnLayer: MultiScaleDeformAttnLayerInputs<()> => Output, MultiScaleDeformAttnLayerGeometry::output_shape);
