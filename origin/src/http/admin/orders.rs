//! `/admin/api/orders`.
//!
//! Invariant: orders are looked at here; who changes one is a room of its own.

use super::Shared;
use super::answer::{Answer, Refused};
use super::page::{Asked, limit, next};
use crate::ledger::{EntryRow, OrderRow};
use crate::payments::refund_view;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use kernel::ids::{AccountId, OrderId};
use kernel::problem::{Problem, ProblemKind};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/api/orders", get(list))
        .route("/admin/api/orders/{id}", get(show))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    account_id: AccountId,
    cursor: Option<OrderId>,
    limit: Option<u32>,
}

fn view(order: &OrderRow) -> Value {
    json!({
        "order_id": order.id,
        "sale_id": order.sale,
        "account_id": order.account,
        "quantity": order.quantity,
        "amount": order.amount,
        "state": order.state,
        "reason": order.reason,
        "created_at_ms": order.created_at,
        "expires_at_ms": order.expires_at,
        "payment": order.payment,
        "refunded": order.refunded,
        "version": order.version,
    })
}

fn entry(entry: &EntryRow) -> Value {
    json!({
        "source": entry.source,
        "target": entry.target,
        "units": entry.units,
        "created_at_ms": entry.created_at,
    })
}

async fn list(
    State(desk): State<Shared>,
    Asked(wanted): Asked<Wanted>,
) -> Answer<axum::Json<Value>> {
    let limit = limit(wanted.limit)?;
    let before = wanted.cursor.map_or(u64::MAX, |id| id.0);
    let ledger = desk.ledger().await?;
    let orders = ledger.orders(wanted.account_id, before, limit).await?;
    let next = next(&orders, limit, |order| order.id.0);
    let views: Vec<Value> = orders.iter().map(view).collect();
    Ok(axum::Json(json!({ "orders": views, "next_cursor": next })))
}

async fn show(State(desk): State<Shared>, Path(id): Path<String>) -> Answer<axum::Json<Value>> {
    let unknown = || -> Refused {
        let detail = format!("MySQL has no order {id}");
        Problem::new(ProblemKind::UnknownOrder, detail).into()
    };
    let order: OrderId = id.parse().map_err(|_| unknown())?;
    let ledger = desk.ledger().await?;
    let order = ledger.order_of_anyone(order).await?;
    let order = order.ok_or_else(unknown)?;
    let entries = ledger.entries(&order).await?;
    let mut view = view(&order);
    view["entries"] = entries.iter().map(entry).collect();
    let refunds = ledger.refunds_of(order.id).await?;
    view["refunds"] = refunds.iter().map(refund_view).collect();
    Ok(axum::Json(view))
}
