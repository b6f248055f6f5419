//! Reading the photo.

use std::io::Cursor;
use std::path::Path;

use image::codecs::png::PngDecoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};

use crate::Failure;

/// See examples/data/README.md.
const CHELSEA: &[u8] = include_bytes!("../../data/chelsea.png");

/// The photo that comes with the project.
pub(crate) fn shipped() -> image::ImageResult<RgbImage> {
    Ok(DynamicImage::from_decoder(PngDecoder::new(Cursor::new(CHELSEA))?)?.into_rgb8())
}

/// A photo from a file, PNG or JPEG, turned as its camera says.
pub(crate) fn read(file: &Path) -> Result<RgbImage, Failure> {
    let read = || -> image::ImageResult<DynamicImage> {
        let bytes = std::fs::read(file)?;
        let reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format()?;
        // Its decoder fills up what is missing.
        if reader.format() == Some(ImageFormat::Jpeg) && is_cut_off(&bytes) {
            return Err(std::io::Error::other("the file has no end of image; it may be cut off").into());
        }
        let mut decoder = reader.into_decoder()?;
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

/// Whether a JPEG file has no end of image behind the first scan of its picture. Pictures within its segments have ends of their own.
fn is_cut_off(bytes: &[u8]) -> bool {
    const SCAN: u8 = 0xda;
    const END: u8 = 0xd9;
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let [0xff, marker, more @ ..] = rest {
        rest = match more {
            _ if *marker == SCAN => return !more.windows(2).any(|pair| pair == [0xff, END]),
            // Bytes that fill up.
            _ if *marker == 0xff => &rest[1..],
            [high, low, ..] => more.get(usize::from(u16::from_be_bytes([*high, *low]))..).unwrap_or_default(),
            _ => return true,
        };
    }
    // What is no marker the decoder judges.
    matches!(rest, [] | [0xff])
}

/// The photo shrunk so that no side is longer than `longest`, or as it is.
pub(crate) fn shrink(photo: RgbImage, longest: u32) -> RgbImage {
    let (width, height) = photo.dimensions();
    if width.max(height) <= longest {
        return photo;
    }
    DynamicImage::from(photo).resize(longest, longest, FilterType::Triangle).into_rgb8()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_off_pictures_are_recognised() {
        let mut whole = Cursor::new(Vec::new());
        let photo = RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]));
        photo.write_to(&mut whole, ImageFormat::Jpeg).unwrap();
        let whole = whole.into_inner();
        assert!(!is_cut_off(&whole));
        // Behind a segment that has an end of its own, and a byte that fills up.
        let longer = [&whole[..2], &[0xff, 0xff, 0xe1, 0, 4, 0xff, 0xd9], &whole[2..]].concat();
        assert!(!is_cut_off(&longer));
        for length in [2, 3, 20, longer.len() / 2, longer.len() - 2] {
            assert!(is_cut_off(&longer[..length]), "{length} bytes");
        }
    }
}
