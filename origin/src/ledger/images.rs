//! Files of pictures, and which pictures an item has.
//!
//! Invariant: a file never changes, as its name is the hash of what is in it; one that no item has
//! any more is removed with the last that had it.

use super::items::change::{current, next_version, subject};
use super::operator_log::{Actor, Line, log};
use super::rows::push_ids;
use super::{ItemChange, Ledger, LedgerError, Result, corrupt, must_touch, retry, rows};
use kernel::catalogue::{Image, ImageFile, ImageName};
use kernel::ids::ItemId;
use sqlx::{FromRow, MySqlConnection, QueryBuilder};
use std::collections::{BTreeSet, HashMap};

/// A file to be kept.
#[derive(Clone, Debug)]
pub struct NewImageFile {
    /// Made of what is in it.
    pub name: ImageName,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A file of a picture of an item.
struct Row {
    position: u8,
    width: u32,
    hash: String,
    alt: String,
}

#[derive(FromRow)]
struct Listed {
    item_id: u64,
    position: u8,
    alt: String,
    hash: String,
    format: String,
    width: u32,
    height: u32,
}

/// The pictures of these items, by item, each in order.
pub(super) async fn of_items(
    connection: &mut MySqlConnection,
    ids: &[u64],
) -> Result<HashMap<u64, Vec<Image>>> {
    let mut images: HashMap<u64, Vec<Image>> = HashMap::new();
    if ids.is_empty() {
        return Ok(images);
    }
    let mut query = QueryBuilder::new(
        "SELECT item_images.item_id, item_images.position, item_images.alt, images.hash,
                images.format, images.width, images.height
         FROM item_images JOIN images ON images.hash = item_images.hash
         WHERE item_images.item_id IN ",
    );
    push_ids(&mut query, ids.iter().copied());
    query.push(" ORDER BY item_images.item_id, item_images.position, item_images.width");
    let rows: Vec<Listed> = query.build_query_as().fetch_all(connection).await?;
    let mut last = None;
    for row in rows {
        let name = ImageName::parse(&format!("{}.{}", row.hash, row.format));
        let name = name.ok_or_else(|| corrupt("a picture whose name is none"))?;
        let file = ImageFile {
            path: name.path(),
            width: row.width,
            height: row.height,
        };
        let of_item = images.entry(row.item_id).or_default();
        let here = Some((row.item_id, row.position));
        match of_item.last_mut() {
            Some(image) if last == here => image.files.push(file),
            _ => of_item.push(Image {
                alt: row.alt,
                files: vec![file],
            }),
        }
        last = here;
    }
    Ok(images)
}

impl Ledger {
    /// What is in a file; `None` if no item has it.
    pub async fn image(&self, name: &ImageName) -> Result<Option<Vec<u8>>> {
        let bytes = sqlx::query_scalar!(
            "SELECT bytes FROM images WHERE hash = ? AND format = ?",
            name.hash(),
            name.format().ending()
        );
        Ok(bytes.fetch_optional(&mut *self.connection().await?).await?)
    }

    /// Gives an item that has this version these pictures and no others. `files` are those among
    /// them that may not be kept yet; `action` stands in the operator log.
    pub async fn set_item_images(
        &self,
        actor: &Actor,
        action: &'static str,
        (id, version): (ItemId, u64),
        images: &[Image],
        files: &[NewImageFile],
    ) -> Result<ItemChange> {
        retry(async || {
            let mut transaction = self.begin().await?;
            let item = match current(&mut transaction, id, version).await? {
                Ok(item) => item,
                Err(why) => return Ok(why),
            };
            for file in files {
                keep(&mut transaction, file).await?;
            }
            replace(&mut transaction, id, &item.images, images).await?;
            let version = next_version(&mut transaction, &item).await?;
            let after = images.to_vec();
            let line = Line {
                actor,
                action,
                subject: subject(id),
                before: Some(&item.images),
                after: Some(&after),
            };
            log(&mut transaction, line).await?;
            transaction.commit().await?;
            Ok::<_, LedgerError>(ItemChange::Done(version))
        })
        .await
    }
}

/// Keeps a file, unless it is kept already.
async fn keep(connection: &mut MySqlConnection, file: &NewImageFile) -> Result<()> {
    // The same name is the same content; how many rows that touches differs by server.
    sqlx::query!(
        "INSERT INTO images (hash, format, width, height, bytes, created_at_ms)
         VALUES (?, ?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))
         ON DUPLICATE KEY UPDATE hash = VALUES(hash)",
        file.name.hash(),
        file.name.format().ending(),
        file.width,
        file.height,
        file.bytes
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn replace(
    connection: &mut MySqlConnection,
    id: ItemId,
    before: &[Image],
    after: &[Image],
) -> Result<()> {
    let removed = sqlx::query!("DELETE FROM item_images WHERE item_id = ?", id.0);
    let done = removed.execute(&mut *connection).await?;
    let count = before.iter().map(|image| image.files.len()).sum::<usize>();
    must_touch(
        "remove an item's pictures",
        count as u64,
        done.rows_affected(),
    )?;
    let rows = file_rows(after)?;
    let statement = "INSERT INTO item_images (item_id, position, width, hash, alt) ";
    rows::insert(connection, statement, &rows, |mut insert, row| {
        insert
            .push_bind(id.0)
            .push_bind(row.position)
            .push_bind(row.width)
            .push_bind(row.hash.clone())
            .push_bind(row.alt.clone());
    })
    .await?;
    let kept: BTreeSet<String> = rows.into_iter().map(|row| row.hash).collect();
    for row in file_rows(before)? {
        if !kept.contains(&row.hash) {
            forget(connection, &row.hash).await?;
        }
    }
    Ok(())
}

fn file_rows(images: &[Image]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (position, image) in images.iter().enumerate() {
        for file in &image.files {
            let name = ImageName::of_path(&file.path);
            rows.push(Row {
                position: u8::try_from(position).map_err(corrupt)?,
                width: file.width,
                hash: name
                    .ok_or_else(|| corrupt("a picture without a name"))?
                    .hash()
                    .to_owned(),
                alt: image.alt.clone(),
            });
        }
    }
    Ok(rows)
}

/// Removes a file that no item has any more.
async fn forget(connection: &mut MySqlConnection, hash: &str) -> Result<()> {
    // None if another item has it too.
    sqlx::query!(
        "DELETE FROM images WHERE hash = ?
           AND NOT EXISTS (SELECT 1 FROM item_images WHERE item_images.hash = images.hash)",
        hash
    )
    .execute(connection)
    .await?;
    Ok(())
}
