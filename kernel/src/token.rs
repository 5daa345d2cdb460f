//! Purchase tokens: the right to place one order in one sale, handed out by a gate.
//!
//! Invariant: a token is bound to one account, one sale, one slot, one lease and one PoP, and is
//! worth nothing before `not_before` or after `expires_at`.
//!
//! Form: JWT, HS256, `kid` = PoP and key version.

pub use crate::jwt::BadToken;

use crate::ids::{AccountId, LeaseId, OrderId, SaleId};
use crate::jwt::{Parts, sign_hs256};
use crate::keys::PopKeys;
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// How long a token lives after its `not_before`, in seconds.
pub const TOKEN_LIFE_SECONDS: i64 = 120;
const AUDIENCE: &str = "doorbuster-purchase";

/// What a purchase token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseToken {
    /// Whose it is.
    pub account: AccountId,
    /// The sale it admits to.
    pub sale: SaleId,
    /// The slot it spends, and so the id of the order it may become.
    pub slot: OrderId,
    /// The lease the slot came from.
    pub lease: LeaseId,
    /// It opens no door before this.
    pub not_before: UnixMillis,
    /// Nor after this; whole seconds.
    pub expires_at: UnixMillis,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: AccountId,
    sale: SaleId,
    slot: OrderId,
    lease: LeaseId,
    nbf: i64,
    /// `nbf` in milliseconds: the rate of admission is finer than JWT's seconds.
    nbf_ms: UnixMillis,
    exp: i64,
    jti: OrderId,
}

/// Which versions of a PoP's key count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyVersions {
    /// What tokens are signed with.
    pub current: u32,
    /// The oldest whose tokens still count.
    pub oldest: u32,
}

impl KeyVersions {
    /// Of a PoP whose key was never rotated.
    pub const FIRST: Self = Self {
        current: 1,
        oldest: 1,
    };
    /// How many count at most: a page may hold a newer one than this edge knows of.
    const SPAN_MAX: u32 = 3;

    /// The version that a `kid` of this PoP names, if it counts. The next one does as well: a
    /// rotation reaches the PoP's instances and the origin not at the same moment.
    fn of_kid(self, keys: &PopKeys, kid: &str) -> Option<u32> {
        let newest = self.current.saturating_add(1);
        let oldest = self.oldest.max(newest.saturating_sub(Self::SPAN_MAX));
        (oldest..=newest).find(|version| keys.kid(*version) == kid)
    }
}

/// Signs `token` with the key of this version of the PoP that hands it out.
pub fn mint(keys: &PopKeys, version: u32, token: &PurchaseToken) -> String {
    let claims = Claims {
        iss: keys.pop.clone(),
        aud: AUDIENCE.to_owned(),
        sub: token.account,
        sale: token.sale,
        slot: token.slot,
        lease: token.lease,
        nbf: token.not_before.seconds(),
        nbf_ms: token.not_before,
        exp: token.expires_at.seconds(),
        jti: token.slot,
    };
    sign_hs256(&keys.token_key(version), &keys.kid(version), &claims)
}

/// The PoP that a token says it is from; whether it is, only that PoP can tell.
pub fn pop_of(token: &str) -> Option<String> {
    let parts = Parts::split(token).ok()?;
    let (pop, _) = parts.kid().rsplit_once('.')?;
    Some(pop.to_owned())
}

/// Reads a token of the PoP that `keys` belong to. Whether it is too early is the caller's
/// question: the relay waits, the origin allows a second.
pub fn verify(
    keys: &PopKeys,
    versions: KeyVersions,
    token: &str,
    now: UnixMillis,
) -> Result<PurchaseToken, BadToken> {
    let parts = Parts::split(token)?;
    let version = versions
        .of_kid(keys, parts.kid())
        .ok_or(BadToken::Signature)?;
    let claims: Claims = parts.verify_hs256(&keys.token_key(version))?;
    if claims.aud != AUDIENCE || claims.iss != keys.pop {
        return Err(BadToken::Audience);
    }
    if now.seconds() >= claims.exp {
        return Err(BadToken::Expired);
    }
    Ok(PurchaseToken {
        account: claims.sub,
        sale: claims.sale,
        slot: claims.slot,
        lease: claims.lease,
        not_before: claims.nbf_ms,
        expires_at: UnixMillis::from_seconds(claims.exp),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    fn keys(pop: &str) -> PopKeys {
        PopKeys::derive(pop, &"5a".repeat(32)).unwrap()
    }

    fn token() -> PurchaseToken {
        PurchaseToken {
            account: AccountId(7),
            sale: SaleId(8),
            slot: OrderId(9),
            lease: LeaseId(10),
            not_before: NOON.plus_ms(250),
            expires_at: NOON.plus_seconds(TOKEN_LIFE_SECONDS),
        }
    }

    #[test]
    fn a_token_reads_as_it_was_written() {
        let text = mint(&keys("pop-1"), 1, &token());
        assert_eq!(
            verify(&keys("pop-1"), KeyVersions::FIRST, &text, NOON),
            Ok(token())
        );
    }

    #[test]
    fn another_pop_a_later_time_and_a_changed_claim_are_refused() {
        let text = mint(&keys("pop-1"), 1, &token());
        assert_eq!(
            verify(&keys("pop-2"), KeyVersions::FIRST, &text, NOON),
            Err(BadToken::Signature)
        );
        let later = NOON.plus_seconds(TOKEN_LIFE_SECONDS);
        assert_eq!(
            verify(&keys("pop-1"), KeyVersions::FIRST, &text, later),
            Err(BadToken::Expired)
        );

        let mut parts: Vec<String> = text.split('.').map(str::to_owned).collect();
        let claims = String::from_utf8(BASE64.decode(&parts[1]).unwrap()).unwrap();
        parts[1] = BASE64.encode(claims.replace("\"sub\":\"7\"", "\"sub\":\"6\""));
        assert_eq!(
            verify(&keys("pop-1"), KeyVersions::FIRST, &parts.join("."), NOON),
            Err(BadToken::Signature)
        );
    }

    #[test]
    fn the_algorithm_is_not_the_tokens_to_choose() {
        let text = mint(&keys("pop-1"), 1, &token());
        let claims = text.split('.').nth(1).unwrap();
        for header in [
            r#"{"alg":"none","kid":"pop-1.1"}"#,
            r#"{"alg":"EdDSA","kid":"pop-1.1"}"#,
        ] {
            let forged = format!("{}.{claims}.", BASE64.encode(header));
            assert_eq!(
                verify(&keys("pop-1"), KeyVersions::FIRST, &forged, NOON),
                Err(BadToken::Signature)
            );
        }
    }

    #[test]
    fn a_token_says_whose_it_is() {
        let text = mint(&keys("pop-1"), 7, &token());
        assert_eq!(pop_of(&text).as_deref(), Some("pop-1"));
        assert_eq!(pop_of("a.b.c"), None);
    }

    #[test]
    fn after_a_rotation_the_former_key_counts_for_a_while() {
        let check = |signed_with, current, oldest, expected: bool| {
            let text = mint(&keys("pop-1"), signed_with, &token());
            let versions = KeyVersions { current, oldest };
            let result = verify(&keys("pop-1"), versions, &text, NOON);
            assert_eq!(result.is_ok(), expected, "{signed_with} {versions:?}");
        };
        check(1, 1, 1, true);
        check(2, 1, 1, true);
        check(3, 1, 1, false);
        check(1, 2, 1, true);
        check(1, 2, 2, false);
        check(1, 9, 1, false);
    }

    #[test]
    fn rubbish_is_malformed() {
        for text in ["", "a", "a.b.c", "..", &"x".repeat(5_000)] {
            assert_eq!(
                verify(&keys("pop-1"), KeyVersions::FIRST, text, NOON),
                Err(BadToken::Malformed),
                "{text}"
            );
        }
    }
}
