//! `cargo xtask tidy`: what reviews should not have to say.

mod arrows;
mod files;
mod sources;

use anyhow::bail;

use crate::compile::{COMPONENT_TARGET, COMPONENTS};
use crate::{install, tool, workspace};

/// Runs every check, so that one run shows all faults. An error if there was one.
pub fn run() -> anyhow::Result<()> {
    let mut faults = 0;
    let mut judge = |verdict: anyhow::Result<()>| {
        if let Err(error) = verdict {
            faults += 1;
            eprintln!("tidy: {error:#}");
        }
    };
    judge(format());
    let sources = sources::read(&workspace::top())?;
    for fault in arrows::in_text(&sources)
        .into_iter()
        .chain(files::check(&sources))
    {
        judge(Err(anyhow::anyhow!(fault)));
    }
    for fault in arrows::in_dependencies(&workspace::metadata(true)?)? {
        judge(Err(anyhow::anyhow!(fault)));
    }
    install::component_targets()?;
    judge(clippy_native());
    judge(clippy_components());
    if faults > 0 {
        bail!("{faults} checks failed");
    }
    Ok(())
}

fn format() -> anyhow::Result<()> {
    let mut command = workspace::cargo();
    command.args(["fmt", "--all", "--check"]);
    tool::run_quiet(command)
}

fn clippy_native() -> anyhow::Result<()> {
    let mut command = workspace::cargo();
    command.args([
        "clippy",
        "--workspace",
        "--exclude",
        "edge-probe",
        "--all-targets",
    ]);
    command.args(["--", "--deny", "warnings"]);
    tool::run_quiet(command)
}

fn clippy_components() -> anyhow::Result<()> {
    let mut command = workspace::cargo();
    command.args(["clippy", "--target", COMPONENT_TARGET]);
    command.args(["--package", "kit", "--package", "layout"]);
    for component in COMPONENTS {
        command.args(["--package", component]);
    }
    command.args(["--", "--deny", "warnings"]);
    tool::run_quiet(command)
}
