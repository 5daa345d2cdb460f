//! Forwarding to the origin.
//!
//! Invariant: headers go through by name only, in both directions. So nothing that a client made
//! up (`spin-*`, `forwarded`, `doorbuster-*`) arrives at the origin, and nothing internal leaves. A
//! request is sent a second time only if the first cannot have had another effect.
//!
//! An answer's body is handed to the host as it is: the host pipes it to the client while it
//! arrives, and the instance is done with it. So a stream of events costs an instance nothing, and
//! ends at the origin when the client leaves.

use crate::received::Received;
use crate::routes::Pass;
use crate::settings::Relay;
use kernel::problem::{Problem, ProblemKind};
use kernel::session::SESSION_COOKIE;
use kit::origin::{Ask, NoResponse, ask};
use kit::visitor;
use spin_sdk::http::{HeaderMap, HeaderValue, Response};
use spin_sdk::wasip3::http::types;
use spin_sdk::wasip3::wit_future;

/// How long the origin may take to the first byte.
const TIMEOUT_MS: u64 = 10_000;

/// What the origin gets to see besides the session, the token and the signature.
const ASKED: [&str; 9] = [
    "accept",
    "accept-language",
    "content-type",
    "idempotency-key",
    "if-none-match",
    "last-event-id",
    "traceparent",
    "tracestate",
    "user-agent",
];
/// What the shopper gets to see.
const ANSWERED: [&str; 17] = [
    "allow",
    "cache-control",
    "content-disposition",
    "content-language",
    "content-length",
    "content-type",
    "deprecation",
    "etag",
    "last-modified",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "set-cookie",
    "traceparent",
    "vary",
];

/// Sends on what has passed, and gives the origin's answer, its body still on the way.
pub(crate) async fn send(
    relay: &'static Relay,
    pass: Pass,
    received: &Received,
) -> Result<types::Response, Problem> {
    answered(fetch(relay, pass, received).await?)
}

/// The same, with the answer as the origin gave it.
pub(crate) async fn fetch(
    relay: &'static Relay,
    pass: Pass,
    received: &Received,
) -> Result<Response, Problem> {
    let (method, uri) = (&received.method, &received.uri);
    let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
    let asked = asked(&received.headers, pass);
    let once = async || {
        let request = Ask {
            method: method.clone(),
            path_and_query,
            headers: asked.clone(),
            client: received.client.to_string(),
            body: received.body.clone(),
        };
        ask(&relay.edge, request, TIMEOUT_MS).await
    };
    let response = match once().await {
        Err(error) if may_repeat(&error, pass, received) => once().await,
        response => response,
    };
    response.map_err(|error| {
        eprintln!("{error}: {method} {}", uri.path());
        let detail = "Please try again in a moment.";
        Problem::new(ProblemKind::Unavailable, detail)
    })
}

/// Whether a request may be sent once more. What the origin has not seen may; what it may have
/// seen only if it then answers the same again: a look, an order (its id is the token's slot), a
/// payment with a key. A code or a sign-in may not, nor what would be told that it was done before.
fn may_repeat(error: &NoResponse, pass: Pass, received: &Received) -> bool {
    match error {
        NoResponse::NotReached(_) => true,
        NoResponse::Broken(_) => {
            let keyed = received.headers.contains_key("idempotency-key");
            received.method.is_safe()
                || pass == Pass::Token
                || (keyed && received.uri.path().ends_with("/payment"))
        }
        NoResponse::Slow(_) => false,
    }
}

fn asked(headers: &HeaderMap, pass: Pass) -> HeaderMap {
    let mut asked = HeaderMap::new();
    for name in ASKED {
        if let Some(value) = headers.get(name) {
            asked.insert(name, value.clone());
        }
    }
    // What was not checked does not travel: the token and, of all cookies, the session.
    if pass == Pass::Token
        && let Some(token) = headers.get("authorization")
    {
        asked.insert("authorization", token.clone());
    }
    if matches!(pass, Pass::Token | Pass::Session | Pass::Renewable)
        && let Some(session) = visitor::session_text(headers)
        && let Ok(cookie) = HeaderValue::try_from(format!("{SESSION_COOKIE}={session}"))
    {
        asked.insert("cookie", cookie);
    }
    asked
}

fn answered(response: Response) -> Result<types::Response, Problem> {
    let (parts, mut body) = response.into_parts();
    let mut headers = HeaderMap::new();
    for name in ANSWERED {
        for value in parts.headers.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    let no_store = HeaderValue::from_static("no-store");
    headers.entry("cache-control").or_insert(no_store);
    let unusable = || {
        eprintln!("the origin's answer cannot be passed on");
        Problem::from(ProblemKind::Internal)
    };
    let headers = headers.try_into().map_err(|_| unusable())?;
    let unread = body.take_unstarted().ok_or_else(unusable)?;
    let (_, read) = wit_future::new(|| Ok(()));
    let (contents, trailers) = types::Response::consume_body(unread, read);
    let (answer, _) = types::Response::new(headers, Some(contents), trailers);
    let status = answer.set_status_code(parts.status.as_u16());
    status.map_err(|()| unusable())?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::challenge::Purpose;

    #[test]
    fn only_what_has_the_same_effect_twice_is_sent_twice() {
        let check = |method: &str, path: &str, pass, keyed: bool, expected: bool| {
            let mut headers = HeaderMap::new();
            if keyed {
                headers.insert("idempotency-key", HeaderValue::from_static("k"));
            }
            let received = Received {
                method: method.parse().unwrap(),
                uri: path.parse().unwrap(),
                headers,
                body: bytes::Bytes::new(),
                client: [127, 0, 0, 1].into(),
            };
            let may = |error| may_repeat(&error, pass, &received);
            assert!(may(NoResponse::NotReached(String::new())), "{path}");
            assert!(!may(NoResponse::Slow(1)), "{path}");
            let broken = NoResponse::Broken(String::new());
            assert_eq!(may(broken), expected, "{method} {path}");
        };
        let (code, sign_in) = (Purpose::Code, Purpose::SignIn);
        check("GET", "/api/orders", Pass::Session, false, true);
        check("GET", "/api/session", Pass::Renewable, false, true);
        check("POST", "/api/orders", Pass::Token, false, true);
        check("POST", "/api/orders/5/payment", Pass::Session, true, true);
        check("POST", "/api/orders/5/payment", Pass::Session, false, false);
        check("POST", "/api/orders/5/cancel", Pass::Session, true, false);
        check("POST", "/api/accounts", Pass::Ticket, false, false);
        check(
            "POST",
            "/api/accounts/codes",
            Pass::Challenge(code),
            false,
            false,
        );
        check(
            "POST",
            "/api/session",
            Pass::Challenge(sign_in),
            true,
            false,
        );
        check("DELETE", "/api/session", Pass::Session, false, false);
    }

    #[test]
    fn nothing_a_client_made_up_goes_to_the_origin() {
        let mut headers = HeaderMap::new();
        for name in [
            "accept",
            "authorization",
            "connection",
            "doorbuster-client",
            "forwarded",
            "host",
            "spin-client-addr",
            "x-forwarded-for",
            "x-real-ip",
        ] {
            headers.insert(name, HeaderValue::from_static("6.6.6.6"));
        }
        let cookie = HeaderValue::from_static("theme=dark; __Host-session=abc");
        headers.insert("cookie", cookie);

        let names = |asked: &HeaderMap| {
            let mut names = asked
                .keys()
                .map(|name| name.as_str().to_owned())
                .collect::<Vec<_>>();
            names.sort();
            names
        };
        let session = asked(&headers, Pass::Session);
        assert_eq!(names(&session), ["accept", "cookie"]);
        assert_eq!(session["cookie"], "__Host-session=abc");
        assert_eq!(names(&asked(&headers, Pass::Ticket)), ["accept"]);
        let token = asked(&headers, Pass::Token);
        assert_eq!(names(&token), ["accept", "authorization", "cookie"]);
    }
}
