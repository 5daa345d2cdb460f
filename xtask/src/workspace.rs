//! Where things lie: the top of the repository and what cargo has built.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::servers::spawner;

/// The top of the repository.
pub fn top() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Cargo at the top of the repository. SQL is checked against `.sqlx/`, never a database that
/// somebody's environment happens to name.
pub fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = spawner::command(program);
    command
        .current_dir(top())
        .stdin(Stdio::null())
        .env("SQLX_OFFLINE", "true");
    command.env_remove("DATABASE_URL");
    command
}

/// What cargo knows about the workspace; with `depth` also about all dependencies.
pub fn metadata(depth: bool) -> anyhow::Result<Value> {
    let mut command = cargo();
    command
        .args(["metadata", "--format-version", "1", "--quiet"])
        .stderr(Stdio::inherit());
    if !depth {
        command.arg("--no-deps");
    }
    let output = command.output().context("cannot run cargo")?;
    ensure!(output.status.success(), "`cargo metadata` failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Where cargo builds native programs.
pub fn target() -> anyhow::Result<PathBuf> {
    let metadata = metadata(false)?;
    let folder = metadata["target_directory"].as_str();
    Ok(folder.context("cargo names no target folder")?.into())
}

/// Where `cargo build` puts native programs of the dev profile.
pub fn binaries() -> anyhow::Result<PathBuf> {
    Ok(target()?.join("debug"))
}

/// Where components are built. `spin.toml` names them there, whatever target folder is set for
/// native programs.
pub fn component_target() -> PathBuf {
    top().join("target")
}

/// Whether the workspace has a package of this name.
pub fn has_package(name: &str) -> anyhow::Result<bool> {
    let metadata = metadata(false)?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo names no packages")?;
    Ok(packages.iter().any(|package| package["name"] == name))
}
