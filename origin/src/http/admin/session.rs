//! `/admin/api/session`: signing in and out.
//!
//! Invariant: a token leaves us once, in the cookie or, where a program asks for it, in the answer.

use super::super::body::Json;
use super::super::serve::Peer;
use super::Shared;
use super::access::{By, COOKIE, Gate, token};
use super::answer::Answer;
use crate::operators::{Operator, SESSION_SECONDS};
use axum::Router;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use kernel::problem::ProblemKind;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Bytes of a password or a code that are looked at; more is wrong in any case.
const TYPED_BYTES_MAX: usize = 1_024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    name: String,
    password: String,
    code: String,
    /// For a program: the token in the answer, and no cookie.
    #[serde(default)]
    bearer: bool,
}

/// What needs no session.
pub(super) fn routes(gate: Arc<Gate>) -> Router {
    Router::new()
        .route("/admin/api/session", post(sign_in).delete(sign_out))
        .with_state(gate)
}

/// What needs one.
pub(super) fn who() -> Router<Shared> {
    Router::new().route("/admin/api/session", get(show))
}

async fn show(By(operator): By) -> axum::Json<Value> {
    axum::Json(view(&operator))
}

fn view(operator: &Operator) -> Value {
    json!({ "actor": operator.actor.0, "role": operator.role })
}

async fn sign_in(
    State(gate): State<Arc<Gate>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Json(request): Json<SignIn>,
) -> Answer<Response> {
    // A program names neither; a browser does.
    if headers.contains_key("origin") || headers.contains_key("sec-fetch-site") {
        gate.same_site(&Method::POST, &headers)?;
    }
    let SignIn {
        name,
        password,
        code,
        bearer,
    } = request;
    if [&name, &password, &code]
        .iter()
        .any(|text| text.len() > TYPED_BYTES_MAX)
    {
        return Err(ProblemKind::SignInRefused.into());
    }
    let peer = peer.map(|Extension(peer)| peer);
    let address = gate.address(peer.as_ref(), &headers);
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let opened = gate.door.sign_in(&name, &password, &code, address).await?;
    let mut body = view(&opened.operator);
    body["expires_at_ms"] = json!(opened.expires_at);
    if bearer {
        body["token"] = json!(opened.token);
        return Ok((StatusCode::CREATED, axum::Json(body)).into_response());
    }
    let cookie = cookie(&opened.token, SESSION_SECONDS);
    Ok((
        StatusCode::CREATED,
        [(header::SET_COOKIE, cookie)],
        axum::Json(body),
    )
        .into_response())
}

async fn sign_out(State(gate): State<Arc<Gate>>, headers: HeaderMap) -> Answer<Response> {
    let (token, is_cookie) = token(&headers).ok_or(ProblemKind::SignedOut)?;
    if is_cookie {
        gate.same_site(&Method::DELETE, &headers)?;
    }
    gate.door.sign_out(token).await?;
    let clearing = [(header::SET_COOKIE, cookie("", 0))];
    Ok((StatusCode::NO_CONTENT, clearing).into_response())
}

fn cookie(token: &str, max_age: i64) -> String {
    format!("{COOKIE}={token}; Path=/; Max-Age={max_age}; Secure; HttpOnly; SameSite=Strict")
}
