//! What the component's variables say of the site that browsers must know with every page.

use spin_sdk::http::{HeaderName, HeaderValue};
use spin_sdk::variables;
use std::sync::OnceLock;

/// The site, as far as the headers of a page go by it.
#[derive(Debug)]
pub struct Site {
    /// Origins of checkout pages, besides our own, to which a form may lead, parted by spaces:
    /// variable `checkout_origins`. A deployment that does not set it has none.
    pub checkout_origins: String,
    /// Whether browsers reach it by HTTPS: variable `site_url`.
    pub https: bool,
    /// Stripe's publishable key, where Stripe takes the payments: variable `stripe_publishable_key`.
    pub stripe_key: Option<String>,
    /// What [`crate::headers::secure`] makes of it, once.
    pub(crate) headers: OnceLock<Vec<(HeaderName, HeaderValue)>>,
}

impl Site {
    /// The site of this instance.
    pub async fn get() -> &'static Self {
        static SITE: OnceLock<Site> = OnceLock::new();
        if let Some(site) = SITE.get() {
            return site;
        }
        let read = async |name| variables::get(name).await.unwrap_or_default();
        let (origins, url) = (read("checkout_origins").await, read("site_url").await);
        let stripe_key = publishable(read("stripe_publishable_key").await);
        SITE.get_or_init(|| Self {
            stripe_key,
            ..Self::new(&origins, &url)
        })
    }

    pub(crate) fn new(checkout_origins: &str, url: &str) -> Self {
        Self {
            checkout_origins: origins(checkout_origins),
            https: url.to_ascii_lowercase().starts_with("https://"),
            stripe_key: None,
            headers: OnceLock::new(),
        }
    }
}

/// A key that may be shown to browsers; a secret one in its place is not.
fn publishable(key: String) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let fits = key.starts_with("pk_") && key.bytes().all(plain);
    if !fits && !key.is_empty() {
        eprintln!("stripe_publishable_key does not begin with pk_ and is not used");
    }
    fits.then_some(key)
}

/// What is no origin is left out: it could otherwise end the directive and begin another.
fn origins(text: &str) -> String {
    let fits = |origin: &&str| {
        let web = origin.starts_with("https://") || origin.starts_with("http://");
        web && !origin.contains([';', ','])
    };
    text.split_whitespace()
        .filter(fits)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_publishable_key_is_shown() {
        let check = |key: &str, expected: Option<&str>| {
            assert_eq!(publishable(key.to_owned()).as_deref(), expected, "{key}");
        };
        check("pk_test_51Abc", Some("pk_test_51Abc"));
        check("sk_test_51Abc", None);
        check("pk_test\"><script>", None);
        check("", None);
    }

    #[test]
    fn only_origins_reach_the_policy() {
        let check = |text, expected| assert_eq!(origins(text), expected, "{text}");
        check("", "");
        check(
            "https://pay.example  http://127.0.0.1:9",
            "https://pay.example http://127.0.0.1:9",
        );
        check("https://pay.example;script-src *", "");
    }
}
