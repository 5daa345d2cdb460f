//! Items.
//!
//! Invariant: an item is written once and never changes, so that what was published stays true.

use super::rows::push_ids;
use super::sales::money;
use super::{Ledger, Result, must_touch};
use kernel::ids::ItemId;
use kernel::money::Money;
use sqlx::QueryBuilder;
use std::collections::{BTreeSet, HashMap};

/// An item to be made.
#[derive(Clone, Debug)]
pub struct NewItem {
    /// Its id.
    pub id: ItemId,
    /// Its name.
    pub title: String,
    /// Plain text.
    pub description: String,
    /// A picture, or none.
    pub image_url: Option<String>,
    /// What it costs outside a sale.
    pub list_price: Money,
}

/// An item as stored.
pub type ItemRow = NewItem;

#[derive(sqlx::FromRow)]
struct RawItem {
    id: u64,
    title: String,
    description: String,
    image_url: Option<String>,
    list_price_minor: i64,
    currency: String,
}

impl Ledger {
    /// Makes an item.
    pub async fn insert_item(&self, item: &NewItem) -> Result<()> {
        let inserted = sqlx::query!(
            "INSERT INTO items
                (id, title, description, image_url, list_price_minor, currency, created_at_ms)
             VALUES (?, ?, ?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            item.id.0,
            item.title,
            item.description,
            item.image_url,
            item.list_price.amount_minor,
            item.list_price.currency.to_string()
        );
        let done = inserted.execute(&mut *self.connection().await?).await?;
        must_touch("insert item", 1, done.rows_affected())
    }

    /// The items with these ids, in one query.
    pub(super) async fn items(
        &self,
        ids: impl Iterator<Item = u64>,
    ) -> Result<HashMap<ItemId, ItemRow>> {
        let ids: BTreeSet<u64> = ids.collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut query = QueryBuilder::new(
            "SELECT id, title, description, image_url, list_price_minor, currency
             FROM items WHERE id IN ",
        );
        push_ids(&mut query, ids.into_iter());
        let rows: Vec<RawItem> = query
            .build_query_as()
            .fetch_all(&mut *self.connection().await?)
            .await?;
        let item = |raw: RawItem| {
            let item = ItemRow {
                id: ItemId(raw.id),
                title: raw.title,
                description: raw.description,
                image_url: raw.image_url,
                list_price: money(raw.list_price_minor, &raw.currency)?,
            };
            Ok((item.id, item))
        };
        rows.into_iter().map(item).collect()
    }

    /// An item.
    pub async fn item(&self, id: ItemId) -> Result<Option<ItemRow>> {
        Ok(self.items(std::iter::once(id.0)).await?.remove(&id))
    }
}
