//! `/internal`: what PoPs ask for themselves.
//!
//! Invariant: nothing here is about one shopper.

use super::answer::{Answer, Failure};
use super::body::Json;
use super::pop::Pop;
use super::{Origin, Shared};
use crate::orders::StatusError;
use crate::pops::is_url;
use crate::sales::report_lobby;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::ids::OrderId;
use kernel::lease::{LeaseGrant, LeaseRequest, SlotView};
use kernel::lobby::{LobbyReport, LobbyStanding};
use kernel::order::OrderState;
use kernel::problem::{Problem, ProblemKind};
use serde::Deserialize;

/// What a PoP says of itself when it asks for the snapshot.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    /// Where other PoPs reach it.
    url: Option<String>,
}

/// `GET /internal/snapshot`, with `ETag` and `304`.
pub(super) async fn snapshot(
    State(origin): State<Shared>,
    Pop(pop, _): Pop,
    about: Result<Query<About>, QueryRejection>,
    headers: HeaderMap,
) -> Answer<Response> {
    let Origin {
        stores,
        accounts,
        pops,
        snapshots,
        ..
    } = origin.as_ref();
    let Query(about) = about.map_err(|error| malformed(&error.body_text()))?;
    if let Some(url) = &about.url {
        if !is_url(url) {
            return Err(malformed(
                "url is http(s)://host[:port], at most 200 bytes.",
            ));
        }
        pops.has_url(&pop.pop, url);
    }
    let snapshot = snapshots
        .fresh(&stores.ledger, &stores.stock, accounts.sessions(), pops)
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
    Pop(pop, _): Pop,
    Json(request): Json<LeaseRequest>,
) -> Answer<axum::Json<LeaseGrant>> {
    let Origin { stores, leases, .. } = origin.as_ref();
    Ok(axum::Json(
        leases
            .grant(&stores.ledger, &stores.ids, &pop.pop, &request)
            .await?,
    ))
}

/// `POST /internal/lobbies`.
pub(super) async fn lobbies(
    State(origin): State<Shared>,
    Pop(pop, _): Pop,
    Json(report): Json<LobbyReport>,
) -> Answer<axum::Json<LobbyStanding>> {
    let ledger = &origin.stores.ledger;
    Ok(axum::Json(report_lobby(ledger, &pop.pop, &report).await?))
}

/// `GET /internal/slots/{id}`, of a slot that was lent to the PoP that asks.
pub(super) async fn slot(
    State(origin): State<Shared>,
    Pop(pop, _): Pop,
    Path(id): Path<String>,
) -> Answer<axum::Json<SlotView>> {
    let id: OrderId = id.parse().map_err(|_| ProblemKind::UnknownOrder)?;
    let stores = &origin.stores;
    let slot = stores.ledger.slot_of(id, &pop.pop).await?;
    let slot = slot.ok_or(ProblemKind::UnknownOrder)?;
    let mut view = slot.view;
    if view.state.is_none() {
        let held = stores.stock.reservation(slot.sale, id).await;
        let held = held.map_err(StatusError::from)?;
        view.state = held.map(|_| OrderState::Queued);
    }
    Ok(axum::Json(view))
}

fn malformed(what: &str) -> Failure {
    Problem::new(ProblemKind::Malformed, what).into()
}
