//! `/internal`: what PoPs ask for themselves.
//!
//! Invariant: nothing here is about one shopper.

use super::answer::{Answer, Failure};
use super::body::Json;
use super::pop::Pop;
use super::{Origin, Shared};
use crate::ops::metrics::METRICS;
use crate::orders::StatusError;
use crate::pops::is_url;
use crate::sales::report_lobby;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::catalogue::ImageName;
use kernel::edge_report::{EdgeReport, MADE_HEADER};
use kernel::ids::OrderId;
use kernel::lease::{LeaseGrant, LeaseRequest, SlotView};
use kernel::lobby::{LobbyReport, LobbyStanding};
use kernel::order::OrderState;
use kernel::pop_signature::TIME_HEADER;
use kernel::problem::{Problem, ProblemKind};

/// `GET /internal/snapshot`, with `ETag` and `304`. The query tells what the PoP counted; the answer
/// tells our time, which the PoP's clock follows, and when what it says was read from the stores.
pub(super) async fn snapshot(
    State(origin): State<Shared>,
    Pop(pop, _): Pop,
    report: Result<Query<EdgeReport>, QueryRejection>,
    headers: HeaderMap,
) -> Answer<Response> {
    let Query(report) = report.map_err(|rejection| {
        let detail = format!("The report cannot be read: {}", rejection.body_text());
        Problem::new(ProblemKind::Malformed, detail)
    })?;
    METRICS.edge.add(&pop.pop, &report);
    let Origin {
        stores,
        accounts,
        pops,
        snapshots,
        ..
    } = origin.as_ref();
    if let Some(url) = &report.url {
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
    let made = snapshot.generated_at_ms.0.to_string();
    let told = [
        (header::ETAG, etag),
        (HeaderName::from_static(MADE_HEADER), made),
        // The last thing before it leaves: what came before took time.
        (
            HeaderName::from_static(TIME_HEADER),
            crate::now().0.to_string(),
        ),
    ];
    Ok(if known {
        (StatusCode::NOT_MODIFIED, told).into_response()
    } else {
        (told, axum::Json(&*snapshot)).into_response()
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

/// `GET /internal/images/{name}`: a file of a picture that an item has.
pub(super) async fn image(
    State(origin): State<Shared>,
    _: Pop,
    Path(name): Path<String>,
) -> Answer<Response> {
    let name = ImageName::parse(&name).ok_or(ProblemKind::UnknownPath)?;
    let bytes = origin.stores.ledger.image(&name).await?;
    let bytes = bytes.ok_or(ProblemKind::UnknownPath)?;
    let headers = [(header::CONTENT_TYPE, name.format().media_type())];
    Ok((headers, bytes).into_response())
}

fn malformed(what: &str) -> Failure {
    Problem::new(ProblemKind::Malformed, what).into()
}
