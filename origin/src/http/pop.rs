//! Checks the signature of the PoP that forwards a request.
//!
//! Invariant: what passes here was signed by a PoP we know and have not revoked, body and all, within
//! 30 s.

use super::answer::{Answer, Failure, overloaded};
use super::{Shared, body, flow};
use crate::flow::Outcome;
use crate::ops::metrics::METRICS;
use crate::pops::PopError;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kernel::keys::PopKeys;
use kernel::pop_signature::{
    CLIENT_HEADER, NONCE_HEADER, POP_HEADER, SIGNATURE_HEADER, Signed, TIME_HEADER, verify,
};
use kernel::problem::{Problem, ProblemKind};
use kernel::time::UnixMillis;
use kernel::token::KeyVersions;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long a request may take before it is given up; the relay waits 10 s.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);

/// The PoP that signed this request, and which versions of its keys count.
#[derive(Clone, Debug)]
pub(super) struct Pop(pub(super) PopKeys, pub(super) KeyVersions);

impl<S: Sync> axum::extract::FromRequestParts<S> for Pop {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        parts
            .extensions
            .get::<Pop>()
            .cloned()
            .ok_or_else(|| ProblemKind::UnknownPop.into())
    }
}

/// Lets signed requests through, and sheds those that are too many or beyond a rule.
pub(super) async fn authenticate(
    State(origin): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    METRICS
        .edge_requests
        .with_label_values(&[route_of(request.uri().path())])
        .inc();
    let Ok(_permit) = origin.in_flight.try_acquire() else {
        METRICS.guard.shed("http", "busy");
        return overloaded("Too many requests at this moment.").into_response();
    };
    let here = flow::here(&origin, &request);
    let pass = match flow::enter(&here).await {
        Ok(pass) => pass,
        Err(shed) => return shed,
    };
    let began = Instant::now();
    let answer = async {
        match checked(&origin, request).await {
            Ok(request) => flow::run(&origin, &here, request, next).await,
            Err(failure) => failure.into_response(),
        }
    };
    let (answer, outcome) = if let Ok(answer) = timeout(REQUEST_TIMEOUT, answer).await {
        let outcome = flow::outcome(&answer);
        (answer, outcome)
    } else {
        let late = overloaded("This took too long. Please try again.");
        (late.into_response(), Outcome::Late)
    };
    pass.done(outcome, began.elapsed());
    answer
}

/// The first two parts of a path: few enough to be a metric's label.
fn route_of(path: &str) -> &'static str {
    const ROUTES: [&str; 9] = [
        "/internal/snapshot",
        "/internal/leases",
        "/internal/lobbies",
        "/internal/images",
        "/internal/slots",
        "/api/accounts",
        "/api/session",
        "/api/orders",
        "/api",
    ];
    ROUTES
        .into_iter()
        .find(|route| path.starts_with(route))
        .unwrap_or("other")
}

async fn checked(origin: &Shared, request: Request) -> Answer<Request> {
    let (mut parts, request_body) = request.into_parts();
    let keys = origin.pops.keys(text(&parts.headers, POP_HEADER)?)?;
    let rebuilt = Request::from_parts(parts.clone(), request_body);
    let bytes = body::read(rebuilt, origin).await?;
    let refuse = |why: &str| Failure(Problem::new(ProblemKind::UnknownPop, why));
    let time = text(&parts.headers, TIME_HEADER)?.parse();
    let signed = Signed {
        time: UnixMillis(time.map_err(|_| refuse("The signing time is no number."))?),
        nonce: text(&parts.headers, NONCE_HEADER)?,
        method: parts.method.as_str(),
        path_and_query: parts.uri.path_and_query().map_or("/", |path| path.as_str()),
        authorization: optional(&parts.headers, header::AUTHORIZATION.as_str())?,
        client: optional(&parts.headers, CLIENT_HEADER)?,
        body: &bytes,
    };
    let signature = text(&parts.headers, SIGNATURE_HEADER)?;
    verify(keys, &signed, signature, crate::now()).map_err(|error| refuse(&error.to_string()))?;
    let versions = origin.pops.admit(&origin.stores.ledger, &keys.pop).await?;
    let pop = Pop(keys.clone(), versions);
    parts.extensions.insert(pop);
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

impl From<PopError> for Failure {
    fn from(error: PopError) -> Self {
        match error {
            PopError::Unknown => ProblemKind::UnknownPop.into(),
            PopError::Revoked => Self(Problem::new(
                ProblemKind::UnknownPop,
                "This edge is revoked.",
            )),
            other => super::answer::unavailable(&other),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Answer<&'a str> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.ok_or_else(|| {
        Problem::new(
            ProblemKind::UnknownPop,
            format!("The header {name} is missing."),
        )
        .into()
    })
}

fn optional<'a>(headers: &'a HeaderMap, name: &str) -> Answer<&'a str> {
    let Some(value) = headers.get(name) else {
        return Ok("");
    };
    value.to_str().map_err(|_| {
        Problem::new(
            ProblemKind::Malformed,
            format!("The header {name} is not text."),
        )
        .into()
    })
}
