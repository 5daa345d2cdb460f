//! Settings of the admin listener.
//!
//! Invariant: the key that seals the secrets of operators' codes is never shown.

use super::Reader;
use hmac::{Hmac, KeyInit, Mac};
use ipnet::IpNet;
use kernel::client_address::parse_proxies;
use sha2::Sha256;
use std::fmt;
use std::net::SocketAddr;

/// The default port of the admin listener.
const PORT: u16 = 7_004;
/// What the key of the codes' secrets is derived for.
const PURPOSE: &[u8] = b"doorbuster operators' codes v1";

/// Seals what the database keeps of operators' codes.
#[derive(Clone)]
pub struct AdminKey(pub [u8; 32]);

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}

impl AdminKey {
    /// Reads `DOORBUSTER_ADMIN_KEY` or, without it, `DOORBUSTER_SESSION_KEY`: 64 hexadecimal digits.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let name = if reader.optional("ADMIN_KEY").is_some() {
            "ADMIN_KEY"
        } else {
            "SESSION_KEY"
        };
        let text = reader.optional(name)?;
        let bytes = hex::decode(text).ok();
        let Some(bytes) = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) else {
            // Of the session key, who reads sessions says it.
            if name == "ADMIN_KEY" {
                reader.fault(name, "is not 64 hexadecimal digits");
            }
            return None;
        };
        Some(Self::derive(&bytes))
    }

    /// The key for codes from another one.
    pub fn derive(bytes: &[u8; 32]) -> Self {
        let mac = Hmac::<Sha256>::new_from_slice(bytes).map(|mac| mac.chain_update(PURPOSE));
        match mac {
            Ok(mac) => Self(mac.finalize().into_bytes().into()),
            Err(_) => unreachable!("HMAC takes keys of any length"),
        }
    }
}

/// Where operators speak to an origin.
#[derive(Clone, Debug)]
pub struct AdminSettings {
    /// For operators, behind TLS.
    pub listen: SocketAddr,
    /// The same as they see it, if that is not what their browsers name as `Host`.
    pub url: Option<String>,
    /// Proxies whose `x-forwarded-for` is believed.
    pub proxies: Vec<IpNet>,
}

impl AdminSettings {
    /// Reads `DOORBUSTER_ADMIN_LISTEN`, `_ADMIN_URL` and `_ADMIN_PROXIES`.
    pub fn read(reader: &mut Reader) -> Self {
        let url = reader
            .optional("ADMIN_URL")
            .map(|_| reader.url("ADMIN_URL", &["http", "https"]));
        let proxies = parse_proxies(&reader.optional("ADMIN_PROXIES").unwrap_or_default());
        if proxies.is_err() {
            reader.fault(
                "ADMIN_PROXIES",
                "names something that is no address or network",
            );
        }
        Self {
            listen: reader.listen("ADMIN_LISTEN", PORT),
            url,
            proxies: proxies.unwrap_or_default(),
        }
    }
}
