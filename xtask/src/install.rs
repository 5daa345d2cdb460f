//! Brings what is missing: the targets of the components from rustup, servers as Debian packages, and
//! what tests need from PyPI.
//!
//! Packages are installed only by root or where `CI=true`; anybody else gets the one line to type.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::compile::{BROWSER_TARGET, COMPONENT_TARGET};
use crate::servers::spawner;
use crate::{programs, python, tool};

/// What the machine is to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Only the database, to check SQL.
    Database,
    /// A running system.
    System,
    /// A running system and a browser.
    Tests,
    /// The stores, and what measures them.
    Benchmark,
}

/// Something is missing and must be installed by hand.
#[derive(Debug)]
pub struct ByHand {
    /// What to type.
    pub line: String,
}

impl std::error::Error for ByHand {}

impl std::fmt::Display for ByHand {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.line)
    }
}

/// Programs of which one is enough, and the Debian package that has it.
const DATABASE: [(&[&str], &str); 2] = [
    (&["mariadbd", "mysqld"], "mariadb-server"),
    (&["setpriv"], "util-linux"),
];
const SYSTEM: [(&[&str], &str); 2] = [
    (&["redis-server"], "redis-server"),
    (&["nats-server"], "nats-server"),
];
/// A site as files is served by it, and pages are compared with it.
const NGINX: (&[&str], &str) = (&["nginx"], "nginx-light");
const TESTS: [(&[&str], &str); 4] = [
    (
        &["chromium", "chromium-browser", "google-chrome"],
        "chromium",
    ),
    (&["node"], "nodejs"),
    (&["npm"], "npm"),
    NGINX,
];

const BENCHMARK: [(&[&str], &str); 3] = [
    (&["redis-benchmark"], "redis-tools"),
    (&["wrk"], "wrk"),
    NGINX,
];

/// Installs what `purpose` needs and the machine lacks.
pub fn missing(purpose: Purpose) -> anyhow::Result<()> {
    let mut needs = DATABASE.to_vec();
    if purpose != Purpose::Database {
        needs.extend(SYSTEM);
    }
    match purpose {
        Purpose::Tests => needs.extend(TESTS),
        Purpose::Benchmark => needs.extend(BENCHMARK),
        Purpose::Database | Purpose::System => {}
    }
    let packages: Vec<&str> = needs
        .iter()
        .filter(|(names, _)| programs::find(names).is_none())
        .map(|(_, package)| *package)
        .collect();
    if !packages.is_empty() {
        install(&packages)?;
    }
    if purpose == Purpose::Tests {
        python_packages()?;
    }
    match purpose {
        Purpose::System | Purpose::Tests => component_targets(),
        Purpose::Database | Purpose::Benchmark => Ok(()),
    }
}

/// Installs what tests in Python, or against programs in Python, need.
pub fn python_packages() -> anyhow::Result<()> {
    if python::is_ready()? {
        return Ok(());
    }
    if !python::can_make() {
        install(&[python::PACKAGE])?;
    }
    python::install()
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    let root = programs::is_root();
    let may = root || std::env::var("CI").is_ok_and(|value| value == "true");
    if !may || programs::find(&["apt-get"]).is_none() {
        let packages = packages.join(" ");
        let line = format!("sudo apt-get install -y --no-install-recommends {packages}");
        return Err(ByHand { line }.into());
    }
    eprintln!("installing {}", packages.join(" "));
    let mut command = if root {
        spawner::command("sh")
    } else {
        spawner::command("sudo")
    };
    if !root {
        command.args(["-n", "sh"]);
    }
    command
        .args(["-c", include_str!("install.sh"), "install"])
        .args(packages);
    tool::run_quiet(command).context("cannot install packages")
}

/// Installs what components, and what they send to browsers, are compiled for.
pub fn component_targets() -> anyhow::Result<()> {
    let mut missing = Vec::new();
    for target in [COMPONENT_TARGET, BROWSER_TARGET] {
        let output = Command::new("rustc")
            .args(["--print", "target-libdir", "--target", target])
            .output()
            .context("cannot run rustc")?;
        if !Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir() {
            missing.push(target);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    if programs::find(&["rustup"]).is_none() {
        let line = format!("rustup target add {}", missing.join(" "));
        return Err(ByHand { line }.into());
    }
    let mut command = spawner::command("rustup");
    command.args(["target", "add"]).args(missing);
    tool::run_quiet(command)
}
