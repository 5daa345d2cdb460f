//! Forwarding to the origin.
//!
//! Invariant: headers go through by name only, in both directions. So nothing that a client made
//! up (`spin-*`, `forwarded`, `doorbuster-*`) arrives at the origin, and nothing internal leaves.

use crate::passes::{self, Shown};
use crate::routes::Pass;
use crate::settings::Relay;
use bytes::Bytes;
use kernel::problem::{Problem, ProblemKind};
use kernel::session::SESSION_COOKIE;
use kit::origin::{Ask, NoResponse, ask};
use kit::{body, visitor};
use spin_sdk::http::{BoxBody, HeaderMap, HeaderValue, Method, Request, Response, box_body};

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
const ANSWERED: [&str; 16] = [
    "allow",
    "cache-control",
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

/// Checks the pass, sends the request on and streams the answer back.
pub(crate) async fn forward(
    relay: &'static Relay,
    request: Request,
    pass: Pass,
) -> Result<Response<BoxBody>, Problem> {
    let client = visitor::client(&relay.edge, request.headers())?;
    let method = request.method().clone();
    let headers = request.headers().clone();
    let uri = request.uri().clone();
    let body = body::read(request).await?;
    let shown = Shown {
        path: uri.path(),
        headers: &headers,
        body: &body,
        client,
    };
    passes::check(relay, pass, &shown).await?;

    let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
    let asked = asked(&headers, pass);
    let send = async || {
        let request = Ask {
            method: method.clone(),
            path_and_query,
            headers: asked.clone(),
            client: client.to_string(),
            body: Bytes::clone(&body),
        };
        ask(&relay.edge, request, TIMEOUT_MS).await
    };
    let response = match send().await {
        Err(NoResponse::NotReached(_) | NoResponse::Broken(_)) if method == Method::GET => {
            send().await
        }
        response => response,
    };
    let response = response.map_err(|error| {
        eprintln!("{error}: {method} {}", uri.path());
        let detail = "Please try again in a moment.";
        Problem::new(ProblemKind::Unavailable, detail)
    })?;
    Ok(answered(response))
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

fn answered(response: Response) -> Response<BoxBody> {
    let (parts, body) = response.into_parts();
    let mut headers = HeaderMap::new();
    for name in ANSWERED {
        for value in parts.headers.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    let no_store = HeaderValue::from_static("no-store");
    headers.entry("cache-control").or_insert(no_store);
    let mut answer = Response::new(box_body(body));
    *answer.status_mut() = parts.status;
    *answer.headers_mut() = headers;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

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
