//! Challenges: what a visitor answers before the site does work for them.
//!
//! Invariant: an answer counts only for the purpose, sale, account and client prefix that its
//! challenge was made for, before it expires, and (the PoP store sees to that) once.
//!
//! The kinds: a proof of work, [`pow`]; a code in a picture or spoken, [`media`]. A program sends
//! either as the field `challenge`; the answer to a code has a full stop in it, which the base64 of
//! a proof never has.

pub mod media;
pub mod pow;

mod difficulty;

pub use difficulty::Difficulty;
pub use pow::{Challenge, answer, solve};

use crate::ids::{AccountId, SaleId};
use crate::keys::PopKeys;
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How long a challenge can be answered, in seconds.
pub const CHALLENGE_LIFE_SECONDS: i64 = 120;
/// The longest answer we look at, in bytes.
pub const ANSWER_BYTES_MAX: usize = 2_048;

/// What a challenge lets its solver do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Have a one-time code sent.
    Code,
    /// Sign in.
    SignIn,
    /// Join a lobby.
    Place,
    /// Ask for a purchase token.
    Token,
}

impl Purpose {
    /// As it stands in queries, signatures and keys.
    pub fn word(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::SignIn => "sign-in",
            Self::Place => "place",
            Self::Token => "token",
        }
    }
}

/// What a challenge is bound to; values are text, as ALTCHA's `data` takes them.
///
/// A proof of work may also name the session it was made for. That binds nobody to that session (it
/// may be renewed meanwhile); it lets the maker recognise one whose signature it checked.
///
/// The fields stand in the order of their names: the signature covers sorted JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    account: String,
    prefix: String,
    purpose: Purpose,
    sale: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    session: String,
}

impl Binding {
    /// A binding for `purpose`, asked for from the network `prefix`.
    pub fn new(
        purpose: Purpose,
        sale: Option<SaleId>,
        account: Option<AccountId>,
        prefix: String,
    ) -> Self {
        let text = |id: Option<String>| id.unwrap_or_default();
        Self {
            account: text(account.map(|id| id.to_string())),
            prefix,
            purpose,
            sale: text(sale.map(|id| id.to_string())),
            session: String::new(),
        }
    }

    /// The same, made for somebody who came with this session, whose signature was checked.
    #[must_use]
    pub fn made_for(self, session_text: &str) -> Self {
        let session = fingerprint(session_text);
        Self { session, ..self }
    }

    /// Whether what was made for `self` is good for `other`, whichever session either names.
    fn is_good_for(&self, other: &Self) -> bool {
        let binds = |binding: &Self| Self {
            session: String::new(),
            ..binding.clone()
        };
        binds(self) == binds(other)
    }

    /// The network that the challenge was asked for from.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// Why an answer does not count.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// Not solved, not ours, or for something else.
    #[error("the answer is wrong, or belongs to another challenge")]
    Wrong,
    /// The challenge is ours and alive, and its code is another: that was its one try.
    #[error("the code is wrong")]
    WrongCode(Solved),
    /// Solved too late.
    #[error("the challenge has expired")]
    Expired,
}

/// What the PoP store must spend: the challenge of a right answer, or of a code guessed wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solved {
    /// Unique to the challenge; hexadecimal.
    pub nonce: String,
    /// After this the nonce need not be remembered.
    pub expires_at: UnixMillis,
    /// The session that the challenge says it was made for.
    made_for: String,
}

impl Solved {
    /// Whether the challenge was made for this very session: then its signature was checked at that
    /// time, by whoever holds our keys.
    pub fn was_made_for(&self, session_text: &str) -> bool {
        !self.made_for.is_empty() && self.made_for == fingerprint(session_text)
    }
}

/// 128 bits of SHA-256: only the very same text has them.
fn fingerprint(session_text: &str) -> String {
    hex::encode(&Sha256::digest(session_text)[..16])
}

/// Whether this is the answer to a code rather than a proof of work.
pub fn is_code(answer: &str) -> bool {
    answer.contains('.')
}

/// Checks an answer of any kind against what its challenge must be bound to.
pub fn verify(
    keys: &PopKeys,
    answer: &str,
    binding: &Binding,
    now: UnixMillis,
) -> Result<Solved, BadAnswer> {
    if answer.len() > ANSWER_BYTES_MAX {
        return Err(BadAnswer::Wrong);
    }
    match answer.split_once('.') {
        Some((id, code)) => media::verify(keys, id, code, binding, now),
        None => pow::verify(keys, answer, binding, now),
    }
}
