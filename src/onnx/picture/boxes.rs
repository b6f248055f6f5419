//! Boxes of detectors whose queries have a logit for each class, as RT-DETR's do.

use super::Detection;
use super::output::sigmoid;
use crate::gpu::TensorSpec;

/// The outputs that are logits (1, queries, classes) and boxes (1, queries, 4), if there are two.
pub(super) fn pair(outputs: &[(&str, TensorSpec)]) -> Option<(usize, usize)> {
    let queries = |(_, spec): &(&str, TensorSpec)| match *spec.shape.extents() {
        [1, queries, _] if spec.dtype.is_float() && spec.shape.elements() > 0 => Some(queries),
        _ => None,
    };
    // Of four classes the logits have the shape of boxes.
    let mut all =
        (0..outputs.len()).filter(|&at| queries(&outputs[at]).is_some() && outputs[at].1.shape.extents()[2] == 4);
    let boxes = all.clone().find(|&at| outputs[at].0.contains("box")).or_else(|| all.next_back())?;
    let scores = (0..outputs.len()).find(|&at| at != boxes && queries(&outputs[at]) == queries(&outputs[boxes]))?;
    Some((scores, boxes))
}

/// The classes of queries whose score, the sigmoid of the logit, is at least the threshold, as many as there are queries at most. Boxes are centre
/// and size in parts of the picture; one that is not finite is none.
pub(super) fn detections(
    logits: &[f32],
    boxes: &[f32],
    classes: usize,
    threshold: f32,
    [width, height]: [u32; 2],
) -> Vec<Detection> {
    let mut found = Vec::new();
    for (scores, place) in logits.chunks_exact(classes).zip(boxes.as_chunks::<4>().0) {
        let [across, down, wide, high] = *place;
        let [half_wide, half_high] = [wide / 2.0, high / 2.0];
        let [width, height] = [width as f32, height as f32];
        let corners = [
            (across - half_wide) * width,
            (down - half_high) * height,
            (across + half_wide) * width,
            (down + half_high) * height,
        ];
        if corners.iter().all(|corner| corner.is_finite()) {
            let scored = (0..).zip(scores).map(|(label, &logit)| Detection { label, score: sigmoid(logit), corners });
            found.extend(scored.filter(|detection| detection.score >= threshold));
        }
    }
    found.sort_by(|one: &Detection, other| other.score.total_cmp(&one.score));
    found.truncate(boxes.len() / 4);
    found
}
