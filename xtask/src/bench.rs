//! `cargo xtask bench`: how fast it is, against what the stores themselves can do.
//!
//! Every figure is compared with another of the same run on the same machine, so that the machine
//! cancels out. A limit that is missed is named, and the exit code is 1.

mod edge;
mod figures;
mod gate;
mod nginx;
mod origin;
mod overload;
mod page;
mod stage;

use clap::{Args, Subcommand};

/// Measure speed and memory against what is promised.
#[derive(Debug, Args)]
pub struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Origin(origin::Origin),
    Overload(overload::Overload),
    Gate(gate::Gate),
    Edge(edge::Edge),
}

impl Bench {
    /// Whether every limit was met; an error if nothing could be measured.
    pub fn run(&self) -> anyhow::Result<bool> {
        match &self.what {
            What::Origin(origin) => origin.run(),
            What::Overload(overload) => overload.run(),
            What::Gate(gate) => gate.run(),
            What::Edge(edge) => edge.run(),
        }
    }
}
