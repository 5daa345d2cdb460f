//! Sessions whose signature this instance has just checked.
//!
//! Invariant: what is remembered is the outcome of a check, found only by SHA-256 over the key and
//! the whole text of the cookie: whoever finds it has shown the cookie again. It holds for
//! [`KEPT_MS`] at most and never longer than the session. That, and nothing else of a shopper, is
//! in a `static`. Whether the session was ended is not remembered: that is looked up each time.

use kernel::session::{BadToken, Session, VerifyingKey, verify_renewable};
use kernel::time::UnixMillis;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How long a check is believed, in milliseconds.
const KEPT_MS: i64 = 2_000;
/// Checks an instance remembers; then it forgets them all.
const KEPT_MAX: usize = 1_024;

static VERIFIED: Mutex<Option<Verified>> = Mutex::new(None);

/// As [`verify_renewable`], and a tenth of its cost for a cookie that was seen a moment ago.
pub(super) fn verify(key: &VerifyingKey, text: &str, now: UnixMillis) -> Result<Session, BadToken> {
    let mut kept = VERIFIED.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_with(Verified::default);
    kept.verify(key, text, now, verify_renewable)
}

type Fingerprint = [u8; 32];

#[derive(Default)]
struct Verified {
    sessions: HashMap<Fingerprint, (Session, UnixMillis)>,
}

impl Verified {
    fn verify(
        &mut self,
        key: &VerifyingKey,
        text: &str,
        now: UnixMillis,
        check: impl FnOnce(&VerifyingKey, &str, UnixMillis) -> Result<Session, BadToken>,
    ) -> Result<Session, BadToken> {
        let fingerprint = fingerprint(key, text);
        if let Some((session, checked_at)) = self.sessions.get(&fingerprint) {
            // A clock that was set back makes a check old, not young for hours.
            let fresh = now.since(*checked_at).abs() < KEPT_MS;
            if fresh && now < session.renewable_until {
                return Ok(session.clone());
            }
            self.sessions.remove(&fingerprint);
        }
        let session = check(key, text, now)?;
        if self.sessions.len() >= KEPT_MAX {
            self.sessions.clear();
        }
        self.sessions.insert(fingerprint, (session.clone(), now));
        Ok(session)
    }
}

fn fingerprint(key: &VerifyingKey, text: &str) -> Fingerprint {
    // The key has a fixed length, so that nothing of the text can pass for a part of it.
    let hash = Sha256::new().chain_update(key.as_bytes());
    hash.chain_update(text.as_bytes()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::ids::AccountId;
    use kernel::session::{SealKey, SigningKey, sign_session};

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_bytes(&[byte; 32])
    }

    fn cookie(account: u64, renewable_until: UnixMillis) -> String {
        let session = Session {
            account: AccountId(account),
            id: "ab".repeat(16),
            expires_at: NOON,
            renewable_until,
        };
        sign_session(&key(7), &SealKey::derive(&key(7)), &session)
    }

    /// Whether the signature was looked at, and whose session it was found to be.
    fn look(kept: &mut Verified, key: &SigningKey, text: &str, now: UnixMillis) -> (bool, u64) {
        let mut looked = false;
        let session = kept.verify(&key.verifying_key(), text, now, |key, text, now| {
            looked = true;
            verify_renewable(key, text, now)
        });
        (looked, session.map_or(0, |session| session.account.0))
    }

    #[test]
    fn a_signature_is_checked_once_in_two_seconds() {
        let mut kept = Verified::default();
        let text = cookie(42, NOON.plus_seconds(60));
        let mut check = |later_ms, expected| {
            let now = NOON.plus_ms(later_ms);
            assert_eq!(look(&mut kept, &key(7), &text, now), expected, "{later_ms}");
        };
        check(0, (true, 42));
        check(1_999, (false, 42));
        check(2_000, (true, 42));
        check(-1, (true, 42));
    }

    #[test]
    fn only_the_same_cookie_under_the_same_key_is_believed() {
        let mut kept = Verified::default();
        let (one, other) = (
            cookie(1, NOON.plus_ms(9_000)),
            cookie(2, NOON.plus_ms(9_000)),
        );
        assert_eq!(look(&mut kept, &key(7), &one, NOON), (true, 1));
        assert_eq!(look(&mut kept, &key(7), &other, NOON), (true, 2));
        let mut forged = one.clone();
        forged.pop();
        assert_eq!(look(&mut kept, &key(7), &forged, NOON), (true, 0));
        assert_eq!(look(&mut kept, &key(8), &one, NOON), (true, 0));
        assert_eq!(look(&mut kept, &key(7), &one, NOON), (false, 1));
    }

    #[test]
    fn a_session_is_not_outlived() {
        let mut kept = Verified::default();
        let text = cookie(1, NOON.plus_ms(1_000));
        assert_eq!(look(&mut kept, &key(7), &text, NOON), (true, 1));
        let over = NOON.plus_ms(1_000);
        assert_eq!(look(&mut kept, &key(7), &text, over), (true, 0));
    }

    #[test]
    fn no_more_is_remembered_than_fits() {
        let mut kept = Verified::default();
        let session = || Session {
            account: AccountId(1),
            id: String::new(),
            expires_at: NOON,
            renewable_until: NOON.plus_ms(9_000),
        };
        for number in 0..3 * KEPT_MAX {
            let text = number.to_string();
            let key = key(7).verifying_key();
            kept.verify(&key, &text, NOON, |_, _, _| Ok(session()))
                .unwrap();
            assert!(kept.sessions.len() <= KEPT_MAX);
        }
    }
}
