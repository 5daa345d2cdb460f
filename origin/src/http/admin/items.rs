//! `/admin/api/items`: what can be sold.
//!
//! Invariant: nothing is overwritten that the operator has not seen: who changes an item says which
//! version they saw.

use super::super::body::Json;
use super::Shared;
use super::access::By;
use super::answer::{Answer, Refused, away, invalid, not_found, wrong_state};
use super::page::{Asked, limit};
use crate::catalogue::{
    CatalogueError, ItemDraft, add_item, archive_item, change_item, find_items,
};
use crate::ledger::{ItemRow, ItemState};
use crate::operators::Operator;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use kernel::catalogue::Attribute;
use kernel::ids::ItemId;
use kernel::money::Money;
use kernel::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    const ONE: &str = "/admin/api/items/{id}";
    Router::new()
        .route("/admin/api/items", get(list).post(make))
        .route(ONE, get(show).put(change))
        .route(&format!("{ONE}/archive"), post(archive))
        .route(&format!("{ONE}/restore"), post(restore))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    search: String,
    #[serde(default)]
    state: Which,
    cursor: Option<ItemId>,
    limit: Option<u32>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Which {
    #[default]
    Active,
    Archived,
    All,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    sku: Option<String>,
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    attributes: Vec<Attribute>,
    image_url: Option<String>,
    list_price: Money,
}

/// All that is said of an item, and the version that was seen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    version: u64,
    item: Draft,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    version: u64,
}

impl From<Draft> for ItemDraft {
    fn from(draft: Draft) -> Self {
        Self {
            sku: draft.sku,
            title: draft.title,
            description: draft.description,
            attributes: draft.attributes,
            image_url: draft.image_url,
            list_price: draft.list_price,
        }
    }
}

fn view(row: &ItemRow) -> Value {
    json!({
        "id": row.id,
        "sku": row.content.sku,
        "title": row.content.title,
        "description": row.content.description,
        "attributes": row.content.attributes,
        "image_url": row.content.image_url,
        "images": row.images,
        "list_price": row.content.list_price,
        "version": row.version,
        "archived_at_ms": row.archived_at,
    })
}

fn item_id(text: &str) -> Answer<ItemId> {
    let unknown = |_| not_found(format!("there is no item {text}"));
    text.parse().map_err(unknown)
}

async fn shown(desk: &Shared, id: ItemId) -> Answer<axum::Json<Value>> {
    let row = desk.ledger().await?.item(id).await?;
    let row = row.ok_or_else(|| not_found(format!("there is no item {id}")))?;
    Ok(axum::Json(view(&row)))
}

async fn list(
    State(desk): State<Shared>,
    Asked(wanted): Asked<Wanted>,
) -> Answer<axum::Json<Value>> {
    let limit = limit(wanted.limit)?;
    let state = match wanted.state {
        Which::Active => ItemState::Active,
        Which::Archived => ItemState::Archived,
        Which::All => ItemState::All,
    };
    let ledger = desk.ledger().await?;
    let page = find_items(ledger, &wanted.search, state, wanted.cursor, limit).await?;
    let views: Vec<Value> = page.items.iter().map(view).collect();
    Ok(axum::Json(
        json!({ "items": views, "next_cursor": page.next }),
    ))
}

async fn show(State(desk): State<Shared>, Path(id): Path<String>) -> Answer<axum::Json<Value>> {
    shown(&desk, item_id(&id)?).await
}

async fn make(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Json(draft): Json<Draft>,
) -> Answer<Response> {
    let (ledger, ids) = (desk.ledger().await?, desk.ids().await?);
    let id = add_item(ledger, ids, &actor, draft.into()).await?;
    let location = [(header::LOCATION, format!("/admin/api/items/{id}"))];
    Ok((StatusCode::CREATED, location, shown(&desk, id).await?).into_response())
}

async fn change(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(id): Path<String>,
    Json(Changed { version, item }): Json<Changed>,
) -> Answer<axum::Json<Value>> {
    let id = item_id(&id)?;
    change_item(desk.ledger().await?, &actor, (id, version), item.into()).await?;
    shown(&desk, id).await
}

async fn archive(
    State(desk): State<Shared>,
    By(operator): By,
    Path(id): Path<String>,
    Json(Seen { version }): Json<Seen>,
) -> Answer<axum::Json<Value>> {
    put_away(&desk, &operator, (item_id(&id)?, version), true).await
}

async fn restore(
    State(desk): State<Shared>,
    By(operator): By,
    Path(id): Path<String>,
    Json(Seen { version }): Json<Seen>,
) -> Answer<axum::Json<Value>> {
    put_away(&desk, &operator, (item_id(&id)?, version), false).await
}

async fn put_away(
    desk: &Shared,
    operator: &Operator,
    item: (ItemId, u64),
    archived: bool,
) -> Answer<axum::Json<Value>> {
    archive_item(desk.ledger().await?, &operator.actor, item, archived).await?;
    shown(desk, item.0).await
}

impl From<CatalogueError> for Refused {
    fn from(error: CatalogueError) -> Self {
        match error {
            CatalogueError::Invalid(fault) => Problem::field(fault.field, &fault.message).into(),
            CatalogueError::Unknown(_) => not_found(error.to_string()),
            CatalogueError::Stale(..) | CatalogueError::InUse(..) => wrong_state(error),
            CatalogueError::Image(_) => invalid(error),
            other => away(&other),
        }
    }
}
