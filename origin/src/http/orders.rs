//! `/api/orders`.
//!
//! Invariant: an order is placed by the account that holds both the session and the token, through
//! the PoP that signed the token.

use super::answer::{Answer, Failure, refusal};
use super::body::Json;
use super::pop::Pop;
use super::session::SignedIn;
use super::{Origin, Shared};
use crate::ledger::Cancelled;
use crate::orders::{self, Placed};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::ids::{AccountId, OrderId};
use kernel::order::QUANTITY_MAX;
use kernel::problem::{Problem, ProblemKind};
use kernel::token::{self, BadToken, PurchaseToken};
use kernel::wire::{Order, OrderList, OrderRequest};
use serde::Deserialize;

/// How much too early a token may come, in milliseconds: the gate's clock may be ahead of ours.
const EARLY_MS_MAX: i64 = 1_000;
/// Orders on a page if the request does not say.
const PAGE_DEFAULT: u32 = 20;

/// `POST /api/orders`.
pub(super) async fn place(
    State(origin): State<Shared>,
    Pop(pop, versions): Pop,
    SignedIn(session): SignedIn,
    headers: HeaderMap,
    Json(request): Json<OrderRequest>,
) -> Answer<Response> {
    let now = crate::now();
    let text = bearer(&headers).ok_or(ProblemKind::TokenMissing)?;
    let token = token::verify(&pop, versions, text, now).map_err(|error| invalid(&error))?;
    if token.account != session.account || token.sale != request.sale_id {
        return Err(Problem::new(
            ProblemKind::TokenInvalid,
            "The token belongs to another account or another sale.",
        )
        .into());
    }
    if token.not_before.since(now) > EARLY_MS_MAX {
        return Err(ProblemKind::TokenEarly.into());
    }
    if !(1..=QUANTITY_MAX).contains(&request.quantity) {
        let message = format!("is 1 to {QUANTITY_MAX}");
        return Err(Problem::field("quantity", &message).into());
    }
    place_admitted(&origin, &pop.pop, &token, request.quantity).await
}

async fn place_admitted(
    origin: &Origin,
    pop: &str,
    token: &PurchaseToken,
    quantity: u32,
) -> Answer<Response> {
    if !origin
        .leases
        .is_live(&origin.stores.ledger, pop, token)
        .await?
    {
        let detail = "The token's lease has ended. Please ask for another token.";
        return Err(Problem::new(ProblemKind::TokenInvalid, detail).into());
    }
    match orders::place(&origin.stores, &origin.prices, token, quantity).await? {
        Placed::Accepted(order) => {
            let location = [(header::LOCATION, format!("/api/orders/{}", order.order_id))];
            Ok((StatusCode::ACCEPTED, location, axum::Json(*order)).into_response())
        }
        Placed::Refused(held) => Err(refusal(&held)),
    }
}

/// The purchase token, if there is one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

fn invalid(error: &BadToken) -> Failure {
    let detail = match error {
        BadToken::Expired => "The token has expired. Please ask for another.",
        _ => "The token is not one of this edge's. Please ask for another.",
    };
    Problem::new(ProblemKind::TokenInvalid, detail).into()
}

#[derive(Deserialize)]
pub(super) struct Page {
    cursor: Option<OrderId>,
    limit: Option<u32>,
}

/// `GET /api/orders`.
pub(super) async fn list(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Answer<axum::Json<OrderList>> {
    let Query(page) = page.map_err(|_| {
        Problem::new(
            ProblemKind::Malformed,
            "cursor is an order's id, limit is 1 to 100.",
        )
    })?;
    let limit = page.limit.unwrap_or(PAGE_DEFAULT);
    let list = orders::page(&origin.stores, session.account, page.cursor, limit).await?;
    Ok(axum::Json(list))
}

/// `GET /api/orders/{id}`.
pub(super) async fn show(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
) -> Answer<Response> {
    let order = find(&origin, &id, session.account).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], axum::Json(order)).into_response())
}

/// `POST /api/orders/{id}/cancel`.
pub(super) async fn cancel(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
) -> Answer<axum::Json<Order>> {
    let order_id = id.parse().map_err(|_| ProblemKind::UnknownOrder)?;
    match origin
        .stores
        .ledger
        .cancel(order_id, session.account)
        .await?
    {
        Cancelled::Yes => Ok(axum::Json(find(&origin, &id, session.account).await?)),
        Cancelled::No => Err(ProblemKind::NotCancellable.into()),
        Cancelled::Unknown => {
            // One that is still queued is not the ledger's to cancel yet.
            find(&origin, &id, session.account).await?;
            let detail = "The order is still in the queue. Please try again in a moment.";
            Err(Problem::new(ProblemKind::NotCancellable, detail).into())
        }
    }
}

/// An order of this account, or 404.
pub(super) async fn find(origin: &Origin, id: &str, account: AccountId) -> Answer<Order> {
    let id: OrderId = id.parse().map_err(|_| ProblemKind::UnknownOrder)?;
    let order = orders::show(&origin.stores, &origin.prices, id, account).await?;
    order.ok_or_else(|| ProblemKind::UnknownOrder.into())
}
