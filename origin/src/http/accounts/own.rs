//! `/api/account`: who one is, and what opens the account.

use super::super::Shared;
use super::super::answer::Answer;
use super::super::body::Json;
use super::super::session::SignedIn;
use super::asker::Asker;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::ids::AccountId;
use kernel::wire::{AccountChange, ContactChange, ContactCodeRequest, PasswordChange};

/// `GET /api/account`.
pub(super) async fn show(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
) -> Answer<Response> {
    details(&origin, session.account).await
}

/// `POST /api/account`: name and language.
pub(super) async fn change(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    Json(change): Json<AccountChange>,
) -> Answer<Response> {
    origin.accounts.change(session.account, change).await?;
    details(&origin, session.account).await
}

/// `POST /api/account/password`.
pub(super) async fn change_password(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    asker: Asker,
    Json(change): Json<PasswordChange>,
) -> Answer<StatusCode> {
    let PasswordChange {
        current_password,
        password,
    } = change;
    let (account, keep, network) = (session.account, &session.id, &asker.network);
    origin
        .accounts
        .change_password(account, &current_password, &password, keep, network)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/account/contact-codes`.
pub(super) async fn send_contact_code(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    asker: Asker,
    Json(request): Json<ContactCodeRequest>,
) -> Answer<Response> {
    let ContactCodeRequest {
        contact,
        current_password,
    } = request;
    let ticket = origin
        .accounts
        .send_contact_code(session.account, &contact, &current_password, &asker.network)
        .await?;
    Ok((StatusCode::ACCEPTED, axum::Json(ticket)).into_response())
}

/// `POST /api/account/contact`.
pub(super) async fn change_contact(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    asker: Asker,
    Json(change): Json<ContactChange>,
) -> Answer<Response> {
    let ContactChange { ticket, code } = change;
    origin
        .accounts
        .change_contact(session.account, &ticket, &code, &asker.network)
        .await?;
    details(&origin, session.account).await
}

async fn details(origin: &Shared, account: AccountId) -> Answer<Response> {
    let details = origin.accounts.details(account).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(details)).into_response())
}
