//! A rendered page with what it takes to send it.
//!
//! Invariant: equal text has an equal hash, whoever renders it.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;

/// A page as it goes out.
#[derive(Debug)]
pub struct Page {
    /// What it is.
    pub media_type: &'static str,
    /// The text.
    pub plain: Bytes,
    /// The same, compressed.
    pub gzip: Option<Bytes>,
    /// A hash of the text, without quotes.
    pub hash: String,
}

impl Page {
    /// The page with this HTML.
    pub fn html(html: String) -> Self {
        Self::new("text/html; charset=utf-8", html)
    }

    /// The page with this text.
    pub fn new(media_type: &'static str, text: String) -> Self {
        let hash = hex::encode(&Sha256::digest(&text)[..12]);
        Self {
            media_type,
            gzip: gzip(text.as_bytes()).map(Bytes::from),
            plain: text.into(),
            hash,
        }
    }

    /// How much memory it takes.
    pub fn bytes(&self) -> usize {
        let gzip = self.gzip.as_ref().map_or(0, Bytes::len);
        self.plain.len() + gzip + self.hash.len()
    }
}

fn gzip(content: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).ok()?;
    encoder.finish().ok()
}
