//! Items from and to CSV files.

use crate::Stores;
use crate::actor::shell;
use anyhow::{Context, bail};
use clap::Args;
use origin::catalogue::{CSV_BYTES_MAX, ImportError};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub(crate) struct Import {
    /// The file; docs/catalogue.md describes it.
    file: PathBuf,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub(crate) struct Export {
    /// The file to write, which must not be there yet; without one, standard output.
    file: Option<PathBuf>,
}

/// What is in a file of at most `bytes_max`, or a byte more.
pub(super) fn read(path: &Path, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max)? + 1;
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let read = file.take(limit).read_to_end(&mut bytes);
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}

pub(super) async fn import(arguments: &Import, stores: &Stores) -> anyhow::Result<()> {
    let file = read(&arguments.file, CSV_BYTES_MAX)?;
    let ledger = stores.ledger().await?;
    let ids = stores.ids(&ledger).await?;
    let dry_run = arguments.dry_run;
    let imported = origin::catalogue::import(&ledger, &ids, &shell(), &file, dry_run).await;
    let imported = match imported {
        Err(ImportError::Faults(faults)) => {
            let name = arguments.file.display();
            for fault in &faults {
                eprintln!("{name}: {fault}");
            }
            bail!("nothing was imported: {} faults in {name}", faults.len());
        }
        other => other?,
    };
    let would = if dry_run { "would be " } else { "" };
    println!(
        "{} {would}added, {} {would}changed, {} unchanged",
        imported.added, imported.changed, imported.unchanged
    );
    Ok(())
}

pub(super) async fn export(arguments: &Export, stores: &Stores) -> anyhow::Result<()> {
    let csv = origin::catalogue::export(&stores.ledger().await?).await?;
    match &arguments.file {
        None => std::io::stdout().write_all(&csv)?,
        Some(path) => File::create_new(path)
            .and_then(|mut file| file.write_all(&csv))
            .with_context(|| format!("cannot write {}", path.display()))?,
    }
    Ok(())
}
