//! Programs in Python that tests talk to, in a virtual environment below the target folder.
//!
//! Versions are pinned by `e2e/python/requirements.txt`; what is there is not fetched again.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context;

use crate::servers::spawner;
use crate::{tool, workspace};

/// The package that makes virtual environments.
pub const PACKAGE: &str = "python3-venv";

/// Tells tests where the interpreter is.
pub const TEST_VARIABLE: &str = "DOORBUSTER_TEST_PYTHON";

/// The interpreter that has the packages.
pub fn interpreter() -> anyhow::Result<PathBuf> {
    Ok(folder()?.join("bin/python"))
}

/// Whether this machine can make virtual environments. Debian has `venv` without `PACKAGE`, and
/// lacks only what it needs.
pub fn can_make() -> bool {
    let mut command = Command::new("python3");
    command
        .args(["-c", "import ensurepip, venv"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Whether everything is there, in the versions that are asked for.
pub fn is_ready() -> anyhow::Result<bool> {
    let installed = fs::read(folder()?.join("installed.txt")).unwrap_or_default();
    Ok(installed == wanted()? && interpreter()?.is_file())
}

/// Makes the environment anew and fetches the packages.
pub fn install() -> anyhow::Result<()> {
    let folder = folder()?;
    let mut venv = spawner::command("python3");
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    tool::run_quiet(venv)?;
    let mut pip = spawner::command(interpreter()?);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input"])
        .args(["--disable-pip-version-check", "--requirement"])
        .arg(requirements());
    tool::run_quiet(pip)?;
    // Last, so that what broke off begins anew.
    let installed = folder.join("installed.txt");
    fs::write(&installed, wanted()?)
        .with_context(|| format!("cannot write {}", installed.display()))
}

fn folder() -> anyhow::Result<PathBuf> {
    Ok(workspace::target()?.join("python"))
}

fn requirements() -> PathBuf {
    workspace::top().join("e2e/python/requirements.txt")
}

fn wanted() -> anyhow::Result<Vec<u8>> {
    let path = requirements();
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}
