//! Drawing on canvases, whatever lies beyond their edges.

use image::{Rgb, RgbImage};
use pliant_support::canvas::{DARK, Key, explained, legend, stroke};
use pliant_support::frames::{self, Frame};

const WHITE: [f32; 3] = [255.0; 3];

fn lit(canvas: &RgbImage) -> usize {
    canvas.pixels().filter(|pixel| pixel.0 == [255; 3]).count()
}

#[test]
fn strokes_beyond_the_canvas_leave_it_as_it_is() {
    for far in [-1e3, 1e3, 1e30, -1e30, f32::MAX, f32::INFINITY, f32::NEG_INFINITY] {
        for place in [[far, 5.0], [5.0, far], [far, far]] {
            let mut canvas = RgbImage::new(20, 10);
            stroke(&mut canvas, place, place, 6.0, WHITE, 1.0);
            assert_eq!(canvas, RgbImage::new(20, 10), "{place:?}");
        }
    }
}

#[test]
fn a_line_that_leaves_the_canvas_is_drawn_as_far_as_it_goes() {
    let mut canvas = RgbImage::new(20, 10);
    stroke(&mut canvas, [5.0, 10.5], [5.0, 1e6], 2.0, WHITE, 1.0);
    assert_eq!(canvas.get_pixel(19, 4), &Rgb([255; 3]));
    assert_eq!(canvas.get_pixel(5, 4), &Rgb([0; 3]));
}

#[test]
fn a_dot_is_as_large_as_its_width_says() {
    for width in [8.0f32, 20.0, 40.0] {
        let mut canvas = RgbImage::new(60, 60);
        stroke(&mut canvas, [30.0; 2], [30.0; 2], width, WHITE, 1.0);
        let area: f32 = canvas.pixels().map(|pixel| f32::from(pixel.0[0]) / 255.0).sum();
        let expected = std::f32::consts::PI * width * width / 4.0;
        assert!((area / expected - 1.0).abs() < 0.02, "{area}, not {expected}");
    }
}

fn keys() -> Vec<Key> {
    ["one", "another"].map(|meaning| Key { colour: WHITE, meaning: meaning.to_string() }).into()
}

#[test]
fn a_legend_breaks_between_its_keys() {
    let mut canvas = RgbImage::new(200, 60);
    let line = legend(&mut canvas, [0, 0], 200, 2, &keys()[..1]);
    assert!(lit(&canvas) > 100);
    assert_eq!(legend(&mut canvas, [0, 0], 400, 2, &keys()), line);
    assert_eq!(legend(&mut canvas, [0, 0], 130, 2, &keys()), 2 * line);
    assert_eq!(legend(&mut canvas, [0, 0], 0, 2, &keys()), 2 * line);
    assert_eq!(legend(&mut canvas, [0, 0], 400, 2, &[]), 0);
}

#[test]
fn a_picture_of_any_width_is_explained() {
    for [width, height] in [[1, 1], [3, 50], [300, 2]] {
        let picture = RgbImage::from_pixel(width, height, Rgb([9; 3]));
        let whole = explained(&picture, 3, &keys(), "words below a picture");
        assert_eq!(whole.width(), width);
        assert!(whole.height() > height);
        assert_eq!(whole.get_pixel(width - 1, height - 1), &Rgb([9; 3]));
        assert_eq!(whole.get_pixel(0, whole.height() - 1), &DARK);
    }
}

#[test]
fn frames_are_drawn_as_far_as_the_picture_goes() {
    let drawn = |size: [u32; 2], corners: [f32; 4]| {
        let mut picture = RgbImage::new(size[0], size[1]);
        let frame = Frame { corners, colour: [200, 10, 20], words: "cat 0.87".to_string() };
        frames::draw(&mut picture, &[frame]).unwrap();
        picture
    };
    let picture = drawn([200, 150], [20.0, 60.0, 180.0, 120.0]);
    for on_it in [[20, 90], [180, 90], [100, 60], [100, 120]] {
        let near = (0..9).map(|step| [on_it[0] + step % 3 - 1, on_it[1] + step / 3 - 1]);
        assert!(near.into_iter().any(|[x, y]| picture.get_pixel(x, y) == &Rgb([200, 10, 20])), "{on_it:?}");
    }
    for off_it in [[100, 90], [10, 90], [190, 90], [100, 140]] {
        assert_eq!(picture.get_pixel(off_it[0], off_it[1]), &Rgb([0; 3]), "{off_it:?}");
    }
    assert!(
        picture.enumerate_pixels().any(|(x, y, pixel)| x < 100 && y < 58 && pixel.0.iter().all(|&value| value > 180)),
        "no words"
    );
    for corners in [[-1e30, -1e30, 1e30, 1e30], [180.0, 120.0, 20.0, 60.0], [f32::NAN; 4], [500.0; 4]] {
        drawn([200, 150], corners);
        drawn([1, 1], corners);
    }
}
