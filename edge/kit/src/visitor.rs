//! Who is asking: address, session, and the site they ask from.
//!
//! Invariant: what a shopper may do follows from signed things and from what the host itself
//! appended, never from a header alone.

mod verified;

use crate::settings::Edge;
use crate::snapshot::View;
use kernel::client_address::client_address;
use kernel::problem::{Problem, ProblemKind};
use kernel::session::{BadToken, Session, read_unverified, session_cookie};
use kernel::time::UnixMillis;
use spin_sdk::http::{HeaderMap, Method};
use std::net::IpAddr;

/// The address that limits, challenges and the origin go by.
pub fn client(edge: &Edge, headers: &HeaderMap) -> Result<IpAddr, Problem> {
    let peers = texts(headers, "spin-client-addr");
    let forwarded_for = texts(headers, "x-forwarded-for");
    let client = client_address(&peers, &forwarded_for, &edge.trusted_proxies);
    client.ok_or_else(|| {
        eprintln!("the host named no client address");
        ProblemKind::Internal.into()
    })
}

/// The session of a signed-in shopper; 401 if there is none that is valid now.
pub fn session(headers: &HeaderMap, view: &View, now: UnixMillis) -> Result<Session, Problem> {
    alive(renewable_session(headers, view, now)?, now)
}

/// The same for a request that may hold a proof of ours that the signature was checked: `vouched`
/// is told what the session says and its text. That costs a tenth of checking it again.
pub fn session_or_vouched(
    headers: &HeaderMap,
    view: &View,
    now: UnixMillis,
    vouched: impl FnOnce(&Session, &str) -> bool,
) -> Result<Session, Problem> {
    let text = session_text(headers);
    let said = text.and_then(|text| {
        let said = read_unverified(&text, now).ok()?;
        vouched(&said, &text).then_some(said)
    });
    match said {
        Some(session) => alive(known(session, view)?, now),
        None => session(headers, view, now),
    }
}

fn alive(session: Session, now: UnixMillis) -> Result<Session, Problem> {
    if now >= session.expires_at {
        let detail = "The session is to be renewed: GET /api/session.";
        return Err(Problem::new(ProblemKind::SignedOut, detail));
    }
    Ok(session)
}

/// The same, also when its five minutes are over but the origin can still renew it.
pub fn renewable_session(
    headers: &HeaderMap,
    view: &View,
    now: UnixMillis,
) -> Result<Session, Problem> {
    let signed_out = || Problem::from(ProblemKind::SignedOut);
    let text = session_text(headers).ok_or_else(signed_out)?;
    let session = verified::verify(view.session_key(), &text, now).map_err(|error| {
        let detail = match error {
            BadToken::Expired => "The session is over.",
            _ => "",
        };
        Problem::new(ProblemKind::SignedOut, detail)
    })?;
    known(session, view)
}

/// Unless it was ended.
fn known(session: Session, view: &View) -> Result<Session, Problem> {
    if view.is_revoked(&session.id) {
        return Err(ProblemKind::SignedOut.into());
    }
    Ok(session)
}

/// The text of the session cookie, if there is exactly one.
pub fn session_text(headers: &HeaderMap) -> Option<String> {
    // HTTP/2 may split the header into several.
    session_cookie(&texts(headers, "cookie").join("; ")).map(str::to_owned)
}

/// Refuses what another site made a browser send: a method that changes something needs an
/// `Origin` that is this site, if it comes with the cookie or names an origin at all.
pub fn check_site(edge: &Edge, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if method.is_safe() {
        return Ok(());
    }
    let origins = texts(headers, "origin");
    let own = match origins.as_slice() {
        // A program, not a browser: only a browser could have been made to send the cookie.
        [] => session_text(headers).is_none(),
        [origin] => *origin == edge.site,
        _ => false,
    };
    if own {
        Ok(())
    } else {
        let detail = format!("The header Origin must be {}.", edge.site);
        Err(Problem::new(ProblemKind::CrossSite, detail))
    }
}

/// All values of a header in order; what is no text counts as empty.
fn texts<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    values
        .map(|value| value.to_str().unwrap_or_default())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::ids::AccountId;
    use kernel::keys::PopKeys;
    use kernel::session::{SESSION_LIFE_SECONDS, SealKey, SigningKey, sign_session};
    use kernel::snapshot::Snapshot;
    use spin_sdk::http::HeaderValue;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    fn edge(trusted: &str) -> Edge {
        Edge {
            keys: PopKeys::derive("pop-1", &"5a".repeat(32)).unwrap(),
            origin_url: "http://127.0.0.1:4000".to_owned(),
            site: "https://shop.example".to_owned(),
            pop_url: String::new(),
            trusted_proxies: kernel::client_address::parse_proxies(trusted).unwrap(),
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::try_from(*value).unwrap());
        }
        headers
    }

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn view(revoked: &[&str]) -> View {
        let snapshot = Snapshot {
            version: "1".to_owned(),
            generated_at_ms: NOON,
            session_key: hex::encode(key().verifying_key().to_bytes()),
            revoked_sessions: revoked.iter().map(|id| (*id).to_owned()).collect(),
            pops: Vec::new(),
            sales: Vec::new(),
        };
        View::new(snapshot, "\"1\"".to_owned()).unwrap()
    }

    fn cookie() -> String {
        let session = Session {
            account: AccountId(42),
            id: "ab".repeat(16),
            expires_at: NOON.plus_seconds(SESSION_LIFE_SECONDS),
            renewable_until: NOON.plus_seconds(3_600),
        };
        format!(
            "__Host-session={}",
            sign_session(&key(), &SealKey::derive(&key()), &session)
        )
    }

    #[test]
    fn a_session_is_read_from_any_cookie_header() {
        let headers = headers(&[("cookie", "a=1"), ("cookie", &cookie())]);
        let session = session(&headers, &view(&[]), NOON).unwrap();
        assert_eq!(session.account, AccountId(42));
    }

    #[test]
    fn an_expired_session_can_be_renewed_and_a_revoked_one_cannot() {
        let headers = headers(&[("cookie", &cookie())]);
        let later = NOON.plus_seconds(SESSION_LIFE_SECONDS);
        assert!(session(&headers, &view(&[]), later).is_err());
        assert!(renewable_session(&headers, &view(&[]), later).is_ok());
        let revoked = view(&[&"ab".repeat(16)]);
        assert!(renewable_session(&headers, &revoked, NOON).is_err());
    }

    #[test]
    fn who_is_vouched_for_is_believed_while_the_session_lives() {
        let check = |text: &str, vouched: bool, revoked: &[&str], later, expected: bool| {
            let headers = headers(&[("cookie", text)]);
            let now = NOON.plus_seconds(later);
            let session = session_or_vouched(&headers, &view(revoked), now, |said, _| {
                assert_eq!(said.account, AccountId(42));
                vouched
            });
            assert_eq!(session.is_ok(), expected, "{text} {vouched} {later}");
        };
        let good = cookie();
        let forged = good[..good.len() - 8].to_owned() + "AAAAAAAA";
        check(&good, true, &[], 0, true);
        check(&good, false, &[], 0, true);
        // The one who vouches has seen this very text; nobody else can.
        check(&forged, true, &[], 0, true);
        check(&forged, false, &[], 0, false);
        check(&good, true, &[&"ab".repeat(16)], 0, false);
        check(&good, true, &[], SESSION_LIFE_SECONDS, false);
    }

    #[test]
    fn another_site_cannot_act_with_the_cookie() {
        let check = |method: Method, pairs: &[(&'static str, &str)], allowed| {
            let result = check_site(&edge(""), &method, &headers(pairs));
            assert_eq!(result.is_ok(), allowed, "{method} {pairs:?}");
        };
        let cookie = cookie();
        let cookie = ("cookie", cookie.as_str());
        let own = ("origin", "https://shop.example");
        let other = ("origin", "https://shop.example.evil");
        check(Method::POST, &[cookie, own], true);
        check(Method::POST, &[cookie], false);
        check(Method::POST, &[cookie, other], false);
        check(Method::POST, &[cookie, ("origin", "null")], false);
        check(Method::POST, &[cookie, own, other], false);
        check(Method::DELETE, &[cookie, other], false);
        check(Method::POST, &[], true);
        check(Method::POST, &[other], false);
        check(Method::GET, &[cookie, other], true);
    }

    #[test]
    fn the_client_is_whom_the_host_appended() {
        let pairs = [
            ("spin-client-addr", "6.6.6.6:1"),
            ("spin-client-addr", "127.0.0.1:9"),
        ];
        let address = client(&edge(""), &headers(&pairs)).unwrap();
        assert_eq!(address.to_string(), "127.0.0.1");
        assert!(client(&edge(""), &headers(&[])).is_err());
    }
}
