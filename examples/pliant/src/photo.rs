//! Reading the photo.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::codecs::png::PngDecoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, RgbImage};

use crate::Failure;

/// See examples/data/README.md.
const CHELSEA: &[u8] = include_bytes!("../../data/chelsea.png");

/// The photo that comes with the project.
pub(crate) fn shipped() -> image::ImageResult<RgbImage> {
    Ok(DynamicImage::from_decoder(PngDecoder::new(std::io::Cursor::new(CHELSEA))?)?.into_rgb8())
}

/// A photo from a file, PNG or JPEG, turned as its camera says.
pub(crate) fn read(file: &Path) -> Result<RgbImage, Failure> {
    let read = || -> image::ImageResult<DynamicImage> {
        let mut decoder = ImageReader::new(BufReader::new(File::open(file)?)).with_guessed_format()?.into_decoder()?;
        let orientation = decoder.orientation()?;
        let mut photo = DynamicImage::from_decoder(decoder)?;
        photo.apply_orientation(orientation);
        Ok(photo)
    };
    let photo = read().map_err(|error| match error {
        ImageError::IoError(error) => format!("cannot read the image {}: {error}", file.display()),
        error => format!("{} is no picture that can be read: {error}; PNG or JPEG is needed", file.display()),
    })?;
    Ok(photo.into_rgb8())
}

/// The photo shrunk so that no side is longer than `longest`, or as it is.
pub(crate) fn shrink(photo: RgbImage, longest: u32) -> RgbImage {
    let (width, height) = photo.dimensions();
    if width.max(height) <= longest {
        return photo;
    }
    DynamicImage::from(photo).resize(longest, longest, FilterType::Triangle).into_rgb8()
}
