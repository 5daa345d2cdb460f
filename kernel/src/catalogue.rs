//! What an item shows besides its words: attributes and pictures.
//!
//! Invariant: the name of a picture's file is made of what is in it, so that a name never comes to
//! mean another file and everybody may keep it for ever.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// Pictures of an item at most.
pub const IMAGES_MAX: usize = 8;
/// Bytes of one file of a picture at most, as it is kept and served.
pub const IMAGE_FILE_BYTES_MAX: usize = 1_024 * 1_024;
/// Where the files of pictures lie at the edge.
pub const IMAGES_PATH: &str = "/images/";

/// Bytes of a file's hash that its name tells.
const HASH_BYTES: usize = 16;

/// Something to be known about an item: `Colour`, `Black`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// What it is about.
    pub name: String,
    /// What is the case.
    pub value: String,
}

/// A picture, as one file a width.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// What is to be seen, for who does not see it.
    pub alt: String,
    /// At least one, the narrowest first; all show the same.
    pub files: Vec<ImageFile>,
}

impl Image {
    /// The widest file.
    pub fn largest(&self) -> Option<&ImageFile> {
        self.files.last()
    }
}

/// One file of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFile {
    /// Where it lies on the site: `/images/<hash>.<ending>`.
    pub path: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// What pictures are served as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageFormat {
    /// Without transparency.
    Jpeg,
    /// With transparency.
    Png,
    /// With transparency, where it is smaller.
    Webp,
}

impl ImageFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Jpeg, Self::Png, Self::Webp];

    /// How the name of such a file ends.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
        }
    }

    /// By RFC 2046, RFC 2083 and RFC 9649.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }

    /// The format whose files end so.
    pub fn of_ending(ending: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|format| format.ending() == ending)
    }
}

/// The name of a picture's file: the first half of the SHA-256 of what is in it, and its format.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageName {
    hash: String,
    ending: &'static str,
}

impl ImageName {
    /// The name of a file with this content.
    pub fn of(content: &[u8], format: ImageFormat) -> Self {
        Self {
            hash: hex::encode(&Sha256::digest(content)[..HASH_BYTES]),
            ending: format.ending(),
        }
    }

    /// A name as it stands in an address, `<hash>.<ending>`; `None` if it is none.
    pub fn parse(name: &str) -> Option<Self> {
        let (hash, ending) = name.split_once('.')?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_hash = hash.len() == 2 * HASH_BYTES && hash.bytes().all(is_digit);
        let ending = ImageFormat::of_ending(ending)?.ending();
        is_hash.then(|| Self {
            hash: hash.to_owned(),
            ending,
        })
    }

    /// The name that a path of the site tells.
    pub fn of_path(path: &str) -> Option<Self> {
        Self::parse(path.strip_prefix(IMAGES_PATH)?)
    }

    /// 32 hexadecimal digits.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What the file is.
    pub fn format(&self) -> ImageFormat {
        ImageFormat::of_ending(self.ending).unwrap_or(ImageFormat::Jpeg)
    }

    /// Where it lies on the site.
    pub fn path(&self) -> String {
        format!("{IMAGES_PATH}{self}")
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.hash, self.ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_what_is_in_the_file() {
        let name = ImageName::of(b"abc", ImageFormat::Webp);
        assert_eq!(name.to_string(), "ba7816bf8f01cfea414140de5dae2223.webp");
        assert_eq!(ImageName::of_path(&name.path()), Some(name.clone()));
        assert_ne!(ImageName::of(b"abd", ImageFormat::Webp), name);
        for format in ImageFormat::ALL {
            assert_eq!(ImageName::of(b"abc", format).format(), format);
        }
    }

    #[test]
    fn nothing_else_is_a_name() {
        let hash = "ba7816bf8f01cfea414140de5dae2223";
        for name in [
            String::new(),
            hash.to_owned(),
            format!("{hash}.svg"),
            format!("{hash}.jpg.html"),
            format!("{}.jpg", hash.to_uppercase()),
            format!("{}.jpg", &hash[1..]),
            format!("../{}.jpg", &hash[3..]),
        ] {
            assert_eq!(ImageName::parse(&name), None, "{name}");
        }
    }
}
