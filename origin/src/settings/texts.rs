//! Where text messages are sent by.

use super::{Reader, Secret};

/// A provider of text messages.
#[derive(Clone, Debug)]
pub struct TextSettings {
    /// Its API.
    pub url: String,
    /// Our key there.
    pub api_key: Secret,
}

impl TextSettings {
    /// Reads `DOORBUSTER_TEXTS_URL` and `_TEXTS_API_KEY`: both or none.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        if reader.optional("TEXTS_URL").is_none() && reader.optional("TEXTS_API_KEY").is_none() {
            return None;
        }
        Some(Self {
            url: reader.url("TEXTS_URL", &["http", "https"]),
            api_key: Secret(reader.required("TEXTS_API_KEY", "our key at the provider of texts")),
        })
    }
}
