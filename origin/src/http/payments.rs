//! `POST /api/orders/{id}/payment`.
//!
//! Invariant: a buyer pays an order of their own, and every order once.

use super::answer::Answer;
use super::body::Json;
use super::session::SignedIn;
use super::{Origin, Shared};
use crate::payments;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kernel::address::tidied;
use kernel::ids::{AccountId, OrderId};
use kernel::problem::{Problem, ProblemKind};
use kernel::wire::{Address, PaymentRequest};

/// Begins the payment, or says where it was begun.
pub(super) async fn start(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
    Json(request): Json<PaymentRequest>,
) -> Answer<Response> {
    let id: OrderId = id.parse().map_err(|_| ProblemKind::UnknownOrder)?;
    let ship_to = ship_to(&origin, session.account, request).await?;
    let order = origin.stores.ledger.order(id, session.account).await?;
    let order = order.ok_or(ProblemKind::UnknownOrder)?;
    let (stores, url) = (&origin.stores, &origin.public_url);
    let started = payments::start(stores, &origin.provider, url, &order, &ship_to).await?;
    Ok((StatusCode::CREATED, axum::Json(started)).into_response())
}

/// The address that the request gives, or the one that the account keeps under its id.
async fn ship_to(origin: &Origin, account: AccountId, request: PaymentRequest) -> Answer<Address> {
    let both_or_none = || Problem::field("ship_to", "Please give an address, or the id of one.");
    match (request.ship_to, request.address_id) {
        (Some(address), None) => Ok(tidied(address, "ship_to")?),
        (None, Some(id)) => {
            let addresses = origin.accounts.addresses(account).await?;
            let kept = addresses.into_iter().find(|kept| kept.address_id == id);
            let kept = kept.ok_or(ProblemKind::UnknownAddress)?;
            Ok(kept.address)
        }
        _ => Err(both_or_none().into()),
    }
}
