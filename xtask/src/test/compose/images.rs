//! The images of a project: pulled and built as compose.yaml says, or all from Debian.
//!
//! Invariant: it is said on standard error which of the two they are, and why.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use clap::ValueEnum;

use super::project::Tool;
use crate::compile::{COMPONENT_TARGET, COMPONENTS};
use crate::servers::spawner;
use crate::{interrupt, programs, tool, workspace};

/// What deploy/debian/base.sh makes.
const BASE: &str = "doorbuster-debian-base";
const PROGRAMS: [&str; 4] = [
    "doorbuster",
    "doorbuster-edge",
    "doorbuster-origin",
    "doorbuster-sandbox",
];

/// Where images come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Images {
    /// A registry or, where none answers, Debian.
    Any,
    /// A registry, as compose.yaml says; programs are built in a container.
    Registry,
    /// A Debian mirror, as deploy/compose.debian.yaml says; programs are those built here.
    Debian,
}

impl Images {
    /// Makes all images, and gives the files of compose that name them.
    pub fn prepare(self, tool: &Tool) -> anyhow::Result<Vec<PathBuf>> {
        let top = workspace::top();
        let mut files = vec![top.join("compose.yaml")];
        let debian = match self {
            Self::Debian => true,
            Self::Registry => false,
            Self::Any => !can_pull(tool, &files)?,
        };
        if debian {
            eprintln!("images: all from Debian, with the programs built here");
            make_base(&top)?;
            lay_out(&top)?;
            files.push(top.join("deploy/compose.debian.yaml"));
        } else {
            eprintln!("images: from the registry, with the programs built in a container");
        }
        let mut build = tool.command(&files);
        build.arg("build");
        tool::run_quiet(build)?;
        Ok(files)
    }
}

/// Pulls two images of others; whether that worked.
fn can_pull(tool: &Tool, files: &[PathBuf]) -> anyhow::Result<bool> {
    let mut pull = tool.command(files);
    pull.args(["pull", "--quiet", "mysql", "redis"]);
    let result = tool::run_quiet(pull);
    ensure!(!interrupt::requested(), "interrupted");
    if let Err(error) = &result {
        eprintln!("images: none can be pulled: {error:#}");
    }
    Ok(result.is_ok())
}

/// Makes the base of all others unless it is there.
fn make_base(top: &Path) -> anyhow::Result<()> {
    let docker = programs::need(&["docker"])?;
    let found = Command::new(docker)
        .args(["image", "inspect", BASE])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("cannot run docker")?;
    if found.success() {
        return Ok(());
    }
    let script = top.join("deploy/debian/base.sh");
    programs::need(&["debootstrap"])?;
    ensure!(
        programs::is_root(),
        "{BASE} is missing, and debootstrap needs root: sudo {}",
        script.display()
    );
    tool::run_quiet(spawner::command(script))
}

/// Lays out what programs.Dockerfile copies, without debugging information, which is most of it.
fn lay_out(top: &Path) -> anyhow::Result<()> {
    let folder = workspace::component_target().join("compose");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let (bin, app) = (folder.join("bin"), folder.join("app"));
    // Where spin.toml looks for them.
    let components = Path::new("target").join(COMPONENT_TARGET).join("release");
    fs::create_dir_all(&bin)?;
    fs::create_dir_all(app.join(&components))?;

    let built = workspace::binaries()?;
    for program in PROGRAMS {
        let mut strip = spawner::command("strip");
        strip
            .args(["--strip-debug", "-o"])
            .args([bin.join(program), built.join(program)]);
        tool::run_quiet(strip)?;
    }
    for component in COMPONENTS {
        let file = components.join(format!("{component}.wasm"));
        copy(&top.join(&file), &app.join(&file))?;
    }
    copy(&top.join("spin.toml"), &app.join("spin.toml"))?;
    copy(
        &top.join("deploy/healthcheck.sh"),
        &folder.join("healthcheck.sh"),
    )?;
    copy(
        &top.join("deploy/debian/programs.Dockerfile"),
        &folder.join("programs.Dockerfile"),
    )
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}
