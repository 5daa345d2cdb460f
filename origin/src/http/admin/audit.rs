//! `/admin/api/audit`: every invariant, read from the stores.
//!
//! Invariant: one at a time, as it reads all that they have.

use super::super::answer::overloaded;
use super::Shared;
use super::answer::{Answer, away};
use crate::ops::audit::{Report, audit};
use axum::Router;
use axum::extract::State;
use axum::routing::get;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/admin/api/audit", get(report))
}

async fn report(State(desk): State<Shared>) -> Answer<axum::Json<Report>> {
    let Ok(_permit) = desk.audits().try_acquire() else {
        return Err(overloaded("Another audit is under way. Please try again.").into());
    };
    let (ledger, stock) = (desk.ledger().await?, desk.stock().await?);
    let report = audit(ledger, stock).await;
    Ok(axum::Json(report.map_err(|error| away(&error))?))
}
