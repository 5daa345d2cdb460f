//! Runs other people's programs to their end: cargo, npm, node, apt.
//!
//! Each runs in a process group of its own, so that Ctrl-C reaches us alone and we end the whole
//! group; and each is told to stop if we die.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::interrupt;
use crate::servers::spawner;

const POLL: Duration = Duration::from_millis(50);

/// Runs `command` with our standard output and error; an error unless it succeeds.
pub fn run(command: Command) -> anyhow::Result<()> {
    let shown = spawner::show(&command);
    let status = wait(spawner::spawn(command)?)?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// As [`run`], with standard output on standard error.
pub fn run_quiet(mut command: Command) -> anyhow::Result<()> {
    command.stdout(std::io::stderr());
    run(command)
}

/// Runs `command`, gives each line of its standard output to `see`, and says how it ended.
pub fn run_lines(
    mut command: Command,
    mut see: impl FnMut(&str) + Send,
) -> anyhow::Result<ExitStatus> {
    command.stdout(Stdio::piped());
    let mut child = spawner::spawn(command)?;
    let output = child.stdout.take().context("no standard output")?;
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut lines = BufReader::new(output).split(b'\n');
            while let Some(Ok(line)) = lines.next() {
                see(String::from_utf8_lossy(&line).trim_end_matches('\r'));
            }
        });
        wait(child)
    })
}

fn wait(mut child: Child) -> anyhow::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if let Err(interrupted) = interrupt::sleep(POLL) {
            spawner::stop(&mut child);
            return Err(interrupted);
        }
    }
}
