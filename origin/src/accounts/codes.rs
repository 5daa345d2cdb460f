//! One-time codes: six digits, ten minutes, five tries.
//!
//! Invariant: a code is used once, and its tries are counted before it is compared.

use super::{AccountError, field};
use crate::stock::Connection;
use kernel::session::{SigningKey, Ticket, sign_ticket, verify_ticket};
use kernel::wire::{CodePurpose, CodeTicket};
use redis::AsyncCommands;
use sha2::{Digest, Sha256};

/// How long a code can be used, in seconds.
const LIFE_SECONDS: i64 = 600;
/// How long a contact waits for the next code, in seconds.
const RESEND_SECONDS: u32 = 60;
/// Wrong answers a code stands.
const TRIES_MAX: u32 = 5;

#[derive(Clone)]
pub(super) struct Codes {
    redis: Connection,
    key: SigningKey,
}

impl std::fmt::Debug for Codes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Codes")
    }
}

pub(super) struct Pending {
    pub(super) code: String,
    pub(super) ticket: CodeTicket,
}

fn sent_key(contact: &str) -> String {
    format!("code-sent:{}", hex::encode(&Sha256::digest(contact)[..16]))
}

fn code_key(id: &str) -> String {
    format!("code:{id}")
}

fn digest(id: &str, code: &str) -> String {
    hex::encode(
        Sha256::new()
            .chain_update(id)
            .chain_update(":")
            .chain_update(code)
            .finalize(),
    )
}

fn purpose_word(purpose: CodePurpose) -> &'static str {
    match purpose {
        CodePurpose::Register => "register",
        CodePurpose::Reset => "reset",
    }
}

impl Codes {
    pub(super) fn new(redis: Connection, key: SigningKey) -> Self {
        Self { redis, key }
    }

    /// Makes a code for a contact, at most one a minute.
    pub(super) async fn open(
        &self,
        contact: &str,
        purpose: CodePurpose,
    ) -> Result<Pending, AccountError> {
        let mut redis = self.redis.clone();
        let options = redis::SetOptions::default()
            .conditional_set(redis::ExistenceCheck::NX)
            .with_expiration(redis::SetExpiry::EX(u64::from(RESEND_SECONDS)));
        let first: Option<String> = redis.set_options(sent_key(contact), "1", options).await?;
        if first.is_none() {
            let seconds: i64 = redis.ttl(sent_key(contact)).await?;
            return Err(AccountError::TooSoon(
                u32::try_from(seconds.max(1)).unwrap_or(1),
            ));
        }
        let now = crate::now();
        let id = crate::random_id();
        let code = six_digits();
        let expires_at = now.plus_seconds(LIFE_SECONDS);
        let digest = digest(&id, &code);
        redis::pipe()
            .atomic()
            .hset_multiple(
                code_key(&id),
                &[
                    ("contact", contact),
                    ("purpose", purpose_word(purpose)),
                    ("digest", &digest),
                ],
            )
            .ignore()
            .expire(code_key(&id), LIFE_SECONDS)
            .ignore()
            .exec_async(&mut redis)
            .await?;
        let ticket = CodeTicket {
            ticket: sign_ticket(&self.key, &Ticket { id, expires_at }),
            expires_at_ms: expires_at,
            resend_at_ms: now.plus_seconds(i64::from(RESEND_SECONDS)),
        };
        Ok(Pending { code, ticket })
    }

    /// Lets the contact ask again at once, as the message was not sent.
    pub(super) async fn forget(&self, contact: &str) -> Result<(), AccountError> {
        let _: () = self.redis.clone().del(sent_key(contact)).await?;
        Ok(())
    }

    /// Checks a code and uses it up; returns the contact it was sent to.
    pub(super) async fn answer(
        &self,
        ticket: &str,
        purpose: CodePurpose,
        code: &str,
    ) -> Result<String, AccountError> {
        let over = || {
            field(
                "ticket",
                "This code is no longer valid. Please ask for another.",
            )
        };
        let ticket = verify_ticket(&self.key.verifying_key(), ticket, crate::now());
        let id = ticket.map_err(|_| over())?.id;
        let key = code_key(&id);
        let mut redis = self.redis.clone();
        let (stored, tries): (Vec<Option<String>>, u32) = redis::pipe()
            .atomic()
            .hmget(&key, &["contact", "purpose", "digest"])
            .hincr(&key, "tries", 1)
            .query_async(&mut redis)
            .await?;
        let [Some(contact), Some(stored_purpose), Some(stored_digest)] = stored.as_slice() else {
            // Counting the try has made an empty record.
            let _: () = redis.del(&key).await?;
            return Err(over());
        };
        if tries > TRIES_MAX || stored_purpose != purpose_word(purpose) {
            return Err(over());
        }
        if *stored_digest != digest(&id, code.trim()) {
            return Err(field(
                "code",
                "This is not the code we sent. Please check it.",
            ));
        }
        let used: u32 = redis.del(&key).await?;
        if used == 1 {
            Ok(contact.clone())
        } else {
            Err(over())
        }
    }
}

fn six_digits() -> String {
    let number = u64::from_be_bytes(crate::random_bytes());
    format!("{:06}", number % 1_000_000)
}
