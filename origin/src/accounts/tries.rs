//! How often somebody may be wrong: back-off by contact and by network, in Redis.
//!
//! Invariant: a try is counted before it is judged, alike for contacts with an account and without;
//! Redis keeps at most [`WHO_MAX`] of each kind, the newest, under names that tell nobody who it is.
//!
//! An attacker can make a contact wait for ever, but not its owner: a network from which the owner
//! signed in is counted by itself, and a code to the contact opens the account from anywhere.

use super::AccountError;
use crate::stock::{Connection, StockError};
use hmac::{Hmac, KeyInit, Mac};
use kernel::session::SigningKey;
use redis::{AsyncCommands, Script};
use sha2::Sha256;
use std::sync::LazyLock;

/// Contacts, and networks, that are remembered at most; those who tried longest ago go first.
pub const WHO_MAX: usize = 100_000;
/// So many wrong passwords in a row, and the owner is told.
pub const TOLD_AT: u32 = 6;
/// How often an owner is told at most, in seconds.
const TOLD_SECONDS: u64 = 24 * 3_600;
/// Networks of an account that are known at most, and for how long, in seconds.
const NETWORKS_MAX: isize = 5;
const NETWORK_SECONDS: i64 = 90 * 24 * 3_600;

static TRY: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../../lua/accounts/try.lua")));
static TAKE_BACK: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../../lua/accounts/take_back.lua")));

/// What is counted, and how patiently.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    kind: &'static str,
    /// So many are free at once.
    free: u32,
    /// The wait after that, doubled with each further one.
    wait_ms: u32,
    wait_ms_max: u32,
    /// One is forgotten in this time.
    forget_ms: u32,
}

/// Wrong passwords of a contact.
pub(super) const PASSWORDS: Rule = Rule {
    kind: "password",
    free: 5,
    wait_ms: 2_000,
    wait_ms_max: 900_000,
    forget_ms: 3_600_000,
};
/// Wrong passwords and wrong codes of a network.
pub(super) const NETWORK: Rule = Rule {
    kind: "network",
    free: 30,
    wait_ms: 10_000,
    wait_ms_max: 600_000,
    forget_ms: 10_000,
};
/// Messages with a code to a contact.
pub(super) const MESSAGES: Rule = Rule {
    kind: "message",
    free: 10,
    wait_ms: 60_000,
    wait_ms_max: 600_000,
    forget_ms: 360_000,
};

/// Counts in Redis.
#[derive(Clone)]
pub(super) struct Tries {
    redis: Connection,
    key: Hmac<Sha256>,
}

impl std::fmt::Debug for Tries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tries")
    }
}

impl Tries {
    pub(super) fn new(redis: Connection, key: &SigningKey) -> Result<Self, AccountError> {
        let key = Hmac::<Sha256>::new_from_slice(&key.to_bytes());
        let mut key = key.map_err(|_| AccountError::Key)?;
        key.update(b"doorbuster tries");
        Ok(Self { redis, key })
    }

    /// A name for these texts that nobody can turn back into them.
    pub(super) fn name(&self, parts: &[&str]) -> String {
        let mut mac = self.key.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        hex::encode(&mac.finalize().into_bytes()[..16])
    }

    /// Who is counted for a contact that is tried from a network: those of a network that its owner
    /// uses by themselves, all others together.
    pub(super) async fn who(&self, contact: &str, network: &str) -> Result<String, AccountError> {
        let networks = self.networks_key(contact);
        let member = self.name(&[contact, network]);
        let known: Option<f64> = self.redis.clone().zscore(networks, &member).await?;
        Ok(match known {
            Some(_) => member,
            None => self.name(&[contact]),
        })
    }

    /// Counts a try that may be wrong; how many there are by now, or `TooOften`.
    pub(super) async fn count(&self, rule: Rule, who: &str) -> Result<u32, AccountError> {
        let mut redis = self.redis.clone();
        let (word, number): (String, i64) = TRY
            .key(key(rule))
            .key(format!("{}:last", key(rule)))
            .arg(who)
            .arg(crate::now().0)
            .arg(rule.free)
            .arg(rule.wait_ms)
            .arg(rule.wait_ms_max)
            .arg(rule.forget_ms)
            .arg(WHO_MAX)
            .invoke_async(&mut redis)
            .await?;
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        match word.as_str() {
            "go" => Ok(number),
            "wait" => Err(AccountError::TooOften(number.div_ceil(1_000).max(1))),
            _ => Err(StockError::Reply(word).into()),
        }
    }

    /// The last try was right.
    pub(super) async fn take_back(&self, rule: Rule, who: &str) -> Result<(), AccountError> {
        let mut redis = self.redis.clone();
        let mut call = TAKE_BACK.key(key(rule));
        let _: redis::Value = call.arg(who).invoke_async(&mut redis).await?;
        Ok(())
    }

    /// Forgets all tries of this name.
    pub(super) async fn forget(&self, rule: Rule, who: &str) -> Result<(), AccountError> {
        redis::pipe()
            .hdel(key(rule), who)
            .ignore()
            .zrem(format!("{}:last", key(rule)), who)
            .ignore()
            .exec_async(&mut self.redis.clone())
            .await?;
        Ok(())
    }

    /// Whether the owner of a contact is to be told now that somebody tries its password.
    pub(super) async fn is_to_be_told(&self, contact: &str) -> Result<bool, AccountError> {
        let key = format!("tries-told:{}", self.name(&[contact]));
        let options = redis::SetOptions::default()
            .conditional_set(redis::ExistenceCheck::NX)
            .with_expiration(redis::SetExpiry::EX(TOLD_SECONDS));
        let first: Option<String> = self.redis.clone().set_options(key, "1", options).await?;
        Ok(first.is_some())
    }

    /// Remembers that the owner of a contact uses this network, and forgets who was wrong there.
    pub(super) async fn welcome(&self, contact: &str, network: &str) -> Result<(), AccountError> {
        let networks = self.networks_key(contact);
        let member = self.name(&[contact, network]);
        redis::pipe()
            .zadd(&networks, &member, crate::now().0)
            .ignore()
            .zremrangebyrank(&networks, 0, -NETWORKS_MAX - 1)
            .ignore()
            .expire(&networks, NETWORK_SECONDS)
            .ignore()
            .exec_async(&mut self.redis.clone())
            .await?;
        self.forget(PASSWORDS, &member).await
    }

    /// Forgets the networks of a contact: it belongs to nobody now.
    pub(super) async fn forget_networks(&self, contact: &str) -> Result<(), AccountError> {
        let networks = self.networks_key(contact);
        let _: () = self.redis.clone().del(networks).await?;
        Ok(())
    }

    fn networks_key(&self, contact: &str) -> String {
        format!("networks:{}", self.name(&["networks", contact]))
    }
}

fn key(rule: Rule) -> String {
    format!("tries:{{{}}}", rule.kind)
}
