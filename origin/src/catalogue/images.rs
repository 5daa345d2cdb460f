//! Pictures of items: taken from operators, drawn anew, kept in the ledger.
//!
//! Invariant: no byte of an upload reaches a shopper. What is served was decoded and encoded again by
//! us, in known widths, and carries nothing about camera, place or time.

mod redraw;

pub use redraw::{MEMORY_BYTES_MAX, PIXELS_MAX, Picture, UPLOAD_BYTES_MAX, WIDTHS, prepare};

use super::CatalogueError;
use super::draft::alt_fault;
use super::items::done;
use crate::ledger::{Actor, ItemChange, ItemRow, Ledger, NewImageFile};
use kernel::catalogue::{IMAGES_MAX, Image, ImageName};
use kernel::ids::ItemId;
use tokio::sync::Semaphore;

/// Pictures drawn at the same time; another waits.
const AT_ONCE: usize = 1;
/// How often a change of the list is made again if somebody else changed the item meanwhile.
const TRIES_MAX: usize = 5;

/// Why a picture is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The file is too large.
    #[error("the file has {0} bytes; a picture has at most {max}", max = UPLOAD_BYTES_MAX)]
    TooLarge(usize),
    /// It is of another kind.
    #[error("the file is no PNG, JPEG or WebP")]
    Unknown,
    /// It has too many pixels.
    #[error("the picture has {0} x {1} pixels; at most {max} are drawn", max = PIXELS_MAX)]
    TooManyPixels(u32, u32),
    /// It needs more memory than there is for it.
    #[error("the picture needs too much memory; save it with 8 bits a channel or smaller")]
    TooMuchMemory,
    /// It is damaged.
    #[error("the picture cannot be read: {0}")]
    Damaged(String),
    /// Drawn anew it is too large in every width.
    #[error("the picture is too detailed to be kept with its transparency; save it as JPEG")]
    TooDetailed,
}

/// Draws pictures anew, few at a time.
#[derive(Debug)]
pub struct Images {
    jpeg_quality: u8,
    turns: Semaphore,
}

impl Images {
    /// Pictures without transparency are encoded with this quality, 1 to 100.
    pub fn new(jpeg_quality: u8) -> Self {
        Self {
            jpeg_quality,
            turns: Semaphore::new(AT_ONCE),
        }
    }

    /// The picture in all its widths, each a file.
    pub async fn redraw(&self, file: Vec<u8>) -> Result<Vec<Picture>, ImageError> {
        let quality = self.jpeg_quality;
        // The semaphore is never closed; a decoder that panics has met a damaged file.
        let damaged = |error: &dyn std::fmt::Display| ImageError::Damaged(error.to_string());
        let turn = self.turns.acquire().await;
        let _turn = turn.map_err(|error| damaged(&error))?;
        let drawn = tokio::task::spawn_blocking(move || prepare(&file, quality));
        drawn.await.unwrap_or_else(|error| Err(damaged(&error)))
    }
}

/// Adds a picture behind those that the item has, and returns its name, by which it is moved and
/// removed. `alt` says what it shows.
pub async fn add_image(
    ledger: &Ledger,
    images: &Images,
    actor: &Actor,
    id: ItemId,
    file: Vec<u8>,
    alt: &str,
) -> Result<ImageName, CatalogueError> {
    if let Some(fault) = alt_fault(alt) {
        return Err(CatalogueError::Invalid(fault));
    }
    let item = ledger.item(id).await?.ok_or(CatalogueError::Unknown(id))?;
    // Before the work, and again with the version that is changed.
    room(&item)?;
    let pictures = images.redraw(file).await?;
    let image = Image {
        alt: alt.to_owned(),
        files: pictures.iter().map(Picture::file).collect(),
    };
    let name = image
        .largest()
        .and_then(|file| ImageName::of_path(&file.path));
    let name = name.ok_or(ImageError::TooDetailed)?;
    let files: Vec<NewImageFile> = pictures.into_iter().map(Picture::into_new_file).collect();
    let add = |item: &ItemRow| {
        room(item)?;
        let there = item.images.iter().any(|other| is_named(other, &name));
        if there {
            let message = "the item has this picture already";
            return Err(CatalogueError::field("file", message));
        }
        let mut images = item.images.clone();
        images.push(image.clone());
        Ok(images)
    };
    change(ledger, (actor, "item.image.add"), id, &files, add).await?;
    Ok(name)
}

/// Puts a picture at this position, counted from 1.
pub async fn move_image(
    ledger: &Ledger,
    actor: &Actor,
    id: ItemId,
    name: &ImageName,
    position: usize,
) -> Result<(), CatalogueError> {
    let to = |item: &ItemRow| {
        let (mut images, at) = find(item, name)?;
        let image = images.remove(at);
        let to = position.saturating_sub(1).min(images.len());
        images.insert(to, image);
        Ok(images)
    };
    change(ledger, (actor, "item.image.move"), id, &[], to).await
}

/// Removes a picture from an item.
pub async fn remove_image(
    ledger: &Ledger,
    actor: &Actor,
    id: ItemId,
    name: &ImageName,
) -> Result<(), CatalogueError> {
    let without = |item: &ItemRow| {
        let (mut images, at) = find(item, name)?;
        images.remove(at);
        Ok(images)
    };
    change(ledger, (actor, "item.image.remove"), id, &[], without).await
}

/// Gives the item the pictures that `make` makes of those it has.
async fn change(
    ledger: &Ledger,
    (actor, action): (&Actor, &'static str),
    id: ItemId,
    files: &[NewImageFile],
    make: impl Fn(&ItemRow) -> Result<Vec<Image>, CatalogueError>,
) -> Result<(), CatalogueError> {
    for _ in 1..TRIES_MAX {
        let item = ledger.item(id).await?.ok_or(CatalogueError::Unknown(id))?;
        let images = make(&item)?;
        let at = (id, item.version);
        let change = ledger.set_item_images(actor, action, at, &images, files);
        match change.await? {
            ItemChange::Stale(_) => {}
            change => return done(id, change).map(|_| ()),
        }
    }
    let item = ledger.item(id).await?.ok_or(CatalogueError::Unknown(id))?;
    Err(CatalogueError::Stale(id, item.version))
}

fn room(item: &ItemRow) -> Result<(), CatalogueError> {
    if item.images.len() < IMAGES_MAX {
        return Ok(());
    }
    let message = format!("an item has at most {IMAGES_MAX} pictures; remove one first");
    Err(CatalogueError::field("file", message))
}

/// A picture is known by the name of any of its files.
fn is_named(image: &Image, name: &ImageName) -> bool {
    let path = name.path();
    image.files.iter().any(|file| file.path == path)
}

fn find(item: &ItemRow, name: &ImageName) -> Result<(Vec<Image>, usize), CatalogueError> {
    let at = item.images.iter().position(|image| is_named(image, name));
    let at = at.ok_or_else(|| {
        CatalogueError::field("image", format!("item {} has no picture {name}", item.id))
    })?;
    Ok((item.images.clone(), at))
}
