//! Reads variables of the environment and collects what is wrong with them.
//!
//! Invariant: a reader that met a fault gives no settings: whoever reads calls
//! [`Reader::finish`] before using anything.

use kernel::keys::PopKeys;
use kernel::session::SigningKey;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

const PREFIX: &str = "DOORBUSTER_";
/// Every key there is; anything else that begins with the prefix is a mistake somebody made.
const KEYS: &[&str] = &[
    "ADMIN_KEY",
    "ADMIN_LISTEN",
    "ADMIN_PROXIES",
    "ADMIN_TOKEN",
    "ADMIN_URL",
    "BEACON_GENESIS_MS",
    "BEACON_PERIOD_MS",
    "BEACON_URL",
    "EDGE_LISTEN",
    "JPEG_QUALITY",
    "LANGUAGE",
    "LOG",
    "MAIL_FROM",
    "MYSQL_URL",
    "NATS_URL",
    "OPS_LISTEN",
    "PAYMENTS_API_KEY",
    "PAYMENTS_PROVIDER",
    "PAYMENTS_URL",
    "PAYMENTS_WEBHOOK_SECRET",
    "POPS",
    "PUBLIC_URL",
    "REDIS_URL",
    "REFUND_SECONDS",
    "SESSION_KEY",
    "SMTP_URL",
    "STREAM_BYTES_MAX",
    "STREAM_PREFIX",
    "STREAM_REPLICAS",
    "STRIPE_SECRET_KEY",
    "STRIPE_URL",
    "STRIPE_WEBHOOK_SECRET",
    "TEXTS_API_KEY",
    "TEXTS_URL",
    "WEBHOOKS_LISTEN",
    "WEBHOOKS_OUT_PRIVATE",
];

/// All that is wrong with the settings, a line each.
#[derive(Debug)]
pub struct Faults(Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrong settings: {}", self.0.join("; "))
    }
}

impl std::error::Error for Faults {}

/// A view of the environment.
#[derive(Debug)]
pub struct Reader {
    values: BTreeMap<String, String>,
    faults: Vec<String>,
}

impl Reader {
    /// Reads the variables of this process.
    pub fn from_environment() -> Self {
        Self::new(std::env::vars())
    }

    /// Reads the given variables.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = variables.into_iter().filter_map(|(name, value)| {
            name.strip_prefix(PREFIX).map(|key| (key.to_owned(), value))
        });
        let values: BTreeMap<String, String> = ours.collect();
        let unknown = values.keys().filter(|key| !KEYS.contains(&key.as_str()));
        let faults = unknown
            .map(|key| format!("{PREFIX}{key} is no setting"))
            .collect();
        Self { values, faults }
    }

    /// Ends the reading: an error if anything was wrong.
    pub fn finish(self) -> Result<(), Faults> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Faults(self.faults))
        }
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(super) fn fault(&mut self, key: &str, what: impl fmt::Display) {
        let fault = format!("{PREFIX}{key} {what}");
        // Two rooms may need the same key.
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// A text that must be there.
    pub fn required(&mut self, key: &str, what: &str) -> String {
        if let Some(value) = self.value(key) {
            return value.to_owned();
        }
        self.fault(key, format_args!("is missing: {what}"));
        String::new()
    }

    /// A text that may be missing.
    pub fn optional(&self, key: &str) -> Option<String> {
        self.value(key).map(str::to_owned)
    }

    /// A URL of one of these schemes.
    pub fn url(&mut self, key: &str, schemes: &[&str]) -> String {
        let expected = format!("a URL, {}://…", schemes.join(":// or "));
        let value = self.required(key, &expected);
        let scheme = value.split_once("://").map(|(scheme, _)| scheme);
        if !value.is_empty() && !scheme.is_some_and(|scheme| schemes.contains(&scheme)) {
            self.fault(key, format_args!("is not {expected}"));
        }
        value.trim_end_matches('/').to_owned()
    }

    /// A name of letters, digits, `-` and `_`.
    pub fn word(&mut self, key: &str, default: &str) -> String {
        let value = self.value(key).unwrap_or(default).to_owned();
        if !value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        {
            self.fault(key, "may hold letters, digits, - and _ alone");
        }
        value
    }

    /// One of these words, the first if it is not given.
    pub fn choice<'a>(&mut self, key: &str, words: &[&'a str]) -> &'a str {
        let first = words.first().copied().unwrap_or_default();
        let Some(value) = self.value(key) else {
            return first;
        };
        let chosen = words.iter().find(|word| **word == value).copied();
        chosen.unwrap_or_else(|| {
            self.fault(key, format_args!("is not {}", words.join(" or ")));
            first
        })
    }

    /// A whole number within `range`.
    pub fn number(&mut self, key: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let Some(value) = self.value(key) else {
            return default;
        };
        let number = value.parse().ok().filter(|number| range.contains(number));
        number.unwrap_or_else(|| {
            let (least, most) = (range.start(), range.end());
            self.fault(
                key,
                format_args!("is no whole number from {least} to {most}"),
            );
            default
        })
    }

    /// An address to listen at; by default this port on the loopback.
    pub fn listen(&mut self, key: &str, port: u16) -> SocketAddr {
        let default = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let Some(value) = self.value(key) else {
            return default;
        };
        let parsed = value.parse();
        parsed.unwrap_or_else(|_| {
            self.fault(key, "is no address and port, such as 127.0.0.1:7001");
            default
        })
    }

    /// A list `id:secret,id:secret`.
    pub fn pops(&mut self, key: &str) -> HashMap<String, PopKeys> {
        let text = self.required(key, "the PoPs, as id:secret,id:secret");
        let mut pops = HashMap::new();
        for entry in text.split(',').filter(|entry| !entry.trim().is_empty()) {
            let (id, secret) = entry.trim().split_once(':').unwrap_or((entry, ""));
            match PopKeys::derive(id, secret) {
                Ok(keys) => drop(pops.insert(id.to_owned(), keys)),
                Err(error) => self.fault(key, format_args!("names `{id}`: {error}")),
            }
        }
        pops
    }

    /// A private key of 64 hexadecimal digits.
    pub fn signing_key(&mut self, key: &str) -> SigningKey {
        let text = self.required(key, "64 hexadecimal digits, 32 random bytes");
        let bytes = hex::decode(&text)
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        if bytes.is_none() && !text.is_empty() {
            self.fault(key, "is not 64 hexadecimal digits");
        }
        SigningKey::from_bytes(&bytes.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AccountSettings, StoreSettings};
    use super::*;

    fn reader(variables: &[(&str, &str)]) -> Reader {
        Reader::new(
            variables
                .iter()
                .map(|(name, value)| (format!("{PREFIX}{name}"), (*value).to_owned())),
        )
    }

    #[test]
    fn all_faults_are_reported_together() {
        let mut reader = reader(&[
            ("MYSQL_URL", "postgres://x"),
            ("MYSQL_ULR", "x"),
            ("SESSION_KEY", "ab"),
        ]);
        StoreSettings::read(&mut reader);
        AccountSettings::read(&mut reader);
        let text = reader.finish().unwrap_err().to_string();
        for part in [
            "MYSQL_ULR is no setting",
            "MYSQL_URL is not",
            "REDIS_URL is missing",
            "SESSION_KEY is not 64",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut reader = reader(&[
            ("MYSQL_URL", "mysql://u:hidden@h/d"),
            ("REDIS_URL", "redis://h"),
            ("NATS_URL", "nats://h"),
        ]);
        let settings = StoreSettings::read(&mut reader);
        reader.finish().unwrap();
        assert!(!format!("{settings:?}").contains("hidden"));
        assert_eq!(settings.stream_prefix, "doorbuster");
    }
}
