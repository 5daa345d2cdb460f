//! A browser against a system of its own.

use anyhow::ensure;
use tempfile::TempDir;

use super::count::Count;
use crate::servers::spawner;
use crate::system::{EdgePort, Options, System};
use crate::{tool, workspace};

/// Starts a system and runs the tests of `e2e/browser` against it.
pub fn run(count: &mut Count) -> anyhow::Result<()> {
    let folder = workspace::top().join("e2e/browser");
    let mut command = spawner::command("npm");
    command
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(&folder);
    tool::run_quiet(command)?;
    // The types of the site's own modules, read from their comments.
    let mut command = spawner::command("npm");
    command
        .args(["run", "--silent", "check"])
        .current_dir(&folder);
    tool::run_quiet(command)?;

    let data = TempDir::new()?;
    let options = Options {
        data: data.path().to_owned(),
        pops: 1,
        edge_port: EdgePort::Any,
        empty: false,
        edge_variables: Vec::new(),
    };
    let mut system = System::start(&options)?;
    let mut command = spawner::command("node");
    command
        .args(["--test", "--test-reporter=tap"])
        .current_dir(&folder)
        .env(
            "DOORBUSTER_UP_JSON",
            serde_json::to_string(system.addresses())?,
        )
        // For those who make sales of their own.
        .env("DOORBUSTER_CLI", system.command_line())
        // To read codes in pictures and to age sessions takes the secrets and programs of `e2e`.
        .env("DOORBUSTER_ENVIRONMENT_FILE", system.environment_file())
        .env("DOORBUSTER_BINARIES", workspace::binaries()?);
    let status = tool::run_lines(command, |line| {
        println!("{line}");
        count.see_node(line);
    })?;
    system.check()?;
    ensure!(status.success(), "`node --test` failed ({status})");
    Ok(())
}
