//! `cargo xtask`: the only door to building, running and testing all of it.
#![expect(
    clippy::print_stdout,
    reason = "the line to type is read by people and scripts"
)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::install::ByHand;
use xtask::{bench, interrupt, sqlx, test, tidy, up};

/// Build, run and test Doorbuster.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    Test(test::Test),
    Bench(bench::Bench),
    /// Check format, lints, arrows and file sizes.
    Tidy,
    /// Write .sqlx/ anew after a change of SQL.
    Sqlx,
}

/// Something must be installed by hand.
const EXIT_BY_HAND: u8 = 3;

fn main() -> ExitCode {
    let command = CommandLine::parse().command;
    let result = interrupt::listen()
        .map_err(Into::into)
        .and_then(|()| match command {
            Command::Up(up) => up.run().map(|()| true),
            Command::Test(test) => test.run(),
            Command::Bench(bench) => bench.run(),
            Command::Tidy => tidy::run().map(|()| true),
            Command::Sqlx => sqlx::run().map(|()| true),
        });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if interrupt::requested() => {
            eprintln!("{error:#}");
            ExitCode::from(interrupt::EXIT_CODE)
        }
        Err(error) if error.is::<ByHand>() => {
            println!("{error}");
            ExitCode::from(EXIT_BY_HAND)
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
