//! A picture as the templates read it.

use kernel::catalogue::Image;
use kernel::wire::Item;
use serde::Serialize;

/// What an `<img>` says.
#[derive(Serialize)]
pub struct PictureView {
    src: String,
    srcset: String,
    width: u32,
    height: u32,
    alt: String,
}

impl PictureView {
    /// `None` if the picture has no file.
    fn new(image: &Image) -> Option<Self> {
        let largest = image.largest()?;
        let files = image.files.iter();
        let candidates: Vec<_> = files
            .map(|file| format!("{} {}w", file.path, file.width))
            .collect();
        Some(Self {
            src: largest.path.clone(),
            srcset: candidates.join(", "),
            width: largest.width,
            height: largest.height,
            alt: image.alt.clone(),
        })
    }
}

/// All pictures of the item, in order.
pub fn pictures(item: &Item) -> Vec<PictureView> {
    item.images.iter().filter_map(PictureView::new).collect()
}

/// Where the picture lies that stands for the item: its own first one, or one elsewhere.
pub fn picture(item: &Item) -> Option<&str> {
    let own = item.images.iter().find_map(Image::largest);
    own.map(|file| file.path.as_str()).or(elsewhere(item))
}

/// The address of a picture elsewhere, if the item has one that can be shown.
pub fn elsewhere(item: &Item) -> Option<&str> {
    item.image_url.as_deref().filter(|url| is_picture(url))
}

/// Whether an address can only be a picture's: no script, no other scheme.
fn is_picture(url: &str) -> bool {
    let own = url.starts_with('/') && !url.starts_with("//");
    own || url.starts_with("https://") || url.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_picture_is_a_web_address() {
        for (url, expected) in [
            ("https://shop.example/a.jpg", true),
            ("/assets/a.svg", true),
            ("//elsewhere.example/a.svg", false),
            ("javascript:alert(1)", false),
        ] {
            assert_eq!(is_picture(url), expected, "{url}");
        }
    }
}
