//! `/api/account/export`, and the end of an account.

use super::super::Shared;
use super::super::answer::Answer;
use super::super::body::Json;
use super::super::session::SignedIn;
use super::asker::Asker;
use crate::accounts::Sessions;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::wire::Erasure;

/// `GET /api/account/export`: a file to keep.
pub(super) async fn export(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
) -> Answer<Response> {
    let export = origin.accounts.export(session.account, &session.id).await?;
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"account.json\"",
        ),
    ];
    Ok((headers, axum::Json(export)).into_response())
}

/// `DELETE /api/account`.
pub(super) async fn erase(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    asker: Asker,
    Json(request): Json<Erasure>,
) -> Answer<Response> {
    let (account, password) = (session.account, &request.current_password);
    origin
        .accounts
        .erase(account, password, &asker.network)
        .await?;
    let cookie = [(header::SET_COOKIE, Sessions::clearing_cookie())];
    Ok((StatusCode::NO_CONTENT, cookie).into_response())
}
