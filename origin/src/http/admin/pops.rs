//! `/admin/api/pops`.
//!
//! Invariant: each change holds two seconds after it at the latest, at every origin and edge.

use super::Shared;
use super::access::By;
use super::answer::{Answer, Refused, not_found, wrong_state};
use crate::ledger::{PopRow, Rotated};
use crate::operators::Operator;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/api/pops", get(list))
        .route("/admin/api/pops/{id}/rotate", post(rotate))
        .route("/admin/api/pops/{id}/revoke", post(revoke))
        .route("/admin/api/pops/{id}/restore", post(restore))
}

fn view(pop: &PopRow) -> Value {
    let state = match (pop.revoked, pop.live) {
        (true, _) => "revoked",
        (false, true) => "live",
        (false, false) => "silent",
    };
    json!({
        "id": pop.id,
        "state": state,
        "key_version": pop.versions.current,
        "oldest_key_version": pop.versions.oldest,
        "url": pop.url,
        "heard_at_ms": pop.heard_at,
    })
}

fn unknown(id: &str) -> Refused {
    not_found(format!(
        "there is no PoP {id}: an origin makes those of its DOORBUSTER_POPS known"
    ))
}

async fn list(State(desk): State<Shared>) -> Answer<axum::Json<Value>> {
    let pops = desk.ledger().await?.pops().await?;
    let views: Vec<Value> = pops.iter().map(view).collect();
    Ok(axum::Json(json!({ "pops": views })))
}

async fn shown(desk: &Shared, id: &str) -> Answer<axum::Json<Value>> {
    let pops = desk.ledger().await?.pops().await?;
    let pop = pops.iter().find(|pop| pop.id == id);
    Ok(axum::Json(view(pop.ok_or_else(|| unknown(id))?)))
}

async fn rotate(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(id): Path<String>,
) -> Answer<axum::Json<Value>> {
    match desk.ledger().await?.rotate_pop(&actor, &id).await? {
        Rotated::To(_) => shown(&desk, &id).await,
        Rotated::TooSoon(left_ms) => Err(wrong_state(format!(
            "the key of {id} was rotated a moment ago, and tokens of the former still count: \
             again in {} s",
            left_ms / 1_000 + 1
        ))),
        Rotated::Unknown => Err(unknown(&id)),
    }
}

async fn revoke(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(id): Path<String>,
) -> Answer<axum::Json<Value>> {
    if desk.ledger().await?.revoke_pop(&actor, &id).await? {
        shown(&desk, &id).await
    } else {
        Err(unknown(&id))
    }
}

async fn restore(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(id): Path<String>,
) -> Answer<axum::Json<Value>> {
    if desk.ledger().await?.restore_pop(&actor, &id).await? {
        shown(&desk, &id).await
    } else {
        Err(unknown(&id))
    }
}
