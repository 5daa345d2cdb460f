//! Which file stands for an address.
//!
//! Invariant: whatever a site says, a file lies in the folder, and no two addresses share one.

use anyhow::{bail, ensure};

/// The longest address.
const BYTES_MAX: usize = 256;

/// The file for the path of an address: a page is named with its ending, so that a CDN serves it
/// under its address as it is, without leading on to one with a slash.
pub(super) fn file(path: &str, is_page: bool) -> anyhow::Result<String> {
    let Some(below) = path.strip_prefix('/').filter(|_| path.len() <= BYTES_MAX) else {
        bail!("{path:?} is no path");
    };
    if below.is_empty() {
        return Ok("index.html".to_owned());
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    for part in below.split('/') {
        let is_name = !part.is_empty() && !part.starts_with('.') && part.bytes().all(fits);
        ensure!(is_name, "{path:?} cannot be the name of a file");
    }
    Ok(if is_page {
        format!("{below}.html")
    } else {
        below.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::file;

    #[test]
    fn an_address_has_a_file() {
        let check = |path, is_page, expected: &str| {
            assert_eq!(file(path, is_page).unwrap(), expected);
        };
        check("/", true, "index.html");
        check("/sales", true, "sales.html");
        check("/sales/aurora/draw", true, "sales/aurora/draw.html");
        check("/robots.txt", false, "robots.txt");
        check("/assets/0a/css/base.css", false, "assets/0a/css/base.css");
    }

    #[test]
    fn no_address_leads_out_of_the_folder() {
        for path in [
            "",
            "sales",
            "//etc",
            "/../etc",
            "/a/../b",
            "/a//b",
            "/a/",
            "/.git",
            "/a b",
            "/a%2e",
            "/a\\b",
            "/a\n",
            "/a?b",
            "/a$b",
            "/ü",
            "https://shop.test/",
        ] {
            assert!(file(path, true).is_err(), "{path}");
        }
        assert!(file(&format!("/{}", "a".repeat(256)), true).is_err());
    }
}
