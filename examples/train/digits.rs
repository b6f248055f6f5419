//! Handwritten digits, and the ways in which they are turned, scaled and shifted.

use std::io::Read;

use fastrand::Rng;

/// Rows and columns of an image as it was scanned.
const SCANNED: usize = 8;
/// Rows and columns of an image as it is learned.
pub(crate) const SIDE: u32 = 20;
pub(crate) const CLASSES: u32 = 10;

/// A digit as it was scanned.
#[derive(Clone)]
pub(crate) struct Digit {
    /// Ink from 0 to 1.
    pixels: [[f32; SCANNED]; SCANNED],
    pub(crate) label: u32,
}

/// The digits, cut in the order of the file.
pub(crate) struct Digits {
    /// Training set: 1024.
    pub(crate) training: Vec<Digit>,
    /// Validation set, by which the settings were chosen: 256.
    pub(crate) validation: Vec<Digit>,
    /// Test set, which is only evaluated in the end: 512.
    pub(crate) test: Vec<Digit>,
}

impl Digits {
    pub(crate) fn read() -> Result<Self, crate::Failure> {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&include_bytes!("../data/digits.csv.gz")[..]).read_to_string(&mut text)?;
        let digits: Vec<_> = text.lines().map(Digit::parse).collect::<Option<_>>().ok_or("a line is no digit")?;
        let part = |range| digits.get(range).map(<[Digit]>::to_vec).ok_or("there are too few digits");
        Ok(Self { training: part(0..1024)?, validation: part(1024..1280)?, test: part(1280..1792)? })
    }
}

impl Digit {
    /// 64 numbers from 0 to 16, and the label.
    fn parse(line: &str) -> Option<Self> {
        let numbers: Vec<u32> = line.split(',').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        let (&label, pixels) = numbers.split_last()?;
        let pixels: [u32; SCANNED * SCANNED] = pixels.try_into().ok()?;
        let pixel = |y, x| pixels[y * SCANNED + x] as f32 / 16.0;
        (label < CLASSES).then(|| Self { pixels: std::array::from_fn(|y| std::array::from_fn(|x| pixel(y, x))), label })
    }

    /// The ink at a position, interpolated between the centres of pixels, which are whole numbers; none outside.
    fn sample(&self, y: f32, x: f32) -> f32 {
        let [low_y, low_x] = [y.floor(), x.floor()];
        let ink = |dy: f32, dx: f32| {
            let inside = |position: f32| (0.0..SCANNED as f32).contains(&position).then_some(position as usize);
            let weight = (1.0 - (y - low_y - dy).abs()) * (1.0 - (x - low_x - dx).abs());
            inside(low_y + dy).zip(inside(low_x + dx)).map_or(0.0, |(y, x)| weight * self.pixels[y][x])
        };
        ink(0.0, 0.0) + ink(0.0, 1.0) + ink(1.0, 0.0) + ink(1.0, 1.0)
    }

    /// The digit on a canvas of `SIDE` x `SIDE` pixels.
    pub(crate) fn draw(&self, view: &View) -> impl Iterator<Item = f32> {
        let View { angle, scale, shift } = *view;
        let (sin, cos) = angle.sin_cos();
        // Pixels of the scan for each of the canvas; at scale 1 the digit is 10 pixels high.
        let step = SCANNED as f32 / (10.0 * scale);
        let middle = (SIDE - 1) as f32 / 2.0;
        (0..SIDE * SIDE).map(move |pixel| {
            let y = (pixel / SIDE) as f32 - middle - shift[0];
            let x = (pixel % SIDE) as f32 - middle - shift[1];
            let centre = (SCANNED - 1) as f32 / 2.0;
            self.sample(centre + step * (cos * y - sin * x), centre + step * (cos * x + sin * y))
        })
    }
}

/// How a digit lies on its canvas.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// In radians.
    pub(crate) angle: f32,
    pub(crate) scale: f32,
    /// In pixels of the canvas.
    pub(crate) shift: [f32; 2],
}

impl View {
    /// Turned by up to 60 degrees either way, scaled by 0.7 to 1.4, shifted by up to 2 pixels along each axis.
    pub(crate) fn drawn(rng: &mut Rng) -> Self {
        let mut between = |low: f32, high: f32| low + (high - low) * rng.f32();
        Self {
            angle: between(-60.0, 60.0).to_radians(),
            scale: between(0.7f32.ln(), 1.4f32.ln()).exp(),
            shift: [between(-2.0, 2.0), between(-2.0, 2.0)],
        }
    }
}

/// Images (count, 1, SIDE, SIDE) and labels, for the device.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) images: Vec<f32>,
    pub(crate) labels: Vec<f32>,
}

impl Batch {
    pub(crate) fn push(&mut self, digit: &Digit, view: &View) {
        self.images.extend(digit.draw(view));
        self.labels.push(digit.label as f32);
    }

    /// The digits in this order, each in a view of its own.
    pub(crate) fn drawn<'a>(digits: impl Iterator<Item = &'a Digit>, rng: &mut Rng) -> Self {
        let mut batch = Self::default();
        digits.for_each(|digit| batch.push(digit, &View::drawn(rng)));
        batch
    }
}
