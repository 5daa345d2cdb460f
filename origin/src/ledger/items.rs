//! Items.
//!
//! Invariant: an item is never removed, as sales and orders name it; every change of it counts its
//! version up and stands in the operator log.

/// Reads items: what follows `FROM items`, and its arguments.
macro_rules! select_items {
    ($tail:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            super::RawItem,
            "SELECT id, sku, title, description, attributes, image_url, list_price_minor, currency,
                    version, archived_at_ms
             FROM items " + $tail
            $(, $argument)*
        )
    };
}

mod batch;
pub(super) mod change;
mod search;

pub use batch::{Batch, ItemLine};
pub use change::ItemChange;
pub use search::{ItemPage, ItemSearch, ItemState, WORDS_MAX};

use super::rows::push_ids;
use super::sales::money;
use super::{Ledger, Result, corrupt};
use kernel::catalogue::{Attribute, Image};
use kernel::ids::ItemId;
use kernel::money::Money;
use kernel::time::UnixMillis;
use serde::Serialize;
use sqlx::{MySqlConnection, QueryBuilder};
use std::collections::{BTreeSet, HashMap};

/// What an operator says about an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ItemContent {
    /// The shop's own name of it; no two items have the same, upper or lower case.
    pub sku: String,
    /// Its name.
    pub title: String,
    /// Plain text.
    pub description: String,
    /// What else is to be known, in this order.
    pub attributes: Vec<Attribute>,
    /// A picture that lies elsewhere, or none.
    pub image_url: Option<String>,
    /// What it costs outside a sale.
    pub list_price: Money,
}

/// An item as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemRow {
    /// Its id.
    pub id: ItemId,
    /// What was said about it.
    pub content: ItemContent,
    /// Its pictures, in order.
    pub images: Vec<Image>,
    /// Grows with every change.
    pub version: u64,
    /// Since when no sale may be made of it.
    pub archived_at: Option<UnixMillis>,
}

#[derive(sqlx::FromRow)]
struct RawItem {
    id: u64,
    sku: String,
    title: String,
    description: String,
    attributes: String,
    image_url: Option<String>,
    list_price_minor: i64,
    currency: String,
    version: u64,
    archived_at_ms: Option<i64>,
}

impl RawItem {
    fn into_row(self, images: Vec<Image>) -> Result<ItemRow> {
        Ok(ItemRow {
            id: ItemId(self.id),
            content: ItemContent {
                sku: self.sku,
                title: self.title,
                description: self.description,
                attributes: read_attributes(&self.attributes)?,
                image_url: self.image_url,
                list_price: money(self.list_price_minor, &self.currency)?,
            },
            images,
            version: self.version,
            archived_at: self.archived_at_ms.map(UnixMillis),
        })
    }
}

/// Attributes as the column has them: a list of pairs, so that a search finds no names of fields.
fn attributes_text(attributes: &[Attribute]) -> Result<String> {
    let pairs: Vec<_> = attributes
        .iter()
        .map(|attribute| (&attribute.name, &attribute.value))
        .collect();
    serde_json::to_string(&pairs).map_err(corrupt)
}

fn read_attributes(text: &str) -> Result<Vec<Attribute>> {
    // What an item had before there were attributes.
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let pairs: Vec<(String, String)> = serde_json::from_str(text).map_err(corrupt)?;
    let attribute = |(name, value)| Attribute { name, value };
    Ok(pairs.into_iter().map(attribute).collect())
}

/// The rows of these items with their pictures, in no order.
async fn with_images(connection: &mut MySqlConnection, raw: Vec<RawItem>) -> Result<Vec<ItemRow>> {
    let ids: Vec<u64> = raw.iter().map(|item| item.id).collect();
    let mut images = super::images::of_items(connection, &ids).await?;
    let row = |item: RawItem| {
        let images = images.remove(&item.id).unwrap_or_default();
        item.into_row(images)
    };
    raw.into_iter().map(row).collect()
}

impl Ledger {
    /// The items with these ids, in two queries.
    pub(super) async fn items(
        &self,
        ids: impl Iterator<Item = u64>,
    ) -> Result<HashMap<ItemId, ItemRow>> {
        let ids: BTreeSet<u64> = ids.collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let mut query = QueryBuilder::new(
            "SELECT id, sku, title, description, attributes, image_url, list_price_minor, currency,
                    version, archived_at_ms
             FROM items WHERE id IN ",
        );
        push_ids(&mut query, ids.into_iter());
        let connection = &mut *self.connection().await?;
        let raw: Vec<RawItem> = query.build_query_as().fetch_all(&mut *connection).await?;
        let rows = with_images(connection, raw).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }

    /// An item.
    pub async fn item(&self, id: ItemId) -> Result<Option<ItemRow>> {
        Ok(self.items(std::iter::once(id.0)).await?.remove(&id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_read_as_they_were_written() {
        let attribute = |name: &str, value: &str| Attribute {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let all = [attribute("Colour", "“Black”, 7\" \\"), attribute("a", "")];
        let text = attributes_text(&all).unwrap();
        assert_eq!(read_attributes(&text).unwrap(), all);
        assert_eq!(attributes_text(&[]).unwrap(), "[]");
        assert_eq!(read_attributes("").unwrap(), []);
        assert!(read_attributes("[[\"one\"]]").is_err());
    }
}
