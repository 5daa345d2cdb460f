//! `/admin/api/accounts`: shoppers, looked up and signed out.
//!
//! Invariant: nobody is told a password's hash.

use super::Shared;
use super::access::By;
use super::answer::{Answer, Refused, away, not_found};
use super::page::Asked;
use crate::accounts::{AccountError, end_sessions};
use crate::ledger::Account;
use crate::operators::Operator;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get};
use kernel::ids::AccountId;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/admin/api/accounts", get(find))
        .route("/admin/api/accounts/{id}", get(show))
        .route("/admin/api/accounts/{id}/sessions", delete(sign_out))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    contact: String,
}

fn view(account: &Account) -> Value {
    json!({ "id": account.id, "contact": account.contact, "name": account.name })
}

async fn find(
    State(desk): State<Shared>,
    Asked(Wanted { contact }): Asked<Wanted>,
) -> Answer<axum::Json<Value>> {
    let contact = contact.trim().to_lowercase();
    let account = desk.ledger().await?.account_by_contact(&contact).await?;
    let views: Vec<Value> = account.iter().map(view).collect();
    Ok(axum::Json(
        json!({ "accounts": views, "next_cursor": null }),
    ))
}

async fn one(desk: &Shared, id: &str) -> Answer<Account> {
    let unknown = || not_found(format!("there is no account {id}"));
    let account: AccountId = id.parse().map_err(|_| unknown())?;
    let account = desk.ledger().await?.account(account).await?;
    account.ok_or_else(unknown)
}

async fn show(State(desk): State<Shared>, Path(id): Path<String>) -> Answer<axum::Json<Value>> {
    Ok(axum::Json(view(&one(&desk, &id).await?)))
}

/// Noted first: a session that ended without a line would be worse than a line without its end.
async fn sign_out(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let account = one(&desk, &id).await?;
    let (ledger, stock) = (desk.ledger().await?, desk.stock().await?);
    let subject = format!("account:{}", account.id);
    ledger
        .note(&actor, "account.sign-out", subject, &json!({}))
        .await?;
    end_sessions(stock, account.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<AccountError> for Refused {
    fn from(error: AccountError) -> Self {
        away(&error)
    }
}
