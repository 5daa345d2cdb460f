//! Settings of the catalogue.

use super::Reader;

/// How pictures are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogueSettings {
    /// Of pictures without transparency.
    pub jpeg_quality: u8,
}

impl CatalogueSettings {
    /// Reads `DOORBUSTER_JPEG_QUALITY`.
    pub fn read(reader: &mut Reader) -> Self {
        let quality = reader.number("JPEG_QUALITY", 82, 40..=95);
        Self {
            jpeg_quality: u8::try_from(quality).unwrap_or(82),
        }
    }
}
