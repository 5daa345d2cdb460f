//! `/admin/api/refunds`, and `/admin/api/orders/{id}/refunds`: money that goes back.
//!
//! Invariant: what is answered is what the ledger has begun; the outbox does the rest.

use super::super::body::Json;
use super::Shared;
use super::access::By;
use super::answer::{Answer, Refused, away, invalid, not_found, wrong_state};
use super::page::{Asked, limit, next};
use crate::ledger::{RefundOrder, RefundState, Refunding};
use crate::operators::Operator;
use crate::payments::{PayError, refund_order, refund_view};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use kernel::ids::{OrderId, RefundId};
use kernel::problem::{Problem, ProblemKind};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/api/refunds", get(list))
        .route("/admin/api/refunds/{id}/retry", post(retry))
        .route("/admin/api/orders/{id}/refunds", post(begin))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Those alone that failed at the provider.
    #[serde(default)]
    failed: bool,
    cursor: Option<RefundId>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    /// All that is left if it is missing.
    amount_minor: Option<i64>,
    /// Puts the units on sale again; with the whole alone.
    #[serde(default)]
    restock: bool,
}

async fn list(
    State(desk): State<Shared>,
    Asked(wanted): Asked<Wanted>,
) -> Answer<axum::Json<Value>> {
    let limit = limit(wanted.limit)?;
    let before = wanted.cursor.map_or(u64::MAX, |id| id.0);
    let ledger = desk.ledger().await?;
    let refunds = ledger.refunds(wanted.failed, before, limit).await?;
    let next = next(&refunds, limit, |refund| refund.key.refund.0);
    let views: Vec<Value> = refunds.iter().map(refund_view).collect();
    Ok(axum::Json(json!({ "refunds": views, "next_cursor": next })))
}

async fn retry(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(id): Path<String>,
) -> Answer<axum::Json<Value>> {
    let unknown = || not_found(format!("there is no refund {id}"));
    let refund: RefundId = id.parse().map_err(|_| unknown())?;
    match desk.ledger().await?.retry_refund(&actor, refund).await? {
        None => Err(unknown()),
        Some(RefundState::Failed) => Ok(axum::Json(json!({ "refund_id": refund }))),
        Some(state) => Err(wrong_state(format!(
            "refund {id} is {}: only one that failed is tried anew",
            state.as_str()
        ))),
    }
}

async fn begin(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(id): Path<String>,
    Json(asked): Json<Begin>,
) -> Answer<(StatusCode, axum::Json<Value>)> {
    let unknown = || -> Refused {
        let detail = format!("MySQL has no order {id}");
        Problem::new(ProblemKind::UnknownOrder, detail).into()
    };
    let order: OrderId = id.parse().map_err(|_| unknown())?;
    let asked = RefundOrder {
        order,
        amount_minor: asked.amount_minor,
        restock: asked.restock,
    };
    let (ledger, ids) = (desk.ledger().await?, desk.ids().await?);
    match refund_order(ledger, ids, desk.refunds(), &actor, asked).await? {
        Refunding::Begun {
            refund,
            amount,
            whole,
        } => {
            let body = json!({ "refund_id": refund, "amount": amount, "whole": whole });
            Ok((StatusCode::ACCEPTED, axum::Json(body)))
        }
        Refunding::Unknown => Err(unknown()),
        Refunding::NotPaid(state) => Err(wrong_state(format!(
            "order {id} is {}: nothing can be given back",
            state.as_str()
        ))),
        Refunding::NotWithin(left) => Err(invalid(format!(
            "the amount must be 1 to {} minor units ({left})",
            left.amount_minor
        ))),
        Refunding::OnlyWhole => Err(invalid("restock goes with the whole amount alone")),
    }
}

impl From<PayError> for Refused {
    fn from(error: PayError) -> Self {
        away(&error)
    }
}
