//! `/admin/api/sales`: what is offered, and its counters.
//!
//! Invariant: each route does what the room `sales` does, no more; MySQL's counters are the truth,
//! and what Redis has stands beside them.

mod running;

use super::super::body::Json;
use super::Shared;
use super::access::By;
use super::answer::{Answer, Refused, away, invalid, wrong_state};
use super::page::{Asked, limit, next};
use crate::ledger::{Ledger, SaleRow};
use crate::operators::Operator;
use crate::sales::{PublishError, SaleDraft, create};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use kernel::ids::{ItemId, SaleId};
use kernel::money::Money;
use kernel::problem::{Problem, ProblemKind};
use kernel::sale::{Phase, Remaining, state_at};
use kernel::time::UnixMillis;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    const ONE: &str = "/admin/api/sales/{id}";
    Router::new()
        .route("/admin/api/sales", get(list).post(make))
        .route(ONE, get(show).patch(running::change))
        .route(&format!("{ONE}/publish"), post(running::publish))
        .route(&format!("{ONE}/pause"), post(running::pause))
        .route(&format!("{ONE}/resume"), post(running::resume))
        .route(&format!("{ONE}/close"), post(running::close))
        .route(&format!("{ONE}/rebuild"), post(running::rebuild))
        .route(&format!("{ONE}/units"), post(running::units))
        .route(&format!("{ONE}/lobby"), get(lobby))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    cursor: Option<SaleId>,
    limit: Option<u32>,
}

/// A sale to be made; what may be missing has the default of docs/settings.md.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    item_id: ItemId,
    slug: String,
    price: Money,
    units: u32,
    #[serde(default = "one")]
    limit_per_account: u32,
    opens_at_ms: UnixMillis,
    closes_at_ms: UnixMillis,
    #[serde(default = "quota")]
    quota: u32,
    #[serde(default = "rate")]
    rate_per_second: u32,
    #[serde(default = "payment_seconds")]
    payment_seconds: u32,
    #[serde(default)]
    with_beacon: bool,
}

fn one() -> u32 {
    1
}

fn quota() -> u32 {
    5
}

fn rate() -> u32 {
    1_000
}

fn payment_seconds() -> u32 {
    600
}

/// An id in a path.
fn sale_id(text: &str) -> Answer<SaleId> {
    text.parse().map_err(|_| unknown(text))
}

fn unknown(id: impl std::fmt::Display) -> Refused {
    let detail = format!("there is no sale {id}");
    Problem::new(ProblemKind::UnknownSale, detail).into()
}

async fn find(ledger: &Ledger, id: SaleId) -> Answer<SaleRow> {
    ledger.sale(id).await?.ok_or_else(|| unknown(id))
}

/// The word shoppers see, or `draft`.
fn state(row: &SaleRow) -> Value {
    let remaining = Remaining::of(row.available(), row.sale.total);
    let (opens_at, closes_at) = (row.sale.opens_at, row.sale.closes_at);
    let state = state_at(row.phase, opens_at, closes_at, remaining, crate::now());
    state.map_or_else(|| json!(Phase::Draft), |state| json!(state))
}

fn view(row: &SaleRow) -> Value {
    json!({
        "id": row.sale.id,
        "item_id": row.sale.item,
        "slug": row.sale.slug,
        "state": state(row),
        "phase": row.phase,
        "price": row.sale.price,
        "total": row.sale.total,
        "reserved": row.reserved,
        "sold": row.sold,
        "available": row.available(),
        "limit_per_account": row.sale.limit_per_account,
        "opens_at_ms": row.sale.opens_at,
        "closes_at_ms": row.sale.closes_at,
        "quota": row.sale.quota,
        "rate_per_second": row.sale.rate_per_second,
        "payment_seconds": row.sale.payment_seconds,
        "with_beacon": row.sale.with_beacon,
        "epoch": row.epoch,
        "version": row.version,
    })
}

async fn list(State(desk): State<Shared>, Asked(page): Asked<Page>) -> Answer<axum::Json<Value>> {
    let limit = limit(page.limit)?;
    let before = page.cursor.map_or(u64::MAX, |id| id.0);
    let rows = desk.ledger().await?.sales_before(before, limit).await?;
    let next = next(&rows, limit, |row| row.sale.id.0);
    let views: Vec<Value> = rows.iter().map(view).collect();
    Ok(axum::Json(json!({ "sales": views, "next_cursor": next })))
}

async fn make(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Json(draft): Json<Draft>,
) -> Answer<Response> {
    let (ledger, ids) = (desk.ledger().await?, desk.ids().await?);
    let draft = SaleDraft {
        item: draft.item_id,
        slug: draft.slug,
        price: draft.price,
        units: draft.units,
        limit_per_account: draft.limit_per_account,
        opens_at: draft.opens_at_ms,
        closes_at: draft.closes_at_ms,
        quota: draft.quota,
        rate_per_second: draft.rate_per_second,
        payment_seconds: draft.payment_seconds,
        with_beacon: draft.with_beacon,
    };
    let id = create(ledger, ids, &actor, draft).await?;
    let row = find(ledger, id).await?;
    let location = [(header::LOCATION, format!("/admin/api/sales/{id}"))];
    Ok((StatusCode::CREATED, location, axum::Json(view(&row))).into_response())
}

async fn show(State(desk): State<Shared>, Path(id): Path<String>) -> Answer<axum::Json<Value>> {
    let id = sale_id(&id)?;
    let row = find(desk.ledger().await?, id).await?;
    let levels = desk.stock().await?.levels(&[id]).await;
    let level = levels.map_err(|error| away(&error))?.pop().flatten();
    let mut view = view(&row);
    view["redis_available"] = json!(level.map(|level| level.available));
    Ok(axum::Json(view))
}

async fn lobby(State(desk): State<Shared>, Path(id): Path<String>) -> Answer<axum::Json<Value>> {
    let id = sale_id(&id)?;
    let ledger = desk.ledger().await?;
    let row = find(ledger, id).await?;
    let at_pops = ledger.lobbies(id).await?;
    let at_pops = at_pops.iter().map(
        |at| json!({ "pop": at.pop, "arrivals": at.arrivals, "closed_count": at.closed_count }),
    );
    let at_pops: Vec<Value> = at_pops.collect();
    let lobby = ledger.lobby(id, &row.draw).await?;
    let state = match (row.draw.frozen_at, row.draw.drawn_at) {
        (None, _) => "open",
        (Some(_), None) => "frozen",
        (Some(_), Some(_)) => "drawn",
    };
    Ok(axum::Json(
        json!({ "sale_id": id, "state": state, "lobbies": at_pops, "lobby": lobby }),
    ))
}

impl From<PublishError> for Refused {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Invalid(what) => invalid(what),
            PublishError::Unknown(id) => unknown(id),
            PublishError::NotDraft(..)
            | PublishError::NoBeacon(_)
            | PublishError::Overtaken(..) => wrong_state(error),
            other => away(&other),
        }
    }
}
