//! What is done to a sale that is made: its terms, its units, its phase, its count.
//!
//! Invariant: the answer is the sale as it stands after it.

use super::super::super::body::Json;
use super::super::Shared;
use super::super::access::By;
use super::super::answer::{Answer, Refused, away, invalid, wrong_state};
use super::{find, sale_id, unknown, view};
use crate::ledger::{Actor, Direction};
use crate::operators::{Desk, Operator};
use crate::ops::rebuild::{RebuildError, Rebuilt, rebuild as count_anew};
use crate::sales::{self, Change, PhaseError, Published, Terms, UnitsError};
use axum::extract::{Path, State};
use kernel::ids::SaleId;
use kernel::sale::Phase;
use kernel::time::UnixMillis;
use serde::Deserialize;
use serde_json::{Value, json};

/// What is to be changed; what is missing stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTerms {
    price_minor: Option<i64>,
    units: Option<u32>,
    limit_per_account: Option<u32>,
    opens_at_ms: Option<UnixMillis>,
    closes_at_ms: Option<UnixMillis>,
    quota: Option<u32>,
    rate_per_second: Option<u32>,
    payment_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Units {
    direction: Way,
    units: u32,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    Add,
    Withdraw,
}

async fn shown(desk: &Desk, id: SaleId) -> Answer<axum::Json<Value>> {
    Ok(axum::Json(view(&find(desk.ledger().await?, id).await?)))
}

pub(super) async fn change(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(id): Path<String>,
    Json(terms): Json<NewTerms>,
) -> Answer<axum::Json<Value>> {
    let id = sale_id(&id)?;
    let terms = Terms {
        price_minor: terms.price_minor,
        units: terms.units,
        limit_per_account: terms.limit_per_account,
        opens_at: terms.opens_at_ms,
        closes_at: terms.closes_at_ms,
        quota: terms.quota,
        rate_per_second: terms.rate_per_second,
        payment_seconds: terms.payment_seconds,
    };
    let ledger = desk.ledger().await?;
    sales::change_terms(ledger, &actor, desk.rounds(), id, terms, crate::now()).await?;
    shown(&desk, id).await
}

/// A draft becomes public; the stock of a public sale is counted anew.
pub(super) async fn publish(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(id): Path<String>,
) -> Answer<axum::Json<Value>> {
    let id = sale_id(&id)?;
    let (ledger, stock) = (desk.ledger().await?, desk.stock().await?);
    let rebuilt = match sales::publish(ledger, stock, &actor, desk.rounds(), id).await? {
        Published::Now => Value::Null,
        Published::Before => recount(&desk, &actor, id).await?,
    };
    let axum::Json(mut view) = shown(&desk, id).await?;
    view["rebuilt"] = rebuilt;
    Ok(axum::Json(view))
}

pub(super) async fn rebuild(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(id): Path<String>,
) -> Answer<axum::Json<Value>> {
    let id = sale_id(&id)?;
    let rebuilt = recount(&desk, &actor, id).await?;
    let axum::Json(mut view) = shown(&desk, id).await?;
    view["rebuilt"] = rebuilt;
    Ok(axum::Json(view))
}

/// Counts a public sale anew: `{done, epoch, available}`; not done if another process is at it.
async fn recount(desk: &Desk, actor: &Actor, id: SaleId) -> Answer<Value> {
    let ledger = desk.ledger().await?;
    if find(ledger, id).await?.phase == Phase::Draft {
        return Err(wrong_state(format!("sale {id} is a draft: publish it")));
    }
    let (stock, queue) = (desk.stock().await?, desk.queue().await?);
    let rebuilt = match count_anew(ledger, stock, queue, id).await? {
        Rebuilt::Yes { epoch, available } => {
            json!({ "done": true, "epoch": epoch, "available": available })
        }
        Rebuilt::Busy => json!({ "done": false }),
    };
    let subject = format!("sale:{id}");
    ledger
        .note(actor, "sale.rebuild", subject, &rebuilt)
        .await?;
    Ok(rebuilt)
}

pub(super) async fn pause(
    State(desk): State<Shared>,
    By(operator): By,
    Path(id): Path<String>,
) -> Answer<axum::Json<Value>> {
    hold(&desk, &operator, &id, Change::Pause).await
}

pub(super) async fn resume(
    State(desk): State<Shared>,
    By(operator): By,
    Path(id): Path<String>,
) -> Answer<axum::Json<Value>> {
    hold(&desk, &operator, &id, Change::Resume).await
}

pub(super) async fn close(
    State(desk): State<Shared>,
    By(operator): By,
    Path(id): Path<String>,
) -> Answer<axum::Json<Value>> {
    hold(&desk, &operator, &id, Change::Close).await
}

async fn hold(
    desk: &Desk,
    operator: &Operator,
    id: &str,
    change: Change,
) -> Answer<axum::Json<Value>> {
    let id = sale_id(id)?;
    let (ledger, stock) = (desk.ledger().await?, desk.stock().await?);
    sales::change(ledger, stock, &operator.actor, id, change).await?;
    shown(desk, id).await
}

pub(super) async fn units(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(id): Path<String>,
    Json(Units { direction, units }): Json<Units>,
) -> Answer<axum::Json<Value>> {
    let id = sale_id(&id)?;
    let (ledger, stock, ids) = (desk.ledger().await?, desk.stock().await?, desk.ids().await?);
    let direction = match direction {
        Way::Add => Direction::Add,
        Way::Withdraw => Direction::Withdraw,
    };
    sales::change_units(ledger, stock, ids, &actor, id, direction, units).await?;
    shown(&desk, id).await
}

impl From<PhaseError> for Refused {
    fn from(error: PhaseError) -> Self {
        match error {
            PhaseError::Unknown(id) => unknown(id),
            PhaseError::NotRunning(..) | PhaseError::OtherEpoch(_) => wrong_state(error),
            other => away(&other),
        }
    }
}

impl From<UnitsError> for Refused {
    fn from(error: UnitsError) -> Self {
        match error {
            UnitsError::Unknown(id) => unknown(id),
            UnitsError::Total(_) => invalid(error),
            UnitsError::NotRunning(..)
            | UnitsError::Short(_)
            | UnitsError::Refused
            | UnitsError::Counting
            | UnitsError::Busy => wrong_state(error),
            other => away(&other),
        }
    }
}

impl From<RebuildError> for Refused {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::Overtaken(_) => wrong_state(error),
            other => away(&other),
        }
    }
}
