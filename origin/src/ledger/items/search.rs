//! Finding items.
//!
//! Invariant: a search reads at most [`SCANNED_MAX`] items, whatever it looks for; what lies beyond
//! is on the next page.
//!
//! There is no full-text index: how short a word it knows, and which words it leaves out, are
//! settings of the server; MySQL alone has a parser for languages without blanks; and its tables
//! would be made anew in every database. A catalogue of a flash sale is small enough to be read.

use super::super::{Ledger, Result};
use super::{ItemRow, with_images};
use kernel::ids::ItemId;

/// Items read for one page at most.
const SCANNED_MAX: u64 = 5_000;
/// Words of a search at most.
pub const WORDS_MAX: usize = 5;

/// Which items are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ItemState {
    /// Those that can be sold.
    #[default]
    Active,
    /// Those that were put away.
    Archived,
    /// All.
    All,
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct ItemSearch {
    /// Each stands in the id, the sku, the title, the description or an attribute, in any case; at
    /// most [`WORDS_MAX`].
    pub words: Vec<String>,
    /// Which are meant.
    pub state: ItemState,
    /// Only items with lower ids: where the page before ended.
    pub before: Option<ItemId>,
    /// How many at most.
    pub limit: u32,
}

/// Some of what was found, the newest first.
#[derive(Clone, Debug)]
pub struct ItemPage {
    /// The items; a page in the middle may have none.
    pub items: Vec<ItemRow>,
    /// Where the next page begins, if there may be more.
    pub next: Option<ItemId>,
}

/// A pattern for `LIKE` in which the word stands for itself.
fn pattern(word: Option<&String>) -> String {
    let mut pattern = String::from("%");
    for letter in word.map(String::as_str).unwrap_or_default().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    if pattern.len() > 1 {
        pattern.push('%');
    }
    pattern
}

impl Ledger {
    /// A page of the items that are looked for.
    pub async fn find_items(&self, search: &ItemSearch) -> Result<ItemPage> {
        let connection = &mut *self.connection().await?;
        let before = search.before.map_or(u64::MAX, |id| id.0);
        let scanned = sqlx::query!(
            r#"SELECT COUNT(*) AS "count!: i64", MIN(id) AS "lowest: u64" FROM (
                SELECT id FROM items WHERE id < ? ORDER BY id DESC LIMIT ?
            ) AS scanned"#,
            before,
            SCANNED_MAX
        );
        let scanned = scanned.fetch_one(&mut *connection).await?;
        let Some(lowest) = scanned.lowest else {
            let items = Vec::new();
            return Ok(ItemPage { items, next: None });
        };
        let words: [String; WORDS_MAX] = std::array::from_fn(|n| pattern(search.words.get(n)));
        let [first, second, third, fourth, fifth] = &words;
        let (active, archived) = match search.state {
            ItemState::Active => (true, false),
            ItemState::Archived => (false, true),
            ItemState::All => (true, true),
        };
        let found = select_items!(
            "WHERE id < ? AND id >= ?
               AND ((? AND archived_at_ms IS NULL) OR (? AND archived_at_ms IS NOT NULL))
               AND CONCAT_WS(' ', id, sku, title, description, attributes) LIKE ?
               AND CONCAT_WS(' ', id, sku, title, description, attributes) LIKE ?
               AND CONCAT_WS(' ', id, sku, title, description, attributes) LIKE ?
               AND CONCAT_WS(' ', id, sku, title, description, attributes) LIKE ?
               AND CONCAT_WS(' ', id, sku, title, description, attributes) LIKE ?
             ORDER BY id DESC LIMIT ?",
            before,
            lowest,
            active,
            archived,
            first,
            second,
            third,
            fourth,
            fifth,
            search.limit
        );
        let found = found.fetch_all(&mut *connection).await?;
        let items = with_images(connection, found).await?;
        let full = items.len() >= search.limit as usize;
        let cut = scanned.count.unsigned_abs() >= SCANNED_MAX;
        let next = match items.last() {
            Some(last) if full => Some(last.id),
            _ => cut.then_some(ItemId(lowest)),
        };
        Ok(ItemPage { items, next })
    }
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_word_stands_for_itself() {
        let check = |word: &str, expected| assert_eq!(pattern(Some(&word.to_owned())), expected);
        check("console", "%console%");
        check("100%", "%100\\%%");
        check("a_b\\", "%a\\_b\\\\%");
        assert_eq!(pattern(None), "%");
    }
}
