//! From an upload to the files that are served.
//!
//! Invariant: whatever the bytes are, this neither panics nor takes more memory than
//! [`MEMORY_BYTES_MAX`]: how large a picture is, is known and bounded before a pixel is decoded.

use super::ImageError;
use crate::ledger::NewImageFile;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Limits,
};
use kernel::catalogue::{self, IMAGE_FILE_BYTES_MAX, ImageFile, ImageName};
use std::io::Cursor;

/// The largest upload.
pub const UPLOAD_BYTES_MAX: usize = 512 * 1_024;
/// The most pixels of an upload.
pub const PIXELS_MAX: u64 = 24_000_000;
/// The longest side of an upload.
const SIDE_MAX: u32 = 16_384;
/// The longest side of what is then made smaller well.
const SCALED_SIDE_MAX: u32 = 4_096;
/// The largest picture as it is decoded; 24 million pixels of 8 bits a channel fit.
const DECODED_BYTES_MAX: u64 = 96_000_000;
/// What a decoder may take besides.
const DECODER_BYTES_MAX: u64 = 192 * 1_024 * 1_024;
/// What drawing one picture takes at most: what is decoded, what the decoder needs, a copy, and what
/// making it smaller needs.
pub const MEMORY_BYTES_MAX: u64 = 640 * 1_024 * 1_024;
/// The widths in pixels; a picture is never made larger than it came.
pub const WIDTHS: [u32; 3] = [320, 640, 1_280];

/// One file of a picture.
#[derive(Clone, Debug)]
pub struct Picture {
    name: ImageName,
    width: u32,
    height: u32,
    bytes: Vec<u8>,
}

impl Picture {
    /// As an item names it.
    pub fn file(&self) -> ImageFile {
        ImageFile {
            path: self.name.path(),
            width: self.width,
            height: self.height,
        }
    }

    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn into_new_file(self) -> NewImageFile {
        NewImageFile {
            name: self.name,
            width: self.width,
            height: self.height,
            bytes: self.bytes,
        }
    }
}

/// The picture of this file in all its widths, the narrowest first. Without transparency they are
/// JPEG of this quality, else PNG or lossless WebP, whichever is smaller.
pub fn prepare(file: &[u8], jpeg_quality: u8) -> Result<Vec<Picture>, ImageError> {
    let upright = decode(file)?;
    let mut pictures = Vec::new();
    for width in widths(upright.width()) {
        let drawn = scaled(&upright, width);
        let (name, bytes) = encode(&drawn, jpeg_quality)?;
        if bytes.len() <= IMAGE_FILE_BYTES_MAX {
            pictures.push(Picture {
                name,
                width: drawn.width(),
                height: drawn.height(),
                bytes,
            });
        }
    }
    if pictures.is_empty() {
        return Err(ImageError::TooDetailed);
    }
    Ok(pictures)
}

/// The pixels, upright, 8 bits a channel; with an alpha channel only if anything shines through.
fn decode(file: &[u8]) -> Result<DynamicImage, ImageError> {
    if file.len() > UPLOAD_BYTES_MAX {
        return Err(ImageError::TooLarge(file.len()));
    }
    let format = format_of(file).ok_or(ImageError::Unknown)?;
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODER_BYTES_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| refused(&error))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(ImageError::TooManyPixels(width, height));
    }
    if decoder.total_bytes() > DECODED_BYTES_MAX {
        return Err(ImageError::TooMuchMemory);
    }
    // Which side is up is told by what is about to be thrown away.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(|error| refused(&error))?;
    let image = bounded(image);
    let mut image = if shines_through(&image) {
        DynamicImage::from(image.into_rgba8())
    } else {
        DynamicImage::from(image.into_rgb8())
    };
    image.apply_orientation(orientation);
    Ok(image)
}

/// What the first bytes say.
fn format_of(file: &[u8]) -> Option<ImageFormat> {
    if file.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(ImageFormat::Png)
    } else if file.starts_with(&[0xff, 0xd8, 0xff]) {
        Some(ImageFormat::Jpeg)
    } else if file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP") {
        Some(ImageFormat::WebP)
    } else {
        None
    }
}

fn refused(error: &image::ImageError) -> ImageError {
    match error {
        image::ImageError::Limits(_) => ImageError::TooMuchMemory,
        other => ImageError::Damaged(other.to_string()),
    }
}

/// With sides of at most [`SCALED_SIDE_MAX`]: a quick way down, after which the good one is cheap.
fn bounded(image: DynamicImage) -> DynamicImage {
    if image.width().max(image.height()) <= SCALED_SIDE_MAX {
        return image;
    }
    image.thumbnail(SCALED_SIDE_MAX, SCALED_SIDE_MAX)
}

fn shines_through(image: &DynamicImage) -> bool {
    if !image.color().has_alpha() {
        return false;
    }
    match image {
        DynamicImage::ImageRgba8(image) => image.pixels().any(|pixel| pixel[3] != u8::MAX),
        DynamicImage::ImageLumaA8(image) => image.pixels().any(|pixel| pixel[1] != u8::MAX),
        DynamicImage::ImageRgba16(image) => image.pixels().any(|pixel| pixel[3] != u16::MAX),
        DynamicImage::ImageLumaA16(image) => image.pixels().any(|pixel| pixel[1] != u16::MAX),
        _ => true,
    }
}

/// The widths of a picture that came in this one.
fn widths(own: u32) -> Vec<u32> {
    let largest = WIDTHS[WIDTHS.len() - 1];
    let mut widths = WIDTHS.to_vec();
    widths.retain(|width| *width < own);
    if own <= largest {
        widths.push(own);
    }
    widths
}

fn scaled(image: &DynamicImage, width: u32) -> DynamicImage {
    if width == image.width() {
        return image.clone();
    }
    let height = u64::from(image.height()) * u64::from(width) / u64::from(image.width().max(1));
    let height = u32::try_from(height).unwrap_or(u32::MAX).max(1);
    image.resize_exact(width, height, FilterType::Lanczos3)
}

fn encode(image: &DynamicImage, jpeg_quality: u8) -> Result<(ImageName, Vec<u8>), ImageError> {
    let failed = |error: image::ImageError| ImageError::Damaged(error.to_string());
    let (width, height) = (image.width(), image.height());
    let named = |bytes: Vec<u8>, format| (ImageName::of(&bytes, format), bytes);
    let DynamicImage::ImageRgba8(pixels) = image else {
        let mut jpeg = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut jpeg, jpeg_quality);
        image.write_with_encoder(encoder).map_err(failed)?;
        return Ok(named(jpeg, catalogue::ImageFormat::Jpeg));
    };
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Best, PngFilter::Adaptive)
        .write_image(pixels, width, height, ExtendedColorType::Rgba8)
        .map_err(failed)?;
    let mut webp = Vec::new();
    WebPEncoder::new_lossless(&mut webp)
        .write_image(pixels, width, height, ExtendedColorType::Rgba8)
        .map_err(failed)?;
    Ok(if webp.len() < png.len() {
        named(webp, catalogue::ImageFormat::Webp)
    } else {
        named(png, catalogue::ImageFormat::Png)
    })
}

#[cfg(test)]
mod tests;
