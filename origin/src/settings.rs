//! Settings: read from the environment once, at start, into one struct a concern.
//!
//! Invariant: all faults are reported together, an unknown `DOORBUSTER_` key is a fault, and no
//! `Debug` shows a secret.

mod admin;
mod catalogue;
mod payments;
mod reader;
mod stripe;
mod texts;
mod told;

pub use admin::{AdminKey, AdminSettings};
pub use catalogue::CatalogueSettings;
pub use payments::{PaymentSettings, RefundSettings, SandboxSettings};
pub use reader::{Faults, Reader};
pub use stripe::StripeSettings;
pub use texts::TextSettings;
pub use told::{MailSettings, SubscriptionSettings};

use crate::sales::{Rounds, Source};
use kernel::keys::PopKeys;
use kernel::session::SigningKey;
use kernel::time::UnixMillis;
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;

/// A text that must not be logged.
#[derive(Clone)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where the stores are.
#[derive(Clone, Debug)]
pub struct StoreSettings {
    /// `mysql://user:password@host:port/database`.
    pub mysql_url: Secret,
    /// `redis://host:port`.
    pub redis_url: Secret,
    /// `nats://host:port`.
    pub nats_url: Secret,
    /// Names of streams and subjects begin with this; one a deployment.
    pub stream_prefix: String,
    /// What the order stream may take on NATS' disk, which reserves it; beyond it placing answers
    /// 503. An order takes about 300 bytes for a day.
    pub stream_bytes_max: u64,
    /// Copies of each stream in a cluster of NATS servers.
    pub stream_replicas: u8,
}

/// Where operators look; every role has it.
#[derive(Clone, Copy, Debug)]
pub struct OpsSettings {
    /// For health checks and metrics.
    pub listen: SocketAddr,
}

/// Where the listeners are, and who may speak to the first of them.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// For PoPs.
    pub edge_listen: SocketAddr,
    /// For payment providers.
    pub webhooks_listen: SocketAddr,
    /// The keys of the PoPs we know, by id.
    pub pops: HashMap<String, PopKeys>,
    /// The address of the site as shoppers see it.
    pub public_url: String,
}

/// What accounts need.
#[derive(Clone)]
pub struct AccountSettings {
    /// Signs sessions and tickets.
    pub session_key: SigningKey,
    /// `smtp://host:port`, or `smtps://user:password@host`.
    pub smtp_url: Secret,
    /// The sender of our messages.
    pub mail_from: String,
    /// Who sends text messages; without it mobile numbers are no contacts.
    pub texts: Option<TextSettings>,
}

impl fmt::Debug for AccountSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountSettings")
            .field("mail_from", &self.mail_from)
            .finish_non_exhaustive()
    }
}

/// The public randomness beacon that sales may name, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeaconSettings {
    /// Its address, in which `{round}` stands for the round.
    pub url: String,
    /// When its rounds are published.
    pub rounds: Rounds,
}

impl StoreSettings {
    /// Reads `DOORBUSTER_MYSQL_URL`, `_REDIS_URL`, `_NATS_URL`, `_STREAM_PREFIX`,
    /// `_STREAM_BYTES_MAX` and `_STREAM_REPLICAS`.
    pub fn read(reader: &mut Reader) -> Self {
        let replicas = reader.number("STREAM_REPLICAS", 1, 1..=5);
        Self {
            mysql_url: Secret(reader.url("MYSQL_URL", &["mysql"])),
            redis_url: Secret(reader.url("REDIS_URL", &["redis"])),
            nats_url: Secret(reader.url("NATS_URL", &["nats"])),
            stream_prefix: reader.word("STREAM_PREFIX", "doorbuster"),
            stream_bytes_max: reader.number("STREAM_BYTES_MAX", 1 << 30, 1 << 20..=1 << 40),
            stream_replicas: u8::try_from(replicas).unwrap_or(1),
        }
    }
}

impl OpsSettings {
    /// Reads `DOORBUSTER_OPS_LISTEN`.
    pub fn read(reader: &mut Reader) -> Self {
        let listen = reader.listen("OPS_LISTEN", 7_003);
        Self { listen }
    }
}

impl HttpSettings {
    /// Reads `DOORBUSTER_EDGE_LISTEN`, `_WEBHOOKS_LISTEN`, `_POPS` and `_PUBLIC_URL`.
    pub fn read(reader: &mut Reader) -> Self {
        Self {
            edge_listen: reader.listen("EDGE_LISTEN", 7_001),
            webhooks_listen: reader.listen("WEBHOOKS_LISTEN", 7_002),
            pops: reader.pops("POPS"),
            public_url: reader.url("PUBLIC_URL", &["http", "https"]),
        }
    }
}

impl BeaconSettings {
    /// Reads `DOORBUSTER_BEACON_URL`, `_BEACON_GENESIS_MS` and `_BEACON_PERIOD_MS`: all or none.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let url = reader.optional("BEACON_URL");
        let genesis = reader.number("BEACON_GENESIS_MS", 0, 1..=1 << 52);
        let period = reader.number("BEACON_PERIOD_MS", 0, 100..=86_400_000);
        let given = [url.is_some(), genesis > 0, period > 0];
        if given.contains(&true) && given.contains(&false) {
            reader.fault(
                "BEACON_URL",
                "needs _BEACON_GENESIS_MS and _BEACON_PERIOD_MS, and they it",
            );
        }
        let url = url?;
        if !Source::accepts(&url) {
            reader.fault(
                "BEACON_URL",
                "is not http(s)://…{round}… or file:///…{round}…",
            );
        }
        let rounds = Rounds {
            genesis: UnixMillis(i64::try_from(genesis).unwrap_or(i64::MAX)),
            period_ms: i64::try_from(period).unwrap_or(i64::MAX).max(1),
        };
        Some(Self { url, rounds })
    }
}

impl AccountSettings {
    /// Reads `DOORBUSTER_SESSION_KEY`, `_SMTP_URL`, `_MAIL_FROM` and who sends text messages.
    pub fn read(reader: &mut Reader) -> Self {
        Self {
            session_key: reader.signing_key("SESSION_KEY"),
            smtp_url: Secret(reader.url("SMTP_URL", &["smtp", "smtps"])),
            mail_from: reader.required("MAIL_FROM", "the sender of messages, Shop <shop@host>"),
            texts: TextSettings::read(reader),
        }
    }
}
