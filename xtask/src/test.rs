//! `cargo xtask test`: everything CI runs, and what one runs before a commit.
//!
//! Stages go on after a failure where they can, so that one run shows all of it; the last line is
//! `N passed, N failed`.

mod browser;
mod compose;
mod count;
mod stages;

use clap::{Args, ValueEnum};
use tempfile::TempDir;

use crate::install::{self, Purpose};
use crate::servers::{Servers, Setting};
use crate::{compile, python, tidy, tool, workspace};
use count::Count;
use stages::Stages;

/// Any password does: the database lives as long as the tests.
const PASSWORD: &str = "test";

/// Run all checks and tests.
#[derive(Debug, Args)]
pub struct Test {
    /// Only one part, for a quick look.
    #[arg(long, value_enum)]
    only: Option<Part>,

    /// Instead: the origin's tests against the stores of compose.yaml, and the whole of it. Needs
    /// Docker.
    #[arg(
        long,
        value_enum,
        value_name = "IMAGES",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "any",
        conflicts_with = "only"
    )]
    compose: Option<compose::Images>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Format, lints, arrows, file sizes.
    Tidy,
    /// Tests in the crates, without servers.
    Unit,
    /// Tests in `tests/`, against servers.
    Integration,
    /// A browser against a system.
    Browser,
}

impl Test {
    /// Whether everything passed; an error only if somebody stopped it.
    pub fn run(self) -> anyhow::Result<bool> {
        let wants = |part| self.only.is_none_or(|only| only == part);
        let mut stages = Stages::default();
        if let Some(images) = self.compose {
            compose::run(images, &mut stages)?;
            return Ok(stages.report());
        }

        if self.only != Some(Part::Unit) && self.only != Some(Part::Tidy) {
            stages.run("install", || install::missing(Purpose::Tests))?;
        }
        if wants(Part::Tidy) {
            stages.run("tidy", tidy::run)?;
        }
        let system = wants(Part::Integration) || wants(Part::Browser);
        let built = !system || stages.run("build", build)?;
        match self.only {
            None if built => {
                stages.run_tests("tests", |count| with_servers(&[], count))?;
            }
            Some(Part::Integration) if built => {
                stages.run_tests("tests", |count| with_servers(&["--test", "*"], count))?;
            }
            Some(Part::Unit) => {
                stages.run_tests("tests", |count| {
                    cargo_test(&["--lib", "--bins"], &[], count)
                })?;
            }
            _ => {}
        }
        if wants(Part::Browser) && built {
            stages.run_tests("browser", browser::run)?;
        }
        Ok(stages.report())
    }
}

fn build() -> anyhow::Result<()> {
    compile::for_tests()?;
    // A component that tests of the edge host talk to.
    if workspace::has_package("edge-probe")? {
        compile::components(&["edge-probe"])?;
    }
    Ok(())
}

fn with_servers(args: &[&str], count: &mut Count) -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let setting = Setting {
        data: data.path(),
        lock: None,
        mysql_password: PASSWORD,
        pops: 1,
    };
    let servers = Servers::start(&setting, |_| {})?;
    let environment = [
        ("DOORBUSTER_TEST_MYSQL_URL", servers.mysql_url()),
        ("DOORBUSTER_TEST_REDIS_URL", servers.redis_url()),
        ("DOORBUSTER_TEST_POP_REDIS_URL", servers.pop_redis_url()),
        ("DOORBUSTER_TEST_NATS_URL", servers.nats_url()),
        (
            python::TEST_VARIABLE,
            python::interpreter()?.display().to_string(),
        ),
    ];
    cargo_test(args, &environment, count)
}

fn cargo_test(
    args: &[&str],
    environment: &[(&str, String)],
    count: &mut Count,
) -> anyhow::Result<()> {
    let mut command = workspace::cargo();
    command.args(["test", "--no-fail-fast", "--workspace"]);
    // The probe is a component for the edge host's tests and has none of its own.
    command.args(["--exclude", "edge-probe"]).args(args);
    command.envs(environment.iter().map(|(key, value)| (key, value)));
    let status = tool::run_lines(command, |line| {
        println!("{line}");
        count.see_cargo(line);
    })?;
    anyhow::ensure!(status.success(), "`cargo test` failed ({status})");
    Ok(())
}
