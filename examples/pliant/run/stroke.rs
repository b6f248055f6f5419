//! Lines and dots.

use image::RgbImage;

/// A line with round ends from `a` to `b`, both `[y, x]`, its edge smoothed over a pixel. From a point to itself it is a dot.
pub(crate) fn stroke(canvas: &mut RgbImage, a: [f32; 2], b: [f32; 2], width: f32, colour: [f32; 3], opacity: f32) {
    let reach = width / 2.0 + 1.0;
    let pixels = |axis: usize, extent: u32| {
        let (low, high) = (a[axis].min(b[axis]) - reach, a[axis].max(b[axis]) + reach);
        low.max(0.0) as u32..(high.max(0.0) as u32 + 1).min(extent)
    };
    let way = [b[0] - a[0], b[1] - a[1]];
    let length_squared = way[0] * way[0] + way[1] * way[1];
    for y in pixels(0, canvas.height()) {
        for x in pixels(1, canvas.width()) {
            let from_a = [y as f32 + 0.5 - a[0], x as f32 + 0.5 - a[1]];
            let along = (from_a[0] * way[0] + from_a[1] * way[1]) / length_squared.max(f32::MIN_POSITIVE);
            let along = along.clamp(0.0, 1.0);
            let distance = (from_a[0] - along * way[0]).hypot(from_a[1] - along * way[1]);
            let cover = opacity * (width / 2.0 + 0.5 - distance).clamp(0.0, 1.0);
            let pixel = canvas.get_pixel_mut(x, y);
            for (value, colour) in pixel.0.iter_mut().zip(colour) {
                *value = (f32::from(*value) + cover * (colour - f32::from(*value))).round() as u8;
            }
        }
    }
}
