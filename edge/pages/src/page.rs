//! A rendered page with what it takes to send it.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;

/// A page as it goes out.
#[derive(Debug)]
pub struct Page {
    /// The HTML.
    pub plain: Bytes,
    /// The same, compressed.
    pub gzip: Option<Bytes>,
    /// A hash of the HTML, without quotes.
    pub hash: String,
}

impl Page {
    /// The page with this HTML.
    pub fn new(html: String) -> Self {
        let hash = hex::encode(&Sha256::digest(&html)[..12]);
        Self {
            gzip: gzip(html.as_bytes()).map(Bytes::from),
            plain: html.into(),
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
