//! `/api/accounts`, `/api/session`, `/api/sessions` and `/api/account`.
//!
//! Invariant: who signs in or out gets the cookie in the same answer.

mod addresses;
mod asker;
mod own;
mod personal;
mod sessions;

use super::Shared;
use super::answer::Answer;
use super::body::Json;
use super::session::{Renewable, SignedIn};
use crate::accounts::{OpenSession, Sessions};
use crate::ledger::Account;
use asker::Asker;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use kernel::problem::ProblemKind;
use kernel::wire::{
    AccountView, CodeRequest, PasswordReset, Registration, SignIn, SignedIn as Body,
};
use serde::Deserialize;

/// All that concerns accounts.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/accounts/codes", post(send_code))
        .route("/api/accounts", post(register))
        .route("/api/accounts/password", post(reset_password))
        .route("/api/session", get(renew).post(sign_in).delete(sign_out))
        .route(
            "/api/account",
            get(own::show).post(own::change).delete(personal::erase),
        )
        .route("/api/account/password", post(own::change_password))
        .route("/api/account/contact-codes", post(own::send_contact_code))
        .route("/api/account/contact", post(own::change_contact))
        .route("/api/account/export", get(personal::export))
        .route(
            "/api/account/addresses",
            get(addresses::list).post(addresses::add),
        )
        .route(
            "/api/account/addresses/{id}",
            post(addresses::change).delete(addresses::delete),
        )
        .route("/api/sessions", get(sessions::list))
        .route("/api/sessions/{id}", delete(sessions::end))
}

/// `POST /api/accounts/codes`.
async fn send_code(
    State(origin): State<Shared>,
    asker: Asker,
    Json(request): Json<CodeRequest>,
) -> Answer<Response> {
    let ticket = origin
        .accounts
        .send_code(&request.contact, request.purpose, &asker.network)
        .await?;
    Ok((StatusCode::ACCEPTED, axum::Json(ticket)).into_response())
}

/// `POST /api/accounts`.
async fn register(
    State(origin): State<Shared>,
    asker: Asker,
    Json(request): Json<Registration>,
) -> Answer<Response> {
    let Registration {
        ticket,
        code,
        name,
        password,
    } = request;
    let account = origin
        .accounts
        .register(&ticket, &code, &name, &password, &asker.network)
        .await?;
    let open = asker.open(&origin, account.id).await?;
    Ok(signed_in(StatusCode::CREATED, account, open))
}

/// `POST /api/accounts/password`.
async fn reset_password(
    State(origin): State<Shared>,
    asker: Asker,
    Json(request): Json<PasswordReset>,
) -> Answer<Response> {
    let PasswordReset {
        ticket,
        code,
        password,
    } = request;
    let account = origin
        .accounts
        .reset_password(&ticket, &code, &password, &asker.network)
        .await?;
    let open = asker.open(&origin, account.id).await?;
    Ok(signed_in(StatusCode::OK, account, open))
}

/// `POST /api/session`.
async fn sign_in(
    State(origin): State<Shared>,
    asker: Asker,
    Json(request): Json<SignIn>,
) -> Answer<Response> {
    let account = origin
        .accounts
        .sign_in(&request.contact, &request.password, &asker.network)
        .await?;
    let open = asker.open(&origin, account.id).await?;
    Ok(signed_in(StatusCode::OK, account, open))
}

/// `GET /api/session`: who is signed in; gives the cookie another five minutes.
async fn renew(State(origin): State<Shared>, Renewable(session): Renewable) -> Answer<Response> {
    let open = origin.accounts.sessions().renew(&session).await?;
    let account = origin.accounts.get(session.account).await?;
    match (open, account) {
        (Some(open), Some(account)) => Ok(signed_in(StatusCode::OK, account, open)),
        _ => Err(ProblemKind::SignedOut.into()),
    }
}

#[derive(Deserialize)]
struct SignOut {
    #[serde(default)]
    everywhere: bool,
}

/// `DELETE /api/session`.
async fn sign_out(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    Query(SignOut { everywhere }): Query<SignOut>,
) -> Answer<Response> {
    let sessions = origin.accounts.sessions();
    if everywhere {
        sessions.close_all(session.account).await?;
    }
    sessions.close(session.account, &session.id).await?;
    let cookie = [(header::SET_COOKIE, Sessions::clearing_cookie())];
    Ok((StatusCode::NO_CONTENT, cookie).into_response())
}

fn signed_in(status: StatusCode, account: Account, open: OpenSession) -> Response {
    let body = Body {
        account: AccountView {
            id: account.id,
            name: account.name,
        },
        expires_at_ms: open.session.expires_at,
    };
    (
        status,
        [(header::SET_COOKIE, open.cookie)],
        axum::Json(body),
    )
        .into_response()
}
