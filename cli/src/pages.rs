//! `doorbuster pages`.

mod folder;
mod nginx;
mod place;
mod rules;
mod site;

use anyhow::Context;
use clap::{Args, Subcommand};
use folder::Folder;
use rules::Rules;
use site::Site;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write the whole public site as files, for a CDN or nginx; needs no store.
    Export(Export),
}

#[derive(Args)]
pub(crate) struct Export {
    /// The folder to write; it must not be there yet, or be empty.
    folder: PathBuf,
    /// The edge to read, such as http://127.0.0.1:8080, or the site itself.
    #[arg(long)]
    edge: String,
    /// Replace a former export, at one stroke.
    #[arg(long)]
    force: bool,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let Command::Export(arguments) = command;
    let folder = Folder::prepare(&arguments.folder, arguments.force)?;
    let edge = arguments.edge.trim_end_matches('/');
    let site = Site::read(edge)
        .await
        .with_context(|| format!("cannot read the site of {edge}"))?;
    let rules = Rules::new(&site)?;
    folder
        .write(&site, &rules)
        .with_context(|| format!("cannot write {}", arguments.folder.display()))?;
    println!(
        "{} addresses of release {} in {}: {} files, {} bytes",
        site.pages.len(),
        site.assets,
        arguments.folder.display(),
        site.files().count(),
        site.files().map(|(_, body)| body.len()).sum::<usize>(),
    );
    Ok(ExitCode::SUCCESS)
}
