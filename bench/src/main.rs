//! `doorbuster-bench`: takes one measurement after the other, as `cargo xtask bench` asks for them.
//!
//! Invariant: it measures and never judges. The stores and the origin are found by the origin's own
//! settings; a measurement is a line of JSON on standard output, and one that was disturbed (an
//! order refused, a purchase lost) is an error and no figure.
#![expect(
    clippy::print_stdout,
    reason = "measurements are read from standard output"
)]

mod measurement;
mod processes;
mod world;

mod load;
mod placing;
mod requests;
mod script;

mod deciding;
mod overload;
mod single;

mod algorithms;

mod edge;
mod gate;

use clap::{Parser, Subcommand};
use processes::Watched;
use std::process::ExitCode;
use world::World;

/// Measures the origin, its stores and an edge; `cargo xtask bench` starts them and calls this.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Apply the migrations.
    Migrate,
    /// Place orders through the origin's edge listener.
    Place(placing::Arguments),
    /// Send shoppers who come back when they are told to, under some rules of flow control.
    Overload(overload::Arguments),
    /// Run the script that places by redis-benchmark.
    Script(script::Arguments),
    /// Decide all that waits in the queue.
    Decide {
        /// How many orders wait there.
        #[arg(long)]
        orders: u32,
        /// Whose CPU time counts: name=process id.
        #[arg(long = "process")]
        processes: Vec<Watched>,
    },
    /// Write orders with one transaction each, on one connection.
    Single {
        /// How many.
        #[arg(long)]
        orders: u32,
    },
    /// Sell a stock by each of five algorithms.
    Algorithms(algorithms::Arguments),
    /// Send shoppers to a PoP's edge, honest and others.
    Gate(gate::Arguments),
    /// Ask for one page again and again, by wrk.
    Edge(edge::Arguments),
    /// Ask for one page once.
    First(edge::First),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("doorbuster-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    // The decider runs as it does in the origin; a generator of load takes one thread, so that it
    // leaves the rest to what is measured.
    let mut builder = if matches!(command, Command::Decide { .. }) {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = builder.enable_all().build()?;
    let measured = runtime.block_on(measure(command))?;
    for measurement in measured {
        println!("{}", measurement.line());
    }
    Ok(())
}

async fn measure(command: Command) -> anyhow::Result<Vec<measurement::Measurement>> {
    match command {
        Command::Migrate => {
            world::migrate().await?;
            Ok(Vec::new())
        }
        Command::Place(arguments) => placing::measure(&World::connect().await?, &arguments).await,
        Command::Overload(arguments) => {
            overload::measure(&World::connect().await?, &arguments).await
        }
        Command::Script(arguments) => script::measure(&World::connect().await?, &arguments).await,
        Command::Decide { orders, processes } => {
            deciding::measure(&World::connect().await?, orders, &processes).await
        }
        Command::Single { orders } => single::measure(&World::connect().await?, orders).await,
        Command::Algorithms(arguments) => {
            algorithms::measure(&World::connect().await?, &arguments).await
        }
        Command::Gate(arguments) => gate::measure(&World::connect().await?, &arguments).await,
        Command::Edge(arguments) => edge::measure(&arguments),
        Command::First(arguments) => edge::first(&arguments),
    }
}
