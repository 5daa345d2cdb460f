//! Checking passes.
//!
//! Invariant: everything is checked here before the origin hears of the request, and by the origin
//! once more; what is spent here is spent only for a request that is otherwise right.

use crate::elsewhere;
use crate::pace;
use crate::received::Received;
use crate::routes::{Pass, Route};
use crate::settings::Relay;
use kernel::challenge::Purpose;
use kernel::problem::{Problem, ProblemKind};
use kernel::session::{self, BadToken};
use kernel::time::UnixMillis;
use kernel::token::{PurchaseToken, verify};
use kernel::wire::{CodeRequest, OrderRequest, PasswordReset, Registration, SignIn};
use kit::body::json;
use kit::exchange::Asked;
use kit::snapshot::View;
use kit::{challenge, clock, snapshot, visitor};
use spin_sdk::http::HeaderMap;
use spin_sdk::wasip3::http::types;

/// Refuses an order with a token that is not ours before anything else of the request is read:
/// whoever forges sends many.
pub(crate) async fn not_forged(request: &types::Request) -> Result<(), Problem> {
    if !request.get_headers().has("authorization") {
        return Ok(());
    }
    let Some(asked) = Asked::read(request, &["authorization"]) else {
        return Ok(());
    };
    let route = Route::of(asked.method.as_str(), asked.uri.path());
    let (Route::Forward(Pass::Token), Some(token)) = (route, bearer(&asked.headers)) else {
        return Ok(());
    };
    let relay = Relay::get().await?;
    let view = snapshot::current(&relay.edge).await?;
    if elsewhere::giver(relay, &view, token).is_some() {
        return Ok(());
    }
    ours(relay, &view, token, clock::now()).map(drop)
}

/// Lets the request pass, or says what it lacks.
pub(crate) async fn check(
    relay: &'static Relay,
    pass: Pass,
    received: &Received,
) -> Result<(), Problem> {
    if let Pass::Challenge(purpose) = pass {
        let answer = challenge_of(purpose, received)?;
        let (edge, store) = (&relay.edge, &relay.store);
        return challenge::spend(edge, store, &answer, purpose, received.client).await;
    }
    let view = snapshot::current(&relay.edge).await?;
    let now = clock::now();
    match pass {
        Pass::Challenge(_) => Ok(()),
        Pass::Ticket => ticket(&view, received, now),
        Pass::Session => visitor::session(&received.headers, &view, now).map(drop),
        Pass::Renewable => visitor::renewable_session(&received.headers, &view, now).map(drop),
        Pass::Token => {
            let token = token(relay, &view, received, now)?;
            pace::admit(relay, &token).await
        }
    }
}

fn challenge_of(purpose: Purpose, received: &Received) -> Result<String, Problem> {
    Ok(match purpose {
        Purpose::Code => json::<CodeRequest>(&received.headers, &received.body)?.challenge,
        _ => json::<SignIn>(&received.headers, &received.body)?.challenge,
    })
}

fn ticket(view: &View, received: &Received, now: UnixMillis) -> Result<(), Problem> {
    let text = if received.uri.path() == "/api/accounts" {
        json::<Registration>(&received.headers, &received.body)?.ticket
    } else {
        json::<PasswordReset>(&received.headers, &received.body)?.ticket
    };
    let checked = session::verify_ticket(view.session_key(), &text, now);
    checked.map(drop).map_err(|error| match error {
        BadToken::Expired => Problem::field("ticket", "has expired; please ask for a new code"),
        _ => Problem::field("ticket", "is not one that we gave"),
    })
}

fn token(
    relay: &Relay,
    view: &View,
    received: &Received,
    now: UnixMillis,
) -> Result<PurchaseToken, Problem> {
    let session = || visitor::session(&received.headers, view, now);
    let Some(text) = bearer(&received.headers) else {
        session()?;
        return Err(ProblemKind::TokenMissing.into());
    };
    // The token first: its check costs a twentieth of a session's.
    let token = ours(relay, view, text, now)?;
    let session = session()?;
    let order: OrderRequest = json(&received.headers, &received.body)?;
    if token.account != session.account {
        return Err(invalid("The token is another account's."));
    }
    if token.sale != order.sale_id {
        return Err(invalid("The token is for another sale."));
    }
    Ok(token)
}

/// The token, if this PoP gave it and it still counts.
fn ours(relay: &Relay, view: &View, text: &str, now: UnixMillis) -> Result<PurchaseToken, Problem> {
    let versions = view.key_versions(&relay.edge)?;
    let token = verify(&relay.edge.keys, versions, text, now);
    token.map_err(|error| invalid(&format!("The token is {}.", reason(&error))))
}

fn invalid(detail: &str) -> Problem {
    Problem::new(ProblemKind::TokenInvalid, detail)
}

fn reason(error: &BadToken) -> &'static str {
    match error {
        BadToken::Expired => "no longer valid",
        BadToken::Malformed | BadToken::Signature | BadToken::Audience => "not one of ours",
    }
}

/// The token of the one `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("authorization").iter();
    let value = values.next()?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let only = values.next().is_none();
    (only && scheme.eq_ignore_ascii_case("bearer")).then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use spin_sdk::http::HeaderValue;

    #[test]
    fn a_token_travels_in_one_authorization_header() {
        let check = |values: &[&'static str], expected| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("authorization", HeaderValue::from_static(value));
            }
            assert_eq!(bearer(&headers), expected, "{values:?}");
        };
        check(&["Bearer abc"], Some("abc"));
        check(&["bearer abc"], Some("abc"));
        check(&["Basic abc"], None);
        check(&["Bearer a", "Bearer b"], None);
        check(&[], None);
    }
}
