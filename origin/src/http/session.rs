//! Who is signed in.
//!
//! Invariant: a session counts when its seal is ours, its five minutes are not over and it is
//! not revoked; the edge has checked the first two, we check all three. Its record in Redis is what
//! makes it renewable.

use super::Shared;
use super::answer::{Answer, Failure};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use kernel::ids::AccountId;
use kernel::problem::ProblemKind;
use kernel::session::{Session, session_cookie, verify_own_renewable, verify_own_session};

/// The session of the request's cookie.
pub(super) struct SignedIn(pub(super) Session);

impl FromRequestParts<Shared> for SignedIn {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, origin: &Shared) -> Answer<Self> {
        let sessions = origin.accounts.sessions();
        let key = sessions.seal_key();
        let session = cookie(&parts.headers)
            .and_then(|text| verify_own_session(key, text, crate::now()).ok());
        let session = session.ok_or(ProblemKind::SignedOut)?;
        if sessions.is_revoked(&session).await? {
            Err(ProblemKind::SignedOut.into())
        } else {
            Ok(Self(session))
        }
    }
}

/// A session that may have run out and can be renewed.
pub(super) struct Renewable(pub(super) Session);

impl FromRequestParts<Shared> for Renewable {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, origin: &Shared) -> Answer<Self> {
        let key = origin.accounts.sessions().seal_key();
        let session = cookie(&parts.headers)
            .and_then(|text| verify_own_renewable(key, text, crate::now()).ok());
        Ok(Self(session.ok_or(ProblemKind::SignedOut)?))
    }
}

/// Whose session the request's cookie is, as far as its seal says: whether it was revoked is not asked.
pub(super) fn account_of(origin: &Shared, headers: &HeaderMap) -> Option<AccountId> {
    let key = origin.accounts.sessions().seal_key();
    let session = cookie(headers).and_then(|text| verify_own_session(key, text, crate::now()).ok());
    Some(session?.account)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::COOKIE)?
        .to_str()
        .ok()
        .and_then(session_cookie)
}
