//! `/internal`: what PoPs ask for themselves.
//!
//! Invariant: nothing here is about one shopper.

use super::answer::Answer;
use super::body::Json;
use super::pop::Pop;
use super::{Origin, Shared};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::lease::{LeaseGrant, LeaseRequest};

/// `GET /internal/snapshot`, with `ETag` and `304`.
pub(super) async fn snapshot(
    State(origin): State<Shared>,
    _: Pop,
    headers: HeaderMap,
) -> Answer<Response> {
    let Origin {
        stores,
        accounts,
        snapshots,
        ..
    } = origin.as_ref();
    let snapshot = snapshots
        .fresh(&stores.ledger, &stores.stock, accounts.sessions())
        .await?;
    let etag = format!("\"{}\"", snapshot.version);
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|value| value.as_bytes() == etag.as_bytes());
    let tag = [(header::ETAG, etag)];
    Ok(if known {
        (StatusCode::NOT_MODIFIED, tag).into_response()
    } else {
        (tag, axum::Json(&*snapshot)).into_response()
    })
}

/// `POST /internal/leases`.
pub(super) async fn leases(
    State(origin): State<Shared>,
    Pop(pop): Pop,
    Json(request): Json<LeaseRequest>,
) -> Answer<axum::Json<LeaseGrant>> {
    let Origin { stores, leases, .. } = origin.as_ref();
    Ok(axum::Json(
        leases
            .grant(&stores.ledger, &stores.ids, &pop.pop, &request)
            .await?,
    ))
}
