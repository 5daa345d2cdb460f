//! `/api/sessions`: where one is signed in.

use super::super::Shared;
use super::super::answer::Answer;
use super::super::session::SignedIn;
use crate::accounts::Sessions;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::wire::SessionList;

/// `GET`.
pub(super) async fn list(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
) -> Answer<Response> {
    let sessions = origin.accounts.sessions();
    let sessions = sessions.of(session.account, &session.id).await?;
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((headers, axum::Json(SessionList { sessions })).into_response())
}

/// `DELETE …/{id}`.
pub(super) async fn end(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
) -> Answer<Response> {
    origin.accounts.end_session(session.account, &id).await?;
    if id == session.id {
        let cookie = [(header::SET_COOKIE, Sessions::clearing_cookie())];
        return Ok((StatusCode::NO_CONTENT, cookie).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
