//! `/api/account/addresses`.

use super::super::Shared;
use super::super::answer::Answer;
use super::super::body::Json;
use super::super::session::SignedIn;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::ids::{AccountId, AddressId};
use kernel::problem::ProblemKind;
use kernel::wire::{AddressList, AddressRequest};

/// `GET`.
pub(super) async fn list(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
) -> Answer<Response> {
    answer(&origin, session.account, StatusCode::OK).await
}

/// `POST`.
pub(super) async fn add(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    Json(request): Json<AddressRequest>,
) -> Answer<Response> {
    let AddressRequest {
        address,
        is_default,
    } = request;
    let added = origin
        .accounts
        .add_address(session.account, address, is_default);
    added.await??;
    answer(&origin, session.account, StatusCode::CREATED).await
}

/// `POST …/{id}`.
pub(super) async fn change(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
    Json(request): Json<AddressRequest>,
) -> Answer<Response> {
    let AddressRequest {
        address,
        is_default,
    } = request;
    let id = known(&id)?;
    let changed = origin
        .accounts
        .change_address(session.account, id, address, is_default);
    changed.await??;
    answer(&origin, session.account, StatusCode::OK).await
}

/// `DELETE …/{id}`.
pub(super) async fn delete(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
) -> Answer<Response> {
    let id = known(&id)?;
    origin.accounts.delete_address(session.account, id).await?;
    answer(&origin, session.account, StatusCode::OK).await
}

fn known(id: &str) -> Answer<AddressId> {
    id.parse().map_err(|_| ProblemKind::UnknownAddress.into())
}

/// All of them, as they are now.
async fn answer(origin: &Shared, account: AccountId, status: StatusCode) -> Answer<Response> {
    let addresses = origin.accounts.addresses(account).await?;
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((status, headers, axum::Json(AddressList { addresses })).into_response())
}
