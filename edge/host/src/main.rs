//! `doorbuster-edge`: runs a Spin app where Spin is not installed.
//!
//! A stand-in for Spin: it refuses by name what it does not support and offers nothing that Spin
//! lacks, so that an app which runs here runs there. In the order of a request: `server` accepts it,
//! `cache` answers what it holds, `routes` finds its component, `engine` has an instance handle it, and the instance reaches out
//! through `key_value`, `redis`, `outbound_http` and the variables in `guest`.

mod access_log;
mod app;
mod assembly;
mod bindings;
mod body;
mod cache;
mod cli;
mod engine;
mod faults;
mod files;
mod guest;
mod hosts;
mod interfaces;
mod key_value;
mod log;
mod manifest;
mod metrics;
mod ops;
mod outbound_http;
mod redis;
mod reload;
mod routes;
mod runtime_config;
mod server;
mod start;
mod trace;
mod variables;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Requests allocate much and on all threads; the C library's allocator would be in the way.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    match start::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}
