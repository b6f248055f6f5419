//! Levels of multi-scale deformable attention as systems state them: a list of extents, perhaps with where each level starts.

use super::{count, counts};
use crate::error::{Error, Result};
use crate::geometry::{
    AttentionLevel, AttentionSampling, BATCH, EdgeDerivative, MultiScaleDeformAttn, MultiScaleDeformAttnGeometry,
    MultiScaleDeformAttnInputs, axis, extents,
};
use crate::shape::Shape;

/// Bilinear samples at as many points in each level, as many as the weights have.
pub(super) fn of_weights(
    spatial_shapes: &[[i64; 2]],
    edge_derivative: EdgeDerivative,
    shapes: &MultiScaleDeformAttnInputs<Shape>,
) -> Result<MultiScaleDeformAttn> {
    let axes = [BATCH, axis("queries"), axis("heads"), axis("levels"), axis("points")];
    let [.., points] = extents("weights", shapes.weights, axes)?;
    let points = vec![points.into(); spatial_shapes.len()];
    of_points(spatial_shapes, ("points", &points), AttentionSampling::Bilinear, edge_derivative, shapes)
}

/// Samples at so many points in each level; the list comes with its name.
pub(super) fn of_points(
    spatial_shapes: &[[i64; 2]],
    (argument, points): (&'static str, &[i64]),
    sampling: AttentionSampling,
    edge_derivative: EdgeDerivative,
    shapes: &MultiScaleDeformAttnInputs<Shape>,
) -> Result<MultiScaleDeformAttn> {
    check_levels(argument, points, spatial_shapes)?;
    let levels = spatial_shapes.iter().zip(points).map(|(&shape, &points)| {
        let [height, width] = counts("value_spatial_shapes", shape)?;
        Ok(AttentionLevel { height, width, points: count(argument, points)? })
    });
    let op = MultiScaleDeformAttn { levels: levels.collect::<Result<_>>()?, sampling, edge_derivative };
    MultiScaleDeformAttnGeometry::new(&op, shapes).map(|_| op)
}

/// Refuses starts of levels that are not where the levels in front of them end.
pub(super) fn check_starts(argument: &'static str, starts: &[i64], spatial_shapes: &[[i64; 2]]) -> Result<()> {
    check_levels(argument, starts, spatial_shapes)?;
    let mut pixels = 0i64;
    for (level, (&start, &[height, width])) in starts.iter().zip(spatial_shapes).enumerate() {
        if start != pixels {
            let message = format!("{argument} is {start} for level {level}; the levels in front have {pixels} pixels");
            return Err(Error::attribute(argument, message));
        }
        pixels = pixels.saturating_add(height.saturating_mul(width));
    }
    Ok(())
}

/// Refuses a list that has not one number for each level.
fn check_levels(argument: &'static str, list: &[i64], spatial_shapes: &[[i64; 2]]) -> Result<()> {
    let (numbers, levels) = (list.len(), spatial_shapes.len());
    if numbers != levels {
        let message = format!("{argument} has {numbers} numbers; value_spatial_shapes has {levels} levels");
        return Err(Error::attribute(argument, message));
    }
    Ok(())
}
