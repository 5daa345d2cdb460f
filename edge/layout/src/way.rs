//! Addresses of this site: where a page leads, and where it was said to lead.
//!
//! Invariant: whatever a request says about where to go on, it leads to this site.

use std::fmt::Write as _;

/// The longest address that is gone on to.
pub const NEXT_BYTES_MAX: usize = 512;

/// Where to go on: `next` if it is a path of this site, else the list of sales. Browsers read a
/// backslash as a slash and leave out tabs and line ends, so what has any of these is none.
pub fn next(next: Option<&str>) -> &str {
    next.filter(|next| is_own_path(next)).unwrap_or("/")
}

fn is_own_path(text: &str) -> bool {
    let mut bytes = text.bytes();
    let begins = bytes.next() == Some(b'/') && bytes.next() != Some(b'/');
    let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>');
    begins && text.len() <= NEXT_BYTES_MAX && text.bytes().all(fits)
}

/// A path with a query; what has no value is left out.
pub fn address(path: &str, query: &[(&str, Option<&str>)]) -> String {
    let mut address = path.to_owned();
    let mut before = '?';
    for (name, value) in query {
        let Some(value) = value else { continue };
        // Writing to a String cannot fail.
        let _ = write!(address, "{before}{name}={}", encoded(value));
        before = '&';
    }
    address
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_on_stays_on_this_site() {
        let stays = |path| assert_eq!(next(Some(path)), path);
        stays("/");
        stays("/orders/7?cursor=1&x=%2F");
        stays("/sales/console#buy");
        let leaves = |path: &str| assert_eq!(next(Some(path)), "/", "{path}");
        leaves("");
        leaves("orders");
        leaves("//evil.example");
        leaves("///evil.example");
        leaves("/\\evil.example");
        leaves("\\\\evil.example");
        leaves("/\t/evil.example");
        leaves("\t//evil.example");
        leaves("/orders\r\nset-cookie: a=b");
        leaves(" /orders");
        leaves("https://evil.example/");
        leaves("javascript:alert(1)");
        leaves("/caf\u{e9}");
        leaves(&format!("/{}", "a".repeat(NEXT_BYTES_MAX)));
        assert_eq!(next(None), "/");
    }

    #[test]
    fn a_query_says_what_was_meant() {
        let query = [("next", Some("/a?b=c&d")), ("none", None), ("e", Some(""))];
        assert_eq!(address("/x", &query), "/x?next=%2Fa%3Fb%3Dc%26d&e=");
        assert_eq!(address("/x", &[]), "/x");
    }
}
