//! Requests that belong to another PoP.
//!
//! Invariant: an account is served at its home alone, and a request is handed on once at most. What
//! a PoP hands on is signed for the one that receives it, whose limits then count the shopper's
//! address and not the PoP's.
//!
//! All PoPs answer under one host name, so a shopper may come to any of them.

use crate::answer::{Answer, bytes};
use crate::body::{Whole, collect};
use crate::settings::Edge;
use crate::snapshot::View;
use crate::{clock, random, visitor};
use bytes::Bytes;
use kernel::ids::AccountId;
use kernel::pop::{PopView, home};
use kernel::pop_signature::{
    CLIENT_HEADER, NONCE_HEADER, POP_HEADER, SIGNATURE_HEADER, Signed, TIME_HEADER, peer_signature,
    verify_peer,
};
use kernel::problem::{Problem, ProblemKind};
use kernel::session::{SESSION_COOKIE, VerifyingKey};
use kernel::time::UnixMillis;
use spin_sdk::http::{FullBody, HeaderMap, HeaderValue, Method, Request, Uri, send};
use std::net::IpAddr;

/// How long the home may take to answer.
const TIMEOUT_MS: u64 = 3_000;
/// The longest answer that is handed back, in bytes.
const ANSWER_BYTES_MAX: usize = 512 * 1_024;
/// What the home gets to see of a request, besides the session.
const ASKED: [&str; 6] = [
    "accept",
    "authorization",
    "content-type",
    "origin",
    "traceparent",
    "user-agent",
];
/// What the shopper gets to see of its answer.
const ANSWERED: [&str; 7] = [
    "cache-control",
    "content-type",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "set-cookie",
];

/// A shopper's request, read whole.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a Bytes,
}

/// Where a request is served.
#[derive(Debug)]
pub enum At {
    /// Here, for the shopper with this address.
    Here(IpAddr),
    /// At the account's home, which answered.
    Home(Answer),
}

impl<'a> Asked<'a> {
    /// All of a request.
    pub fn of(request: &'a Whole) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            body: request.body(),
        }
    }

    fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }
}

/// Serves a request of `account` where it belongs. `drawn` says whether places were drawn already,
/// see [`home`].
pub async fn at_home(
    edge: &Edge,
    view: &View,
    asked: Asked<'_>,
    account: AccountId,
    drawn: bool,
) -> Result<At, Problem> {
    let own = view.own_pop(edge)?;
    let pops = &view.snapshot().pops;
    let home = home(pops, account, drawn).unwrap_or(own);
    if asked.headers.contains_key(POP_HEADER) {
        let client = handed_on(edge, pops, &asked)?;
        // The PoPs hold different snapshots for a moment, and soon the same again.
        let settled = home.id == own.id;
        return settled.then_some(At::Here(client)).ok_or_else(away);
    }
    let client = visitor::client(edge, asked.headers)?;
    if home.id == own.id {
        return Ok(At::Here(client));
    }
    hand_on(edge, home, &asked, client).await.map(At::Home)
}

/// The answer of another PoP to a request that is nobody's in particular.
pub async fn at_pop(
    edge: &Edge,
    view: &View,
    asked: Asked<'_>,
    pop: &str,
) -> Result<Answer, Problem> {
    let mut pops = view.snapshot().pops.iter();
    let pop = pops.find(|other| other.id == pop && other.id != edge.keys.pop);
    // Handed on once is enough: a PoP asks the right one.
    let known = pop.filter(|_| !asked.headers.contains_key(POP_HEADER));
    let pop = known.ok_or(ProblemKind::UnknownPath)?;
    hand_on(edge, pop, &asked, visitor::client(edge, asked.headers)?).await
}

/// The shopper's address, also in a request that another PoP handed on.
pub fn client(edge: &Edge, view: &View, asked: Asked<'_>) -> Result<IpAddr, Problem> {
    if asked.headers.contains_key(POP_HEADER) {
        handed_on(edge, &view.snapshot().pops, &asked)
    } else {
        visitor::client(edge, asked.headers)
    }
}

/// The shopper's address in a request that another PoP handed on.
fn handed_on(edge: &Edge, pops: &[PopView], asked: &Asked<'_>) -> Result<IpAddr, Problem> {
    let refused = || Problem::from(ProblemKind::UnknownPop);
    let from = asked.header(POP_HEADER);
    let peer = pops.iter().find(|pop| pop.id == from).ok_or_else(refused)?;
    let key = hex::decode(&peer.peer_key)
        .ok()
        .and_then(|key| key.try_into().ok());
    let key = VerifyingKey::from_bytes(&key.ok_or_else(refused)?).map_err(|_| refused())?;
    let time = asked.header(TIME_HEADER).parse().map_err(|_| refused())?;
    let client = asked.header(CLIENT_HEADER);
    let signed = Signed {
        time: UnixMillis(time),
        nonce: asked.header(NONCE_HEADER),
        method: asked.method.as_str(),
        path_and_query: asked.path_and_query(),
        authorization: asked.header("authorization"),
        client,
        body: asked.body,
    };
    let names = (from, edge.keys.pop.as_str());
    let signature = asked.header(SIGNATURE_HEADER);
    verify_peer(&key, names, &signed, signature, clock::now()).map_err(|_| refused())?;
    client.parse().map_err(|_| refused())
}

async fn hand_on(
    edge: &Edge,
    home: &PopView,
    asked: &Asked<'_>,
    client: IpAddr,
) -> Result<Answer, Problem> {
    let request = signed(edge, home, asked, client).ok_or_else(away)?;
    let response = match clock::within(TIMEOUT_MS, send(request)).await {
        Some(Ok(response)) => response,
        Some(Err(error)) => {
            eprintln!("the home PoP cannot be reached: pop={} {error:?}", home.id);
            return Err(away());
        }
        None => {
            eprintln!(
                "the home PoP did not answer within {TIMEOUT_MS} ms: pop={}",
                home.id
            );
            return Err(away());
        }
    };
    let (parts, body) = response.into_parts();
    let body = clock::within(TIMEOUT_MS, collect(body, ANSWER_BYTES_MAX)).await;
    let body = body.and_then(Result::ok).ok_or_else(away)?;
    let mut answer = bytes(parts.status, "application/octet-stream", body);
    for name in ANSWERED {
        let mut values = parts.headers.get_all(name).iter();
        if let Some(value) = values.next() {
            answer.headers_mut().insert(name, value.clone());
        }
        for value in values {
            answer.headers_mut().append(name, value.clone());
        }
    }
    Ok(answer)
}

fn signed(
    edge: &Edge,
    home: &PopView,
    asked: &Asked<'_>,
    client: IpAddr,
) -> Option<Request<FullBody<Bytes>>> {
    let mut headers = HeaderMap::new();
    for name in ASKED {
        if let Some(value) = asked.headers.get(name) {
            headers.insert(name, value.clone());
        }
    }
    if let Some(session) = visitor::session_text(asked.headers) {
        let cookie = format!("{SESSION_COOKIE}={session}");
        headers.insert("cookie", HeaderValue::try_from(cookie).ok()?);
    }
    let (time, nonce, client) = (clock::now(), random::name(), client.to_string());
    let signature = peer_signature(
        &edge.keys,
        &home.id,
        &Signed {
            time,
            nonce: &nonce,
            method: asked.method.as_str(),
            path_and_query: asked.path_and_query(),
            authorization: asked.header("authorization"),
            client: &client,
            body: asked.body,
        },
    );
    let marks = [
        (POP_HEADER, edge.keys.pop.clone()),
        (TIME_HEADER, time.0.to_string()),
        (NONCE_HEADER, nonce),
        (CLIENT_HEADER, client),
        (SIGNATURE_HEADER, signature),
    ];
    for (name, value) in marks {
        headers.insert(name, HeaderValue::try_from(value).ok()?);
    }
    if !asked.method.is_safe() {
        headers.insert("content-length", HeaderValue::from(asked.body.len()));
    }
    let mut request = Request::new(FullBody::new(asked.body.clone()));
    let url = format!("{}{}", home.url.as_deref()?, asked.path_and_query());
    *request.uri_mut() = url.parse().ok()?;
    *request.method_mut() = asked.method.clone();
    *request.headers_mut() = headers;
    Some(request)
}

fn away() -> Problem {
    let detail = "The edge that keeps your place cannot be reached; please try again in a moment.";
    Problem::new(ProblemKind::Unavailable, detail)
}
