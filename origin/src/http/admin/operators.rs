//! `/admin/api/operators`.
//!
//! Invariant: a password or a secret is told in the answer to the request that made it, and never
//! again.

use super::super::body::Json;
use super::Shared;
use super::access::By;
use super::answer::{Answer, not_found};
use crate::ledger::{OperatorChange, OperatorRow, Role};
use crate::operators::{self, CodeSecret, Operator};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    const ONE: &str = "/admin/api/operators/{name}";
    Router::new()
        .route("/admin/api/operators", get(list).post(add))
        .route(ONE, get(show))
        .route(&format!("{ONE}/disable"), post(disable))
        .route(&format!("{ONE}/enable"), post(enable))
        .route(&format!("{ONE}/role"), post(role))
        .route(&format!("{ONE}/password"), post(password))
        .route(&format!("{ONE}/totp"), post(totp))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    name: String,
    role: Role,
    password: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRole {
    role: Role,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    password: Option<String>,
}

fn view(row: &OperatorRow) -> Value {
    json!({
        "name": row.name,
        "role": row.role,
        "disabled": row.disabled,
        "created_at_ms": row.created_at,
        "version": row.version,
    })
}

fn codes(secret: &CodeSecret) -> Value {
    json!({ "secret": secret.text(), "otpauth_url": secret.url() })
}

async fn list(State(desk): State<Shared>) -> Answer<axum::Json<Value>> {
    let rows = desk.ledger().await?.operators().await?;
    let views: Vec<Value> = rows.iter().map(view).collect();
    Ok(axum::Json(json!({ "operators": views })))
}

async fn show(State(desk): State<Shared>, Path(name): Path<String>) -> Answer<axum::Json<Value>> {
    let row = desk.ledger().await?.operator(&name).await?;
    let row = row.ok_or_else(|| not_found(format!("there is no operator {name}")))?;
    Ok(axum::Json(view(&row)))
}

async fn add(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Json(request): Json<Add>,
) -> Answer<(StatusCode, axum::Json<Value>)> {
    let Add {
        name,
        role,
        password,
    } = request;
    let (ledger, key) = (desk.ledger().await?, desk.key()?);
    let added = operators::add(ledger, key, &actor, &name, role, password.as_deref()).await?;
    let body = json!({
        "name": name,
        "role": role,
        "password": added.password,
        "totp": codes(&added.secret),
    });
    Ok((StatusCode::CREATED, axum::Json(body)))
}

async fn disable(
    State(desk): State<Shared>,
    By(operator): By,
    Path(name): Path<String>,
) -> Answer<axum::Json<Value>> {
    change(&desk, &operator, &name, OperatorChange::Disabled(true)).await
}

async fn enable(
    State(desk): State<Shared>,
    By(operator): By,
    Path(name): Path<String>,
) -> Answer<axum::Json<Value>> {
    change(&desk, &operator, &name, OperatorChange::Disabled(false)).await
}

async fn role(
    State(desk): State<Shared>,
    By(operator): By,
    Path(name): Path<String>,
    Json(request): Json<NewRole>,
) -> Answer<axum::Json<Value>> {
    change(&desk, &operator, &name, OperatorChange::Role(request.role)).await
}

async fn change(
    desk: &Shared,
    operator: &Operator,
    name: &str,
    change: OperatorChange,
) -> Answer<axum::Json<Value>> {
    let ledger = desk.ledger().await?;
    operators::change(ledger, &operator.actor, name, change).await?;
    let row = ledger.operator(name).await?;
    let row = row.ok_or_else(|| not_found(format!("there is no operator {name}")))?;
    Ok(axum::Json(view(&row)))
}

async fn password(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(name): Path<String>,
    Json(request): Json<NewPassword>,
) -> Answer<axum::Json<Value>> {
    let ledger = desk.ledger().await?;
    let chosen = request.password.as_deref();
    let made = operators::reset_password(ledger, &actor, &name, chosen).await?;
    Ok(axum::Json(json!({ "name": name, "password": made })))
}

async fn totp(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(name): Path<String>,
) -> Answer<axum::Json<Value>> {
    let (ledger, key) = (desk.ledger().await?, desk.key()?);
    let secret = operators::reset_totp(ledger, key, &actor, &name).await?;
    Ok(axum::Json(json!({ "name": name, "totp": codes(&secret) })))
}
