//! The keys of a PoP, all derived from its one secret.
//!
//! Invariant: a key serves one purpose. Each is HMAC-SHA-256 of the PoP's secret over a label and
//! the PoP's id (and the version, where keys rotate), so that leaking one tells nothing of the
//! others.

use ed25519_dalek::SigningKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::sync::OnceLock;

/// The shortest secret a PoP may have, in bytes.
pub const SECRET_BYTES_MIN: usize = 32;

/// A secret that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("a PoP secret is at least 64 hexadecimal digits (32 random bytes)")]
pub struct BadSecret;

/// What one PoP signs with, and what the origin checks it with.
#[derive(Clone)]
pub struct PopKeys {
    /// The PoP's id, as in the snapshot and in every `kid`.
    pub pop: String,
    /// Signs requests to the origin, see [`crate::pop_signature`].
    pub request: [u8; 32],
    /// What the keys that sign purchase tokens are derived from, see [`Self::token_key`].
    token: [u8; 32],
    /// The key of the first version that was asked for, which as a rule is the only one.
    first_token_key: OnceLock<(u32, [u8; 32])>,
    /// Signs tickets, see [`crate::lobby`].
    pub ticket: [u8; 32],
    /// Signs requests to other PoPs.
    pub peer: SigningKey,
    /// Signs the parameters of a challenge; text, as ALTCHA's libraries take secrets as text.
    pub challenge: String,
    /// Signs the key of a challenge, so that it can be checked without solving it again.
    pub challenge_key: String,
    /// Seals the ids of codes to be read or heard, and draws the codes.
    pub media: [u8; 32],
}

impl PopKeys {
    /// Derives the keys of `pop` from its secret in hexadecimal.
    pub fn derive(pop: &str, secret_hex: &str) -> Result<Self, BadSecret> {
        let secret = hex::decode(secret_hex).map_err(|_| BadSecret)?;
        if secret.len() < SECRET_BYTES_MIN {
            return Err(BadSecret);
        }
        let key = |purpose: &str| {
            sign(
                &secret,
                &[
                    b"doorbuster-pop-key",
                    purpose.as_bytes(),
                    pop.as_bytes(),
                    b"1",
                ],
            )
        };
        Ok(Self {
            pop: pop.to_owned(),
            request: key("request"),
            token: key("token"),
            first_token_key: OnceLock::new(),
            ticket: key("ticket"),
            peer: SigningKey::from_bytes(&key("peer")),
            challenge: hex::encode(key("challenge")),
            challenge_key: hex::encode(key("challenge-key")),
            media: key("media"),
        })
    }

    /// The key of a version that signs purchase tokens, see [`crate::token`].
    pub fn token_key(&self, version: u32) -> [u8; 32] {
        let derive = || sign(&self.token, &[&version.to_be_bytes()]);
        let (first, key) = self.first_token_key.get_or_init(|| (version, derive()));
        if *first == version { *key } else { derive() }
    }

    /// The `kid` of tokens signed with the key of this version: PoP and version.
    pub fn kid(&self, version: u32) -> String {
        format!("{}.{version}", self.pop)
    }
}

impl fmt::Debug for PopKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PopKeys")
            .field("pop", &self.pop)
            .finish_non_exhaustive()
    }
}

/// HMAC-SHA-256 over fields, each behind its length in 8 bytes, so that no two lists of fields
/// read the same.
pub(crate) fn sign(key: &[u8], fields: &[&[u8]]) -> [u8; 32] {
    let mut mac = hmac(key);
    for field in fields {
        mac.update(&(field.len() as u64).to_be_bytes());
        mac.update(field);
    }
    mac.finalize().into_bytes().into()
}

/// An HMAC-SHA-256 with `key`, of any length.
pub(crate) fn hmac(key: &[u8]) -> Hmac<Sha256> {
    match Hmac::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_purpose_and_pop() {
        let secret = "00".repeat(32);
        let a = PopKeys::derive("pop-1", &secret).unwrap();
        let b = PopKeys::derive("pop-2", &secret).unwrap();
        assert_ne!(a.request, a.token_key(1));
        assert_ne!(a.token_key(1), b.token_key(1));
        assert_ne!(a.token_key(1), a.token_key(2));
        let fresh = PopKeys::derive("pop-1", &secret).unwrap();
        assert_eq!(fresh.token_key(2), a.token_key(2));
        assert_eq!(fresh.token_key(1), a.token_key(1));
        assert_ne!(a.peer, b.peer);
        assert_ne!(a.challenge, a.challenge_key);
    }

    #[test]
    fn a_short_or_odd_secret_is_refused() {
        for secret in ["", "abc", "zz", &"00".repeat(31)] {
            assert!(PopKeys::derive("pop-1", secret).is_err(), "{secret}");
        }
    }

    #[test]
    fn fields_cannot_be_shifted() {
        assert_ne!(sign(b"k", &[b"ab", b"c"]), sign(b"k", &[b"a", b"bc"]));
    }

    #[test]
    fn debug_shows_no_secret() {
        let keys = PopKeys::derive("pop-1", &"ab".repeat(32)).unwrap();
        assert!(!format!("{keys:?}").contains(&keys.challenge));
    }
}
