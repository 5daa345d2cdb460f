//! The component's variables, read once an instance.
//!
//! Invariant: a component with a wrong setting serves nothing but 503, and its log names every
//! variable that is wrong, never a value.

use ipnet::IpNet;
use kernel::client_address::parse_proxies;
use kernel::keys::PopKeys;
use kernel::problem::{Problem, ProblemKind};
use spin_sdk::http::Uri;
use spin_sdk::variables;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// What every component needs.
#[derive(Debug)]
pub struct Edge {
    /// The PoP's keys, and with them its id: variables `pop_id` and `pop_secret`.
    pub keys: PopKeys,
    /// Where the origin's edge listener is, without a slash at the end: variable `origin_url`.
    pub origin_url: String,
    /// Where other PoPs reach this one; empty if there are none: variable `pop_url`.
    pub pop_url: String,
    /// The site as browsers name it in `Origin`, e.g. `https://shop.example`: variable `site_url`.
    pub site: String,
    /// Proxies whose `x-forwarded-for` is believed: variable `trusted_proxies`.
    pub trusted_proxies: Vec<IpNet>,
}

impl Edge {
    /// The settings of a component that needs no others. A component with more of its own keeps
    /// one struct of all in a [`Kept`] and calls [`Edge::read`].
    pub async fn get() -> Result<&'static Self, Problem> {
        static EDGE: Kept<Edge> = Kept::new();
        EDGE.get(Self::read).await
    }

    /// Reads all of it; `None` if anything is wrong, which `variables` then knows.
    pub async fn read(variables: &mut Variables) -> Option<Self> {
        // The first thing of an instance: what it does next goes by the clock.
        crate::snapshot::read_clock().await;
        let pop = variables.read("pop_id", pop_id).await;
        let keys = |secret: &str| {
            let pop = pop.as_deref().unwrap_or_default();
            PopKeys::derive(pop, secret).map_err(|error| error.to_string())
        };
        let keys = variables.read("pop_secret", keys).await;
        let origin_url = variables.read("origin_url", base_url).await;
        let site = variables.read("site_url", base_url).await;
        let pop_url = |text: &str| match text {
            "" => Ok(String::new()),
            text => base_url(text),
        };
        let pop_url = variables.read("pop_url", pop_url).await;
        let trusted_proxies = variables.read("trusted_proxies", parse_proxies).await;
        Some(Self {
            keys: keys?,
            origin_url: origin_url?,
            site: site?,
            pop_url: pop_url?,
            trusted_proxies: trusted_proxies?,
        })
    }
}

/// Reads variables and collects what is wrong with them.
#[derive(Debug, Default)]
pub struct Variables {
    faults: Vec<String>,
}

impl Variables {
    /// Reads one variable. What `parse` says must not repeat the value if it is a secret.
    pub async fn read<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = variables::get(name)
            .await
            .map_err(|_| "is not set".to_owned());
        match value.and_then(|value| parse(&value)) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.faults.push(format!("variable `{name}`: {fault}"));
                None
            }
        }
    }
}

/// Settings that are read by the first request of an instance and kept.
#[derive(Debug)]
pub struct Kept<T> {
    value: OnceLock<T>,
    complained: AtomicBool,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Kept<T> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self {
            value: OnceLock::new(),
            complained: AtomicBool::new(false),
        }
    }

    /// The settings, or 503 if they are wrong.
    pub async fn get(
        &'static self,
        read: impl AsyncFnOnce(&mut Variables) -> Option<T>,
    ) -> Result<&'static T, Problem> {
        if let Some(value) = self.value.get() {
            return Ok(value);
        }
        let mut variables = Variables::default();
        match read(&mut variables).await {
            Some(value) if variables.faults.is_empty() => Ok(self.value.get_or_init(|| value)),
            _ => {
                if !self.complained.swap(true, Ordering::Relaxed) {
                    eprintln!("settings are wrong: {}", variables.faults.join("; "));
                }
                Err(ProblemKind::Unavailable.into())
            }
        }
    }
}

/// A whole number from 1 to `max`, for [`Variables::read`].
pub fn count(max: u32) -> impl FnOnce(&str) -> Result<u32, String> {
    move |text| match text.parse() {
        Ok(number) if (1..=max).contains(&number) => Ok(number),
        _ => Err(format!("is not a whole number from 1 to {max}")),
    }
}

fn pop_id(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=32).contains(&text.len()) && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("is not 1 to 32 lower-case letters, digits and hyphens".to_owned())
    }
}

/// `scheme://host[:port]`, in lower case and without a port that goes without saying, as a browser
/// writes it.
fn base_url(text: &str) -> Result<String, String> {
    let fault = || "is not of the form http(s)://host[:port]".to_owned();
    let url = text.parse::<Uri>().map_err(|_| fault())?;
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return Err(fault());
    };
    let implied = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return Err(fault()),
    };
    if url.path() != "/" || url.query().is_some() || authority.as_str().contains('@') {
        return Err(fault());
    }
    let authority = authority.as_str().to_ascii_lowercase();
    let authority = authority.strip_suffix(implied).unwrap_or(&authority);
    Ok(format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_reads_as_a_browser_writes_it() {
        let check = |text, expected: Option<&str>| {
            assert_eq!(base_url(text).ok().as_deref(), expected, "{text}");
        };
        check("http://127.0.0.1:3000", Some("http://127.0.0.1:3000"));
        check("https://Shop.Example/", Some("https://shop.example"));
        check("https://shop.example:443", Some("https://shop.example"));
        check("http://[::1]:8080", Some("http://[::1]:8080"));
        check("https://shop.example/a", None);
        check("https://user@shop.example", None);
        check("ftp://shop.example", None);
        check("shop.example", None);
        check("", None);
    }

    #[test]
    fn a_pop_id_fits_into_headers_and_keys() {
        assert!(pop_id("pop-1").is_ok());
        for text in ["", "Pop", "pop 1", "pop.1", &"p".repeat(33)] {
            assert!(pop_id(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_count_has_bounds() {
        assert_eq!(count(10)("10"), Ok(10));
        for text in ["0", "11", "-1", "ten", ""] {
            assert!(count(10)(text).is_err(), "{text}");
        }
    }
}
