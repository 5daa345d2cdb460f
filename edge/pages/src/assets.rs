//! The files that pages load, embedded at build time in every encoding.

use crate::encoding::{Encoding, choose};
use crate::send::FOREVER;
use kit::answer::{self, Answer};
use spin_sdk::http::{HeaderMap, StatusCode};

/// One file.
#[derive(Debug)]
pub struct Asset {
    /// Its name in the set, e.g. `js/sale.js`.
    pub path: &'static str,
    media_type: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

mod embedded {
    use super::Asset;
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

use embedded::ASSETS;
use layout::assets::SET;

/// A page that is older than this set names another: its browser gets the file as it is now, and
/// nobody keeps it under that name.
const NEVER: &str = "no-store";
const A_DAY: &str = "public, max-age=86400";

/// The file with this name in the set.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// How long a file may be kept that was asked for under the hash `set`.
pub fn life(set: &str) -> &'static str {
    if set == SET { FOREVER } else { NEVER }
}

impl Asset {
    /// The file under a name that says nothing of its content.
    pub fn under_plain_name(&self, request: &HeaderMap) -> Answer {
        self.answer(request, A_DAY)
    }

    /// The file in the smallest encoding that the client takes.
    pub fn answer(&self, request: &HeaderMap, cache_control: &str) -> Answer {
        let offered: Vec<_> = [
            self.brotli.map(|_| Encoding::Brotli),
            self.gzip.map(|_| Encoding::Gzip),
        ]
        .into_iter()
        .flatten()
        .collect();
        let encoding = choose(request, &offered);
        let body = match encoding {
            Encoding::Plain => self.plain,
            Encoding::Brotli => self.brotli.unwrap_or(self.plain),
            Encoding::Gzip => self.gzip.unwrap_or(self.plain),
        };
        let mut whole = answer::bytes(StatusCode::OK, self.media_type, body);
        if let Some(word) = encoding.word() {
            whole = answer::with_header(whole, "content-encoding", word);
        }
        let variant = encoding.word().unwrap_or("plain");
        let etag = format!("\"{SET}-{variant}\"");
        let answer = answer::cached(request, &etag, cache_control, whole);
        answer::with_header(answer, "vary", "accept-encoding")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spin_sdk::http::HeaderValue;

    #[test]
    fn a_file_goes_out_in_the_smallest_encoding() {
        let asset = find("js/sale.js").unwrap();
        let mut request = HeaderMap::new();
        let plain = asset.answer(&request, life(SET));
        assert_eq!(plain.headers()["cache-control"], FOREVER);
        assert_eq!(plain.headers()["vary"], "accept-encoding");
        assert!(plain.headers().get("content-encoding").is_none());

        let accepted = HeaderValue::from_static("gzip, br");
        request.insert("accept-encoding", accepted);
        let packed = asset.answer(&request, life("000000000000"));
        assert_eq!(packed.headers()["cache-control"], NEVER);
        assert_eq!(packed.headers()["content-encoding"], "br");
        assert_ne!(packed.headers()["etag"], plain.headers()["etag"]);
    }

    #[test]
    fn every_name_in_a_page_has_its_file() {
        let names: Vec<_> = ASSETS.iter().map(|asset| asset.path).collect();
        assert_eq!(names, layout::assets::NAMES);
    }

    #[test]
    fn what_pages_run_of_the_kernel_is_among_them() {
        let asset = find("js/kernel.wasm").unwrap();
        assert!(asset.plain.starts_with(b"\0asm"));
        let answer = asset.answer(&HeaderMap::new(), life(SET));
        assert_eq!(answer.headers()["content-type"], "application/wasm");
    }
}
