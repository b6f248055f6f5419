//! A lens over a photo, as the offsets and the mask of a deformable convolution.

/// A round lens. Positions are `[y, x]` in pixels.
pub(super) struct Lens {
    pub(super) centre: [f64; 2],
    pub(super) radius: f64,
    /// The middle is magnified by 1 / (1 - strength).
    pub(super) strength: f64,
    /// How far the middle is turned, clockwise, in radians.
    pub(super) swirl: f64,
}

impl Lens {
    /// Where the photo is sampled for what is seen at `position`. Beyond the lens that is the position itself.
    pub(super) fn source(&self, position: [f64; 2]) -> [f64; 2] {
        let [y, x] = self.in_radii(position);
        // 1 in the middle of the lens, 0 with a slope of 0 at its rim.
        let bend = (1.0 - y * y - x * x).max(0.0).powi(2);
        if bend == 0.0 {
            return position;
        }
        let scale = self.radius * (1.0 - self.strength * bend);
        let (sin, cos) = (self.swirl * bend).sin_cos();
        [self.centre[0] + scale * (cos * y - sin * x), self.centre[1] + scale * (sin * y + cos * x)]
    }

    /// How much light comes from `position`: all of it through the lens, less and less away from it.
    pub(super) fn light(&self, position: [f64; 2]) -> f64 {
        /// The light that is left in the dark.
        const LEAST: f64 = 0.2;
        /// The distance from the rim to the dark, in radii.
        const FADE: f64 = 1.2;
        let [y, x] = self.in_radii(position);
        let dark = ((y.hypot(x) - 1.0) / FADE).clamp(0.0, 1.0);
        1.0 - (1.0 - LEAST) * dark * dark * (3.0 - 2.0 * dark)
    }

    /// The way from the centre to `position`, in radii.
    fn in_radii(&self, position: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|axis| (position[axis] - self.centre[axis]) / self.radius)
    }
}
