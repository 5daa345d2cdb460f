//! Which encoding of a body a client takes (RFC 9110, section 12.5.3).

use spin_sdk::http::HeaderMap;

/// An encoding we can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// Brotli.
    Brotli,
    /// Gzip.
    Gzip,
}

impl Encoding {
    /// The word of the header `content-encoding`.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
        }
    }
}

/// The best of `offered` (the smallest body first) that the request's `accept-encoding` takes. A
/// client that wants nothing of what we have, not even plain bytes, gets those.
pub fn choose(request: &HeaderMap, offered: &[Encoding]) -> Encoding {
    let values = request.get_all("accept-encoding").iter();
    let text: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    let text = text.join(",");
    let taken = |encoding: &&Encoding| {
        let word = encoding.word();
        word.is_some_and(|word| quality(&text, word) > 0.0)
    };
    offered
        .iter()
        .find(taken)
        .copied()
        .unwrap_or(Encoding::Plain)
}

fn quality(accepted: &str, word: &str) -> f32 {
    let mut any = 0.0;
    for part in accepted.split(',') {
        let (name, parameters) = part.split_once(';').unwrap_or((part, ""));
        let weight = parameters.trim().strip_prefix("q=").map(str::trim);
        let weight = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
        let name = name.trim();
        if name.eq_ignore_ascii_case(word) {
            return weight;
        }
        if name == "*" {
            any = weight;
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;
    use spin_sdk::http::HeaderValue;

    #[test]
    fn the_client_chooses_among_what_there_is() {
        let check = |accepted: Option<&'static str>, expected| {
            let mut headers = HeaderMap::new();
            if let Some(accepted) = accepted {
                headers.insert("accept-encoding", HeaderValue::from_static(accepted));
            }
            let chosen = choose(&headers, &[Encoding::Brotli, Encoding::Gzip]);
            assert_eq!(chosen, expected, "{accepted:?}");
        };
        check(None, Encoding::Plain);
        check(Some(""), Encoding::Plain);
        check(Some("gzip, deflate, br, zstd"), Encoding::Brotli);
        check(Some("gzip, deflate"), Encoding::Gzip);
        check(Some("GZIP"), Encoding::Gzip);
        check(Some("br;q=0, gzip;q=0.5"), Encoding::Gzip);
        check(Some("br; q=0.1"), Encoding::Brotli);
        check(Some("*"), Encoding::Brotli);
        check(Some("*, br;q=0"), Encoding::Gzip);
        check(Some("identity"), Encoding::Plain);
        check(Some("brotli"), Encoding::Plain);
    }
}
