//! Uploads as they come, and as they are made to do harm.

use super::*;
use image::{Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;

const QUALITY: u8 = 82;

fn photo(width: u32, height: u32) -> DynamicImage {
    let draw = |x: u32, y: u32| {
        let part = |n: u32, of: u32| u8::try_from(n * 255 / of.max(1)).unwrap_or(u8::MAX);
        Rgb([part(x, width), part(y, height), 90])
    };
    RgbImage::from_fn(width, height, draw).into()
}

fn written(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn sizes(pictures: &[Picture]) -> Vec<(u32, u32)> {
    pictures
        .iter()
        .map(|picture| (picture.width, picture.height))
        .collect()
}

#[test]
fn a_picture_gets_narrower_and_never_wider() {
    let check = |width, height, expected: &[(u32, u32)]| {
        let file = written(&photo(width, height), ImageFormat::Jpeg);
        let pictures = prepare(&file, QUALITY).unwrap();
        assert_eq!(sizes(&pictures), expected, "{width} x {height}");
    };
    check(100, 50, &[(100, 50)]);
    check(320, 320, &[(320, 320)]);
    check(400, 300, &[(320, 240), (400, 300)]);
    check(1_400, 700, &[(320, 160), (640, 320), (1_280, 640)]);
    check(5_000, 2, &[(320, 1), (640, 1), (1_280, 1)]);
    check(1, 1, &[(1, 1)]);
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').unwrap().1
}

#[test]
fn every_kind_is_drawn_anew_and_told_by_its_first_bytes() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let pictures = prepare(&written(&photo(40, 30), format), QUALITY).unwrap();
        let file = pictures[0].file();
        assert_eq!(extension(&file.path), "jpg", "{format:?}: {file:?}");
        assert_eq!(format_of(pictures[0].bytes()), Some(ImageFormat::Jpeg));
    }
    let gif = b"GIF89a\x01\x00\x01\x00";
    assert!(matches!(prepare(gif, QUALITY), Err(ImageError::Unknown)));
    assert!(matches!(prepare(b"", QUALITY), Err(ImageError::Unknown)));
    let large = vec![0; UPLOAD_BYTES_MAX + 1];
    assert!(matches!(
        prepare(&large, QUALITY),
        Err(ImageError::TooLarge(_))
    ));
}

#[test]
fn transparency_stays_where_something_shines_through() {
    let mut clear = RgbaImage::from_pixel(64, 64, Rgba([200, 30, 30, 255]));
    let check = |image: &RgbaImage, jpeg: bool| {
        let file = written(&image.clone().into(), ImageFormat::Png);
        let path = prepare(&file, QUALITY).unwrap()[0].file().path;
        assert_eq!(extension(&path) == "jpg", jpeg, "{path}");
    };
    check(&clear, true);
    clear.put_pixel(5, 5, Rgba([0, 0, 0, 0]));
    check(&clear, false);
}

/// The JPEG with an EXIF segment that names this orientation, and a place.
fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif.extend_from_slice(b"SECRET PLACE");
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &exif, &jpeg[2..]].concat()
}

#[test]
fn the_camera_is_turned_upright_and_forgotten() {
    let jpeg = written(&photo(60, 20), ImageFormat::Jpeg);
    let check = |orientation, expected| {
        let file = with_exif(&jpeg, orientation);
        let pictures = prepare(&file, QUALITY).unwrap();
        assert_eq!(sizes(&pictures), [expected], "{orientation}");
        let bytes = pictures[0].bytes();
        let tells = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
        assert!(!tells(b"SECRET") && !tells(b"Exif"));
    };
    check(1, (60, 20));
    check(6, (20, 60));
    check(8, (20, 60));
}

/// A PNG that says to be of this size and has nothing in it.
fn hollow_png(width: u32, height: u32) -> Vec<u8> {
    let mut png = written(&photo(1, 1), ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = !png[12..29].iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1))
        })
    });
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    png
}

#[test]
fn how_large_a_picture_is_is_known_before_it_is_decoded() {
    let refused = |width, height| prepare(&hollow_png(width, height), QUALITY).unwrap_err();
    assert!(matches!(
        refused(6_000, 4_001),
        ImageError::TooManyPixels(6_000, 4_001)
    ));
    assert!(matches!(
        refused(16_384, 1_465),
        ImageError::TooManyPixels(..)
    ));
    assert!(matches!(refused(20_000, 1), ImageError::TooMuchMemory));
    assert!(matches!(
        refused(u32::MAX >> 1, u32::MAX >> 1),
        ImageError::TooMuchMemory
    ));
    // Of a size that is taken, and then nothing comes.
    assert!(matches!(refused(600, 400), ImageError::Damaged(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_bytes_behind_a_header_are_refused_or_drawn(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let headers: [&[u8]; 4] = [
            b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
            b"\xff\xd8\xff\xe0\0\x10JFIF\0",
            b"RIFF\xff\xff\0\0WEBPVP8L",
            b"RIFF\xff\xff\0\0WEBPVP8X",
        ];
        for header in headers {
            drop(prepare(&[header, &bytes].concat(), QUALITY));
        }
        // Real pictures with some bytes changed get further.
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let mut file = written(&photo(24, 16), format);
            for (place, byte) in &places {
                let at = place.index(file.len());
                file[at] = *byte;
            }
            drop(prepare(&file, QUALITY));
        }
    }
}
