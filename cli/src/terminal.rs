//! Asks the person at the terminal.
//!
//! Invariant: what is secret is not shown while it is typed; a program that writes to standard input
//! instead is asked nothing.

use anyhow::Context;
use std::io::{BufRead, IsTerminal, stdin};
use std::process::Command;

/// Asks for a line.
pub(crate) fn line(prompt: &str) -> anyhow::Result<String> {
    if stdin().is_terminal() {
        eprint!("{prompt}");
    }
    let mut line = String::new();
    let read = stdin().lock().read_line(&mut line)?;
    anyhow::ensure!(
        read > 0,
        "standard input ended before `{}`",
        prompt.trim_end()
    );
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks for a line that is not shown.
pub(crate) fn secret(prompt: &str) -> anyhow::Result<String> {
    if !stdin().is_terminal() {
        return line(prompt);
    }
    echo(false)?;
    let line = line(prompt);
    echo(true)?;
    eprintln!();
    line
}

fn echo(on: bool) -> anyhow::Result<()> {
    let word = if on { "echo" } else { "-echo" };
    let status = Command::new("stty").arg(word).status();
    let status = status.context("`stty` is needed to hide what is typed")?;
    anyhow::ensure!(status.success(), "`stty {word}` failed");
    Ok(())
}
