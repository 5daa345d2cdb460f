//! Sessions and code tickets: what the origin signs with its private key (EdDSA) and an edge
//! checks with the public one.
//!
//! Invariant: a session is valid for five minutes without asking anybody, and can be renewed by
//! the origin alone, while the shared session behind it lives. A ticket is never a session.
//!
//! A session also carries a seal, an HMAC over its claims that the origin alone can make and check:
//! for the origin, which sees every order, that costs a tenth of checking a signature.

pub use crate::jwt::BadToken;
pub use ed25519_dalek::{SigningKey, VerifyingKey};

use crate::ids::AccountId;
use crate::jwt::{Parts, sign_eddsa};
use crate::keys::hmac;
use crate::time::UnixMillis;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// How long a session is believed without asking the origin, in seconds.
pub const SESSION_LIFE_SECONDS: i64 = 300;
/// The cookie that carries a session.
pub const SESSION_COOKIE: &str = "__Host-session";

const ISSUER: &str = "doorbuster";
const SESSION_AUDIENCE: &str = "doorbuster-session";
const TICKET_AUDIENCE: &str = "doorbuster-ticket";
const KID: &str = "origin.1";

/// What a session says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Who is signed in.
    pub account: AccountId,
    /// The shared session behind it: 32 hexadecimal digits.
    pub id: String,
    /// Until when an edge believes it.
    pub expires_at: UnixMillis,
    /// Until when the origin may renew it.
    pub renewable_until: UnixMillis,
}

/// A one-time code was sent; whoever holds this ticket may answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Names the pending code at the origin: 32 hexadecimal digits.
    pub id: String,
    /// Until when the code can be answered.
    pub expires_at: UnixMillis,
}

#[derive(Serialize, Deserialize)]
struct SessionClaims {
    iss: String,
    aud: String,
    sub: AccountId,
    sid: String,
    exp: i64,
    renew: i64,
    #[serde(default)]
    seal: String,
}

impl SessionClaims {
    /// Over length-prefixed fields, so that none can pass for a part of another.
    fn seal(&self, key: &SealKey) -> Hmac<Sha256> {
        let mut mac = key.0.clone();
        let sub = self.sub.to_string();
        let (exp, renew) = (self.exp.to_string(), self.renew.to_string());
        for field in [&self.aud, &sub, &self.sid, &exp, &renew] {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field.as_bytes());
        }
        mac
    }

    fn read(self, now: UnixMillis) -> Result<Session, BadToken> {
        if self.aud != SESSION_AUDIENCE {
            return Err(BadToken::Audience);
        }
        if now.seconds() >= self.renew {
            return Err(BadToken::Expired);
        }
        Ok(Session {
            account: self.sub,
            id: self.sid,
            expires_at: UnixMillis::from_seconds(self.exp),
            renewable_until: UnixMillis::from_seconds(self.renew),
        })
    }
}

/// What the origin seals sessions with.
#[derive(Clone)]
pub struct SealKey(Hmac<Sha256>);

impl SealKey {
    /// Belongs to the key that signs, and tells nothing of it.
    pub fn derive(key: &SigningKey) -> Self {
        let mut mac = hmac(&key.to_bytes());
        mac.update(b"doorbuster session seal");
        Self(hmac(&mac.finalize().into_bytes()))
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey")
    }
}

#[derive(Serialize, Deserialize)]
struct TicketClaims {
    iss: String,
    aud: String,
    jti: String,
    exp: i64,
}

/// The text of a session.
pub fn sign_session(key: &SigningKey, seal: &SealKey, session: &Session) -> String {
    let mut claims = SessionClaims {
        iss: ISSUER.to_owned(),
        aud: SESSION_AUDIENCE.to_owned(),
        sub: session.account,
        sid: session.id.clone(),
        exp: session.expires_at.seconds(),
        renew: session.renewable_until.seconds(),
        seal: String::new(),
    };
    claims.seal = hex::encode(claims.seal(seal).finalize().into_bytes());
    sign_eddsa(key, KID, &claims)
}

/// Reads a session whose five minutes may be over, as long as it can still be renewed.
pub fn verify_renewable(
    key: &VerifyingKey,
    text: &str,
    now: UnixMillis,
) -> Result<Session, BadToken> {
    let claims: SessionClaims = Parts::split(text)?.verify_eddsa(key)?;
    claims.read(now)
}

/// What a session says, its signature not looked at: for whoever knows by other means that this very
/// text was checked.
pub fn read_unverified(text: &str, now: UnixMillis) -> Result<Session, BadToken> {
    let claims: SessionClaims = Parts::split(text)?.unverified()?;
    claims.read(now)
}

/// The same at the origin, by the seal.
pub fn verify_own_renewable(
    key: &SealKey,
    text: &str,
    now: UnixMillis,
) -> Result<Session, BadToken> {
    let claims: SessionClaims = Parts::split(text)?.unverified()?;
    let seal = hex::decode(&claims.seal).map_err(|_| BadToken::Signature)?;
    let sealed = claims.seal(key).verify_slice(&seal);
    sealed.map_err(|_| BadToken::Signature)?;
    claims.read(now)
}

/// Reads a session that is valid now, at the origin.
pub fn verify_own_session(key: &SealKey, text: &str, now: UnixMillis) -> Result<Session, BadToken> {
    let session = verify_own_renewable(key, text, now)?;
    if now >= session.expires_at {
        return Err(BadToken::Expired);
    }
    Ok(session)
}

/// The text of a ticket.
pub fn sign_ticket(key: &SigningKey, ticket: &Ticket) -> String {
    let claims = TicketClaims {
        iss: ISSUER.to_owned(),
        aud: TICKET_AUDIENCE.to_owned(),
        jti: ticket.id.clone(),
        exp: ticket.expires_at.seconds(),
    };
    sign_eddsa(key, KID, &claims)
}

/// Reads a ticket that is valid now.
pub fn verify_ticket(key: &VerifyingKey, text: &str, now: UnixMillis) -> Result<Ticket, BadToken> {
    let claims: TicketClaims = Parts::split(text)?.verify_eddsa(key)?;
    if claims.aud != TICKET_AUDIENCE {
        return Err(BadToken::Audience);
    }
    if now.seconds() >= claims.exp {
        return Err(BadToken::Expired);
    }
    Ok(Ticket {
        id: claims.jti,
        expires_at: UnixMillis::from_seconds(claims.exp),
    })
}

/// The session's text in a `Cookie` header, if there is exactly one.
pub fn session_cookie(cookie_header: &str) -> Option<&str> {
    let mut values = cookie_header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(name, value)| (name == SESSION_COOKIE).then_some(value));
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn session() -> Session {
        Session {
            account: AccountId(42),
            id: "ab".repeat(16),
            expires_at: NOON.plus_seconds(SESSION_LIFE_SECONDS),
            renewable_until: NOON.plus_seconds(3_600),
        }
    }

    fn seal() -> SealKey {
        SealKey::derive(&key())
    }

    #[test]
    fn a_session_is_valid_then_renewable_then_nothing() {
        let text = sign_session(&key(), &seal(), &session());
        let public = key().verifying_key();
        let expired = Err(BadToken::Expired);
        assert_eq!(verify_own_session(&seal(), &text, NOON), Ok(session()));
        let later = NOON.plus_seconds(301);
        assert_eq!(verify_own_session(&seal(), &text, later), expired);
        assert_eq!(verify_own_renewable(&seal(), &text, later), Ok(session()));
        assert_eq!(verify_renewable(&public, &text, later), Ok(session()));
        let much_later = NOON.plus_seconds(3_600);
        assert_eq!(verify_own_renewable(&seal(), &text, much_later), expired);
        assert_eq!(verify_renewable(&public, &text, much_later), expired);
    }

    #[test]
    fn a_ticket_is_no_session_and_the_other_way_round() {
        let ticket = Ticket {
            id: "cd".repeat(16),
            expires_at: NOON.plus_seconds(600),
        };
        let public = key().verifying_key();
        let ticket_text = sign_ticket(&key(), &ticket);
        assert_eq!(verify_ticket(&public, &ticket_text, NOON), Ok(ticket));
        assert!(verify_renewable(&public, &ticket_text, NOON).is_err());
        assert!(verify_own_session(&seal(), &ticket_text, NOON).is_err());
        let session_text = sign_session(&key(), &seal(), &session());
        assert!(verify_ticket(&public, &session_text, NOON).is_err());
    }

    #[test]
    fn another_key_is_refused() {
        let other = SigningKey::from_bytes(&[8; 32]);
        let refused = Err(BadToken::Signature);
        let text = sign_session(&other, &seal(), &session());
        let public = key().verifying_key();
        assert_eq!(verify_renewable(&public, &text, NOON), refused);
        let text = sign_session(&key(), &SealKey::derive(&other), &session());
        assert_eq!(verify_own_session(&seal(), &text, NOON), refused);
    }

    #[test]
    fn a_seal_holds_for_its_own_claims_alone() {
        let text = sign_session(&key(), &seal(), &session());
        let claims: SessionClaims = Parts::split(&text).unwrap().unverified().unwrap();
        let check = |change: fn(&mut SessionClaims)| {
            let mut claims: SessionClaims =
                serde_json::from_value(serde_json::to_value(&claims).unwrap()).unwrap();
            change(&mut claims);
            let text = sign_eddsa(&key(), KID, &claims);
            let result = verify_own_session(&seal(), &text, NOON);
            assert_eq!(result, Err(BadToken::Signature));
        };
        check(|claims| claims.sub = AccountId(43));
        check(|claims| claims.sid = "cd".repeat(16));
        check(|claims| claims.exp += 1);
        check(|claims| claims.renew += 1);
        check(|claims| claims.aud.push('x'));
        check(|claims| claims.seal.clear());
        check(|claims| claims.seal.truncate(2));
    }

    #[test]
    fn the_cookie_is_found_among_others_and_never_twice() {
        let check = |header, expected| assert_eq!(session_cookie(header), expected, "{header}");
        check("a=1; __Host-session=xyz; b=2", Some("xyz"));
        check("__Host-session=one; __Host-session=two", None);
        check("host-session=xyz", None);
        check("", None);
    }
}
