use crate::error::{Error, Result};
use crate::geometry::{
    BATCH, EdgeDerivative, Output, axis, check_elements, check_padded_extent, expect, extents, gradients, inputs, op,
};
use crate::shape::Shape;

/// Multi-scale deformable attention: for each query and head, samples of the value at some points of each level, times a weight for each.
///
/// Zhu et al., *Deformable DETR* (2020):
///
/// ```text
/// output[n, q, head * D + d] = sum over levels and points of weight * value of the level at (x * width - 0.5, y * height - 0.5)
/// ```
///
/// The weights are used as they are: a softmax is an op of its own. A location that is not finite counts 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MultiScaleDeformAttn {
    /// The levels, in the order in which the value holds them.
    pub levels: Vec<AttentionLevel>,
    /// How a level is sampled.
    pub sampling: AttentionSampling,
    /// The derivative of bilinear samples at the edge, for the backward pass.
    pub edge_derivative: EdgeDerivative,
}

/// A level of the value of a [`MultiScaleDeformAttn`]: an image, and how many points of each query and head lie in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttentionLevel {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// Points of each query and head.
    pub points: u32,
}

/// How a [`MultiScaleDeformAttn`] samples a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum AttentionSampling {
    /// Bilinear, inside where `-1 < position < extent`; neighbours outside the level count 0. Deformable DETR, mmcv.
    #[default]
    Bilinear,
    /// The pixel `trunc(x * width + 0.5)`, `trunc(y * height + 0.5)`, clamped to the level. The locations have no gradient. RT-DETRv2's `discrete`.
    Discrete,
}

impl MultiScaleDeformAttn {
    /// Levels of these `[height, width]`, bilinear, with as many points in each.
    pub fn new(shapes: impl IntoIterator<Item = [u32; 2]>, points: u32) -> Self {
        let level = |[height, width]: [u32; 2]| AttentionLevel { height, width, points };
        Self {
            levels: shapes.into_iter().map(level).collect(),
            sampling: AttentionSampling::default(),
            edge_derivative: EdgeDerivative::default(),
        }
    }
}

inputs!(
    /// The inputs of a [`MultiScaleDeformAttn`].
    MultiScaleDeformAttnInputs {
        /// (batch, pixels of all levels, heads, channels), level after level, row by row
        value,
        /// (batch, queries, heads, points of all levels, 2), x in front of y, each in 0..1 within its level; or, where all levels have as many
        /// points, (batch, queries, heads, levels, points, 2)
        locations,
        /// (batch, queries, heads, points of all levels), or (batch, queries, heads, levels, points)
        weights,
        ;
        /// (batch, pixels of all levels): where it is not 0, the value counts 0
        padding_mask,
    }
);

gradients!(
    /// The gradients of a [`MultiScaleDeformAttn`]'s inputs. The padding mask has none.
    MultiScaleDeformAttnGradients {
        value,
        locations,
        weights,
    }
);

const WEIGHT_AXES: &str = "4 or 5: (batch, queries, heads, points) or (batch, queries, heads, levels, points)";

/// A checked multi-scale deformable attention.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MultiScaleDeformAttnGeometry {
    pub(crate) op: MultiScaleDeformAttn,
    pub(crate) batch: u32,
    /// Pixels of all levels.
    pub(crate) pixels: u32,
    pub(crate) queries: u32,
    pub(crate) heads: u32,
    /// Channels of a head.
    pub(crate) channels: u32,
    /// Points of all levels.
    pub(crate) points: u32,
    shapes: MultiScaleDeformAttnInputs<Shape>,
}

impl MultiScaleDeformAttnGeometry {
    /// Checks levels and shapes.
    ///
    /// # Errors
    /// [`Error::Attribute`] for levels that are missing or empty; [`Error::Shape`] with the two figures that disagree.
    pub fn new(op: &MultiScaleDeformAttn, shapes: &MultiScaleDeformAttnInputs<Shape>) -> Result<Self> {
        let axes = [BATCH, axis("pixels"), axis("heads"), axis("channels")];
        let [batch, pixels, heads, channels] = extents("value", shapes.value, axes)?;
        let (all_pixels, points) = totals(&op.levels)?;
        expect("value", "pixels", pixels, all_pixels, "the levels have")?;

        let ([images, queries, of_heads, _] | [images, queries, of_heads, _, _]) = *shapes.weights.extents() else {
            let (weights, rank) = (shapes.weights, shapes.weights.rank());
            return Err(Error::shape(
                "weights",
                format!("weights ({weights}) has {rank} axes; it needs {WEIGHT_AXES}"),
            ));
        };
        check_elements("weights", shapes.weights)?;
        expect("weights", "images", images, batch.into(), "the value's batch is")?;
        expect("weights", "heads", of_heads, heads.into(), "the value's heads are")?;
        if queries == 0 {
            let message = format!("weights ({}) has queries of extent 0; at least 1 is needed", shapes.weights);
            return Err(Error::shape("weights", message));
        }
        match shapes.weights.extents()[3..] {
            [levels, each] => {
                expect("weights", "levels", levels, op.levels.len() as u64, "the attributes have")?;
                for level in &op.levels {
                    expect("weights", "points in each level", each, level.points.into(), "a level has")?;
                }
            }
            ref flat => expect("weights", "points", flat[0], points, "the levels have")?,
        }
        let located = Shape::new(&[shapes.weights.extents(), &[2]].concat())?;
        if shapes.locations != located {
            let message = format!(
                "locations ({}) must have the axes of weights ({}) and then 2, x in front of y: ({located})",
                shapes.locations, shapes.weights
            );
            return Err(Error::shape("locations", message));
        }
        check_elements("locations", located)?;
        if let Some(mask) = shapes.padding_mask {
            let [images, of_pixels] = extents("padding_mask", mask, [BATCH, axis("pixels")])?;
            expect("padding_mask", "images", images, batch.into(), "the value's batch is")?;
            expect("padding_mask", "pixels", of_pixels, pixels.into(), "the value has")?;
        }
        let geometry =
            Self { op: op.clone(), batch, pixels, queries, heads, channels, points: points as u32, shapes: *shapes };
        check_elements("output", geometry.output_shape())?;
        Ok(geometry)
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> MultiScaleDeformAttnInputs<Shape> {
        self.shapes
    }

    /// (batch, queries, heads · channels)
    pub fn output_shape(&self) -> Shape {
        [self.batch, self.queries, self.heads * self.channels].into()
    }
}

/// The pixels and the points of all levels.
pub(crate) fn totals(levels: &[AttentionLevel]) -> Result<(u64, u64)> {
    if levels.is_empty() {
        return Err(Error::attribute("levels", "levels has no level; at least 1 is needed"));
    }
    let (mut pixels, mut points) = (0u64, 0u64);
    for (index, level) in levels.iter().enumerate() {
        for (name, value) in [("height", level.height), ("width", level.width), ("points", level.points)] {
            if value == 0 {
                let message = format!("level {index} has {name} 0; at least 1 is needed");
                return Err(Error::attribute("levels", message));
            }
        }
        check_padded_extent("height", level.height, [0, 0])?;
        check_padded_extent("width", level.width, [0, 0])?;
        pixels += u64::from(level.height) * u64::from(level.width);
        points += u64::from(level.points);
    }
    Ok((pixels, points))
}

op!(MultiScaleDeformAttn: MultiScaleDeformAttnInputs<()> => Output, MultiScaleDeformAttnGeometry::output_shape);
