//! What pages run of the kernel: `edge/browser`, built here for browsers, so that whoever builds
//! a component has it, and never an old one.

use crate::files::File;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "wasm32-unknown-unknown";
/// Below the top of the repository: all that the module is made of.
const SOURCES: [&str; 6] = [
    "Cargo.lock",
    "Cargo.toml",
    "edge/browser/Cargo.toml",
    "edge/browser/src",
    "kernel/Cargo.toml",
    "kernel/src",
];

/// Builds the module and gives it as the asset `js/kernel.wasm`.
pub fn asset(top: &Path, out: &Path) -> Result<File> {
    let target = target_folder(out);
    let cargo = env::var_os("CARGO").context("cargo does not say where it is")?;
    let mut command = Command::new(cargo);
    command
        .args(["build", "--locked", "--release", "--package", "browser"])
        .args(["--target", TARGET, "--target-dir"])
        .arg(&target)
        .current_dir(top);
    // Flags and wrappers (clippy's) of the build that we are a part of are meant for that.
    for name in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
    ] {
        command.env_remove(name);
    }
    let output = command.output().context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "cannot build what browsers run (has `rustup target add {TARGET}` been done?):\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let path = target.join(TARGET).join("release/browser.wasm");
    let content = fs::read(&path).with_context(|| path.display().to_string())?;
    // A copy of our own: the next build for another profile may write the first anew.
    let path = out.join("kernel.wasm");
    fs::write(&path, &content)?;
    Ok(File {
        name: "js/kernel.wasm".to_owned(),
        path,
        media_type: "application/wasm",
        content,
    })
}

/// What a change of calls for another build.
pub fn sources(top: &Path) -> impl Iterator<Item = PathBuf> {
    SOURCES.iter().map(|name| top.join(name))
}

/// A folder in the target folder that all builds share: the module is the same for all.
fn target_folder(out: &Path) -> PathBuf {
    let marked = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
    out.ancestors().find(marked).unwrap_or(out).join("browser")
}
