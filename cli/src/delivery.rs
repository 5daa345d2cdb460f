//! `doorbuster delivery`.

use crate::{Stores, actor};
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use kernel::ids::{OrderId, SaleId};
use kernel::order::OrderState;
use origin::delivery::{Format, advance, export, import, shipment};
use origin::ledger::Step;
use std::fs::File;
use std::io::{BufWriter, Read, stdin, stdout};
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write what is to be delivered, and where, to standard output.
    Export(Export),
    /// An order lies packed in the warehouse.
    Pack {
        /// The order.
        order: OrderId,
    },
    /// A carrier has it.
    Ship {
        /// The order.
        order: OrderId,
        /// Who carries it.
        #[arg(long)]
        carrier: String,
        /// How to follow it.
        #[arg(long)]
        tracking: String,
    },
    /// It has arrived.
    Deliver {
        /// The order.
        order: OrderId,
    },
    /// Take these steps from a CSV file with the first line `order_id,action,carrier,tracking`;
    /// actions are pack, ship and deliver. Lines that are wrong are named and skipped; the file can
    /// be taken in again. Exit 1 if a line was wrong.
    Import {
        /// The file, or `-` for standard input.
        file: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct Export {
    /// Of this sale alone.
    #[arg(long)]
    sale: Option<SaleId>,
    /// Orders in this state.
    #[arg(long, value_enum, default_value_t = Stage::Paid)]
    state: Stage,
    /// CSV with a header, or a JSON object a line.
    #[arg(long, value_enum, default_value_t = As::Csv)]
    format: As,
}

#[derive(Clone, Copy, ValueEnum)]
enum Stage {
    Paid,
    Packed,
    Shipped,
    Delivered,
}

#[derive(Clone, Copy, ValueEnum)]
enum As {
    Csv,
    Json,
}

impl From<Stage> for OrderState {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Paid => Self::Paid,
            Stage::Packed => Self::Packed,
            Stage::Shipped => Self::Shipped,
            Stage::Delivered => Self::Delivered,
        }
    }
}

impl From<As> for Format {
    fn from(format: As) -> Self {
        match format {
            As::Csv => Self::Csv,
            As::Json => Self::Json,
        }
    }
}

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<()> {
    let (order, step) = match command {
        Command::Export(which) => return write(which, stores).await,
        Command::Import { file } => return take_in(&file, stores).await,
        Command::Pack { order } => (order, Step::Pack),
        Command::Deliver { order } => (order, Step::Deliver),
        Command::Ship {
            order,
            carrier,
            tracking,
        } => (order, Step::Ship(shipment(&carrier, &tracking)?)),
    };
    let now = advance(&stores.ledger().await?, order, &step, &actor::shell()).await?;
    println!("{}", told(order, step.state().as_str(), now));
    Ok(())
}

fn told(order: impl std::fmt::Display, state: &str, now: bool) -> String {
    let when = if now { "now" } else { "already" };
    format!("order {order} is {when} {state}")
}

async fn write(which: Export, stores: &Stores) -> anyhow::Result<()> {
    let output = BufWriter::new(stdout().lock());
    let (state, format) = (which.state.into(), which.format.into());
    export(&stores.ledger().await?, which.sale, state, format, output).await?;
    Ok(())
}

async fn take_in(path: &Path, stores: &Stores) -> anyhow::Result<()> {
    let file: Box<dyn Read> = if path == Path::new("-") {
        Box::new(stdin().lock())
    } else {
        let file = File::open(path);
        Box::new(file.with_context(|| format!("cannot open {}", path.display()))?)
    };
    let (ledger, actor) = (stores.ledger().await?, actor::shell());
    let wrong = import(&ledger, &actor, file, |line| match &line.result {
        Ok((state, now)) => {
            println!("line {}: {}", line.number, told(&line.order, state, *now));
        }
        Err(fault) => println!("line {}: error: {fault}", line.number),
    });
    let wrong = wrong.await?;
    if wrong > 0 {
        bail!("{wrong} lines were wrong, and changed nothing; the others are done");
    }
    Ok(())
}
