//! The catalogue: the items that sales sell.
//!
//! Invariant: what is in the catalogue can be shown: texts are within their limits.

use crate::ids::{IdError, Ids};
use crate::ledger::{Ledger, LedgerError, NewItem};
use kernel::ids::ItemId;
use kernel::money::Money;

/// Characters of a title at most.
pub const TITLE_LENGTH_MAX: usize = 200;
/// Bytes of a description at most.
pub const DESCRIPTION_BYTES_MAX: usize = 20_000;
/// Characters of a picture's address at most.
pub const IMAGE_URL_LENGTH_MAX: usize = 500;

/// Why an item was not added.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A field is wrong.
    #[error("{0}")]
    Invalid(&'static str),
    /// No id to be had.
    #[error("no id for the item")]
    Id(#[from] IdError),
    /// The ledger is away.
    #[error("the item was not stored")]
    Ledger(#[from] LedgerError),
}

/// What an operator says about an item.
#[derive(Clone, Debug)]
pub struct ItemDraft {
    /// Its name.
    pub title: String,
    /// Plain text; blank lines part paragraphs.
    pub description: String,
    /// A picture, or none.
    pub image_url: Option<String>,
    /// What it costs outside a sale.
    pub list_price: Money,
}

/// Adds an item and returns its id.
pub async fn add_item(
    ledger: &Ledger,
    ids: &Ids,
    draft: ItemDraft,
) -> Result<ItemId, CatalogueError> {
    let ItemDraft {
        title,
        description,
        image_url,
        list_price,
    } = draft;
    let invalid = |message| Err(CatalogueError::Invalid(message));
    if title.trim().is_empty() || title.chars().count() > TITLE_LENGTH_MAX {
        return invalid("the title has 1 to 200 characters");
    }
    if description.len() > DESCRIPTION_BYTES_MAX {
        return invalid("the description has at most 20,000 bytes");
    }
    let web = |url: &String| {
        url.starts_with("https://") || url.starts_with("http://") || url.starts_with('/')
    };
    if image_url
        .as_ref()
        .is_some_and(|url| !web(url) || url.chars().count() > IMAGE_URL_LENGTH_MAX)
    {
        return invalid("the picture is an http(s) address or a path, of at most 500 characters");
    }
    if list_price.amount_minor < 0 {
        return invalid("the list price is not negative");
    }
    let id = ItemId(ids.next().await?);
    ledger
        .insert_item(&NewItem {
            id,
            title,
            description,
            image_url,
            list_price,
        })
        .await?;
    Ok(id)
}
