//! Pictures of items.

use super::files::read;
use crate::Stores;
use crate::actor::shell;
use anyhow::Context;
use clap::Subcommand;
use kernel::catalogue::{Image, ImageName};
use kernel::ids::ItemId;
use origin::catalogue::{Images, UPLOAD_BYTES_MAX, add_image, move_image, remove_image};
use origin::ledger::ItemRow;
use serde_json::json;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Add a picture behind the others and print its name.
    Add {
        /// The item.
        item: ItemId,
        /// PNG, JPEG or WebP of at most 512 KiB and 24 million pixels.
        file: PathBuf,
        /// What it shows, for those who do not see it.
        #[arg(long)]
        alt: String,
    },
    /// Put a picture at another position; the first stands for the item.
    Move {
        /// The item.
        item: ItemId,
        /// The picture's name, as `list` has it.
        #[arg(value_parser = name)]
        image: ImageName,
        /// The position, counted from 1.
        #[arg(long)]
        to: usize,
    },
    /// Remove a picture.
    Remove {
        /// The item.
        item: ItemId,
        /// The picture's name, as `list` has it.
        #[arg(value_parser = name)]
        image: ImageName,
    },
    /// The pictures of an item, in order.
    List {
        /// The item.
        item: ItemId,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command, stores: &Stores) -> anyhow::Result<()> {
    let ledger = stores.ledger().await?;
    let actor = shell();
    match command {
        Command::Add { item, file, alt } => {
            let file = read(&file, UPLOAD_BYTES_MAX)?;
            let images = Images::new(stores.catalogue.jpeg_quality);
            println!(
                "{}",
                add_image(&ledger, &images, &actor, item, file, &alt).await?
            );
        }
        Command::Move { item, image, to } => {
            move_image(&ledger, &actor, item, &image, to).await?;
        }
        Command::Remove { item, image } => remove_image(&ledger, &actor, item, &image).await?,
        Command::List { item, json } => {
            let row = ledger.item(item).await?;
            let row = row.with_context(|| format!("there is no item {item}"))?;
            if json {
                println!("{}", json!({ "images": row.images }));
            } else {
                print(&row);
            }
        }
    }
    Ok(())
}

/// A line a picture.
pub(super) fn print(item: &ItemRow) {
    for Image { alt, files } in &item.images {
        let widths: Vec<String> = files.iter().map(|file| file.width.to_string()).collect();
        let largest = files.last().and_then(|file| ImageName::of_path(&file.path));
        let name = largest.map_or_else(String::new, |name| name.to_string());
        println!("picture    {name}  {} wide  {alt}", widths.join(", "));
    }
}

fn name(text: &str) -> Result<ImageName, String> {
    let name = ImageName::parse(text).or_else(|| ImageName::of_path(text));
    name.ok_or_else(|| "a picture's name is as `doorbuster item image list` has it".to_owned())
}
