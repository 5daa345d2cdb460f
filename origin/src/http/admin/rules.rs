//! `/admin/api/rules`: how much each route takes on.
//!
//! Invariant: rules are only added; what a version said stays to be read.

use super::super::body::Json;
use super::Shared;
use super::access::By;
use super::answer::{Answer, Refused, away, invalid, not_found, wrong_state};
use super::page::{Asked, limit};
use crate::flow::{DeskError, apply, history, rollback, show as show_version, view, view_origin};
use crate::operators::Operator;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use kernel::flow::{RULES_BYTES_MAX, RuleSet};
use serde::Deserialize;
use serde_json::{Value, json};

/// Bytes of a request beside the rules in it.
const BESIDE_BYTES_MAX: usize = 4 * 1_024;

pub(super) fn routes() -> Router<Shared> {
    let body_limit = DefaultBodyLimit::max(RULES_BYTES_MAX + BESIDE_BYTES_MAX);
    Router::new()
        .route("/admin/api/rules", get(show).post(write).layer(body_limit))
        .route("/admin/api/rules/history", get(versions))
        .route("/admin/api/rules/origins", get(origins))
        .route("/admin/api/rules/rollback", post(roll_back))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    version: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rules: RuleSet,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Back {
    version: u64,
    why: String,
}

async fn show(State(desk): State<Shared>, Asked(which): Asked<Which>) -> Answer<axum::Json<Value>> {
    let shown = show_version(desk.ledger().await?, which.version).await?;
    Ok(axum::Json(view(&shown)))
}

async fn versions(
    State(desk): State<Shared>,
    Asked(page): Asked<Page>,
) -> Answer<axum::Json<Value>> {
    let shown = history(desk.ledger().await?, limit(page.limit)?).await?;
    let views: Vec<Value> = shown.iter().map(view).collect();
    Ok(axum::Json(json!({ "versions": views })))
}

async fn origins(State(desk): State<Shared>) -> Answer<axum::Json<Value>> {
    let ledger = desk.ledger().await?;
    let newest = ledger.rules_now().await?.version;
    let origins = ledger.origins().await?;
    let views: Vec<Value> = origins.iter().map(view_origin).collect();
    Ok(axum::Json(json!({ "newest": newest, "origins": views })))
}

async fn write(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Json(Written { rules, why }): Json<Written>,
) -> Answer<(StatusCode, axum::Json<Value>)> {
    let version = apply(desk.ledger().await?, &actor, &rules, &why).await?;
    Ok((
        StatusCode::CREATED,
        axum::Json(json!({ "version": version })),
    ))
}

async fn roll_back(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Json(Back { version, why }): Json<Back>,
) -> Answer<(StatusCode, axum::Json<Value>)> {
    let version = rollback(desk.ledger().await?, &actor, version, &why).await?;
    Ok((
        StatusCode::CREATED,
        axum::Json(json!({ "version": version })),
    ))
}

impl From<DeskError> for Refused {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Faults(_) | DeskError::Why => invalid(error),
            DeskError::Unknown(_) => not_found(error.to_string()),
            DeskError::Raced => wrong_state(error),
            DeskError::Ledger(_) => away(&error),
        }
    }
}
