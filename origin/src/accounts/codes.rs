//! One-time codes: six digits, ten minutes, five tries.
//!
//! Invariant: a code is used once, and its tries are counted before it is compared.

use super::error::{AccountError, field};
use crate::stock::Connection;
use kernel::ids::AccountId;
use kernel::session::{SigningKey, Ticket, sign_ticket, verify_ticket};
use kernel::wire::{CodePurpose, CodeTicket};
use redis::AsyncCommands;
use sha2::{Digest, Sha256};

/// How long a code can be used, in seconds.
const LIFE_SECONDS: i64 = 600;
/// How long a contact waits for the next code to the same network, in seconds.
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

/// What a code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A new account.
    Register,
    /// A new password.
    Reset,
    /// Another contact of this account.
    Contact(AccountId),
}

impl From<CodePurpose> for Use {
    fn from(purpose: CodePurpose) -> Self {
        match purpose {
            CodePurpose::Register => Self::Register,
            CodePurpose::Reset => Self::Reset,
        }
    }
}

impl Use {
    fn word(self) -> String {
        match self {
            Self::Register => "register".to_owned(),
            Self::Reset => "reset".to_owned(),
            Self::Contact(account) => format!("contact:{account}"),
        }
    }
}

pub(super) struct Pending {
    pub(super) code: String,
    pub(super) ticket: CodeTicket,
}

fn sent_key(asker: &str) -> String {
    format!("code-sent:{asker}")
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

impl Codes {
    pub(super) fn new(redis: Connection, key: SigningKey) -> Self {
        Self { redis, key }
    }

    /// Makes a code for a contact, at most one a minute for the same asker: a name for the contact
    /// and the network that it is asked from.
    pub(super) async fn open(
        &self,
        contact: &str,
        asker: &str,
        purpose: Use,
    ) -> Result<Pending, AccountError> {
        let mut redis = self.redis.clone();
        let options = redis::SetOptions::default()
            .conditional_set(redis::ExistenceCheck::NX)
            .with_expiration(redis::SetExpiry::EX(u64::from(RESEND_SECONDS)));
        let first: Option<String> = redis.set_options(sent_key(asker), "1", options).await?;
        if first.is_none() {
            let seconds: i64 = redis.ttl(sent_key(asker)).await?;
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
                    ("purpose", &purpose.word()),
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

    /// Lets the asker ask again at once, as the message was not sent.
    pub(super) async fn forget(&self, asker: &str) -> Result<(), AccountError> {
        let _: () = self.redis.clone().del(sent_key(asker)).await?;
        Ok(())
    }

    /// Checks a code and uses it up; returns the contact it was sent to.
    pub(super) async fn answer(
        &self,
        ticket: &str,
        purpose: Use,
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
        if tries > TRIES_MAX || *stored_purpose != purpose.word() {
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
