//! Who asks, and whether they may.
//!
//! Invariant: a cookie is believed only of a request that our own pages send; a request that carries
//! a token in a header needs no such check, as no other site can make a browser send it.

use super::super::answer::overloaded;
use super::super::serve::Peer;
use super::PERMISSIONS;
use super::answer::{Answer, Refused};
use crate::ledger::Role;
use crate::operators::{Door, Operator};
use crate::settings::AdminSettings;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kernel::client_address::client_address;
use kernel::problem::{Problem, ProblemKind};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Requests of operators at the same time; one more is shed.
const IN_FLIGHT_MAX: usize = 64;
/// How long a request of an operator may take: a rebuild waits for the queue, a withdrawal for it.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
/// The cookie of a session.
pub(super) const COOKIE: &str = "__Host-operator";

/// What stands before the rooms.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) door: Door,
    settings: AdminSettings,
    in_flight: Semaphore,
}

impl Gate {
    pub(super) fn new(door: Door, settings: AdminSettings) -> Self {
        Self {
            door,
            settings,
            in_flight: Semaphore::new(IN_FLIGHT_MAX),
        }
    }

    /// Where a request comes from.
    pub(super) fn address(&self, peer: Option<&Peer>, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer?.0.to_string();
        let forwarded = headers.get_all("x-forwarded-for").into_iter();
        let forwarded: Vec<&str> = forwarded.filter_map(|value| value.to_str().ok()).collect();
        client_address(&[&peer], &forwarded, &self.settings.proxies)
    }

    /// Refuses what another site made a browser send.
    pub(super) fn same_site(&self, method: &Method, headers: &HeaderMap) -> Answer<()> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let origin = text("origin");
        let is_ours = match (text("sec-fetch-site"), origin) {
            (Some("same-origin"), _) => true,
            // Typed into the address bar, a link followed, or no browser's: it changes nothing.
            (Some("none"), _) | (None, None) => method.is_safe(),
            (Some(_), _) => false,
            (None, Some(origin)) => self.is_ours(origin, text(header::HOST.as_str())),
        };
        if is_ours {
            Ok(())
        } else {
            let detail = "Send it from the site itself, or with the token in `authorization`.";
            Err(Problem::new(ProblemKind::CrossSite, detail).into())
        }
    }

    fn is_ours(&self, origin: &str, host: Option<&str>) -> bool {
        let named = origin.split_once("://").map(|(_, host)| host);
        self.settings.url.as_deref() == Some(origin) || (named.is_some() && named == host)
    }
}

/// Sheds what is too much, and gives up what takes too long.
pub(super) async fn shed(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let Ok(_permit) = gate.in_flight.try_acquire() else {
        return overloaded("Too many requests at this moment.").into_response();
    };
    let late = |_| {
        let detail = "This takes long. It may be done all the same: look before you repeat it.";
        overloaded(detail).into_response()
    };
    timeout(REQUEST_TIMEOUT, next.run(request))
        .await
        .unwrap_or_else(late)
}

/// Says of every answer that nobody may keep it.
pub(super) async fn never_stored(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// The token of a request, and whether it came as a cookie.
pub(super) fn token(headers: &HeaderMap) -> Option<(&str, bool)> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        return is_bearer.then_some((token.trim(), false));
    }
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let mut pairs = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, token)| (token, true))
}

/// Finds out who asks.
pub(super) async fn authenticate(
    State(gate): State<Arc<Gate>>,
    mut request: Request,
    next: Next,
) -> Answer<Response> {
    let (token, is_cookie) = token(request.headers()).ok_or(ProblemKind::SignedOut)?;
    if is_cookie {
        gate.same_site(request.method(), request.headers())?;
    }
    let operator = gate.door.who(token).await?.ok_or(ProblemKind::SignedOut)?;
    request.extensions_mut().insert(operator);
    Ok(next.run(request).await)
}

/// Lets those through whose role may do this; others are told, and logged.
pub(super) async fn permit(
    State(gate): State<Option<Arc<Gate>>>,
    path: MatchedPath,
    request: Request,
    next: Next,
) -> Answer<Response> {
    let operator = request.extensions().get::<Operator>();
    let operator = operator.ok_or(ProblemKind::SignedOut)?;
    let needs = match needed(request.method(), path.as_str()) {
        Needed::Role(role) => role,
        Needed::OtherMethod => return Err(ProblemKind::MethodNotAllowed.into()),
        Needed::Unlisted => {
            tracing::error!(
                path = path.as_str(),
                "A route has no role, so nobody may use it"
            );
            return Err(ProblemKind::Internal.into());
        }
    };
    if operator.role < needs {
        let what = format!("{} {}", request.method(), request.uri().path());
        if let Some(gate) = gate {
            gate.door.forbid(operator, &what, needs).await?;
        }
        let detail = format!("Your role is {}; this takes {needs}.", operator.role);
        return Err(Problem::new(ProblemKind::Forbidden, detail).into());
    }
    Ok(next.run(request).await)
}

#[derive(Debug, PartialEq, Eq)]
enum Needed {
    Role(Role),
    OtherMethod,
    Unlisted,
}

fn needed(method: &Method, path: &str) -> Needed {
    let method = if method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    let mut of_path = PERMISSIONS
        .iter()
        .filter(|(_, listed, _)| *listed == path)
        .peekable();
    if of_path.peek().is_none() {
        return Needed::Unlisted;
    }
    of_path
        .find(|(listed, ..)| *listed == method)
        .map_or(Needed::OtherMethod, |(.., role)| Needed::Role(*role))
}

/// Who asks.
pub(super) struct By(pub(super) Operator);

impl<S: Sync> FromRequestParts<S> for By {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        let operator = parts.extensions.get::<Operator>().cloned();
        operator
            .map(Self)
            .ok_or_else(|| ProblemKind::SignedOut.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_answers_those_alone_whom_the_table_names() {
        let check = |method: Method, path, expected| {
            assert_eq!(needed(&method, path), expected, "{method} {path}");
        };
        check(Method::GET, "/admin/api/log", Needed::Role(Role::Viewer));
        check(Method::HEAD, "/admin/api/log", Needed::Role(Role::Viewer));
        check(Method::DELETE, "/admin/api/log", Needed::OtherMethod);
        check(
            Method::POST,
            "/admin/api/operators",
            Needed::Role(Role::Admin),
        );
        check(Method::GET, "/admin/api/else", Needed::Unlisted);
    }

    #[test]
    fn the_token_of_a_header_comes_before_the_cookie() {
        let check = |headers: &[(&'static str, &'static str)], expected| {
            let pairs = headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            let headers: HeaderMap = pairs.collect();
            assert_eq!(token(&headers), expected);
        };
        check(&[], None);
        check(&[("cookie", "a=1; __Host-operator=x")], Some(("x", true)));
        check(&[("cookie", "__Host-session=x")], None);
        check(
            &[
                ("cookie", "__Host-operator=x"),
                ("authorization", "Bearer y"),
            ],
            Some(("y", false)),
        );
        check(
            &[
                ("cookie", "__Host-operator=x"),
                ("authorization", "Basic y"),
            ],
            None,
        );
    }
}
