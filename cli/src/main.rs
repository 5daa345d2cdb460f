//! `doorbuster`: the operator's command line.
//!
//! Invariant: it links the origin's rooms and has no SQL and no Lua of its own. Results go to
//! standard output, errors in one line to standard error; exit 1 on failure. An audit exits 1 on a
//! breach and 2 if it could not be done; so does the check of a receipt.
#![expect(
    clippy::print_stdout,
    reason = "a command line speaks on standard output"
)]

mod account;
mod actor;
mod audit;
mod dead_letters;
mod item;
mod lobby;
mod order;
mod pages;
mod pop;
mod sale;
mod when;

use clap::{Parser, Subcommand};
use origin::ids::Ids;
use origin::ledger::Ledger;
use origin::queue::Queue;
use origin::sales::Rounds;
use origin::settings::{BeaconSettings, CatalogueSettings, Reader, StoreSettings};
use origin::stock::Stock;
use std::process::ExitCode;

/// The operator's command line of Doorbuster. The stores are found by the origin's settings,
/// DOORBUSTER_MYSQL_URL and so on; see docs/settings.md.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Apply the migrations that the database has not seen.
    Migrate,
    /// Items: what can be sold.
    #[command(subcommand)]
    Item(item::Command),
    /// Sales of items.
    #[command(subcommand)]
    Sale(sale::Command),
    /// Lobbies of sales, and receipts for places.
    #[command(subcommand)]
    Lobby(lobby::Command),
    /// The public site as files.
    #[command(subcommand)]
    Pages(pages::Command),
    /// PoPs: their keys, and who is shut out.
    #[command(subcommand)]
    Pop(pop::Command),
    /// Orders.
    #[command(subcommand)]
    Order(order::Command),
    /// Messages of the queue that could not be decided.
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
    /// Accounts of shoppers.
    #[command(subcommand)]
    Account(account::Command),
    /// Check every invariant; exit 1 if one is broken, 2 if that could not be done.
    Audit(audit::Arguments),
}

/// The stores that a command needs; each is connected when asked for.
struct Stores {
    settings: StoreSettings,
    /// Of the beacon that sales may name.
    rounds: Option<Rounds>,
    catalogue: CatalogueSettings,
}

impl Stores {
    fn read() -> anyhow::Result<Self> {
        let mut reader = Reader::from_environment();
        let settings = StoreSettings::read(&mut reader);
        let beacon = BeaconSettings::read(&mut reader);
        let catalogue = CatalogueSettings::read(&mut reader);
        reader.finish()?;
        let rounds = beacon.map(|beacon| beacon.rounds);
        Ok(Self {
            settings,
            rounds,
            catalogue,
        })
    }

    async fn ledger(&self) -> anyhow::Result<Ledger> {
        Ok(Ledger::connect(&self.settings.mysql_url.0).await?)
    }

    async fn stock(&self) -> anyhow::Result<Stock> {
        Ok(Stock::connect(&self.settings.redis_url.0).await?)
    }

    async fn queue(&self) -> anyhow::Result<Queue> {
        Ok(Queue::connect(&self.settings).await?)
    }

    async fn all(&self) -> anyhow::Result<origin::stores::Stores> {
        Ok(origin::stores::Stores::connect(&self.settings).await?)
    }

    async fn ids(&self, ledger: &Ledger) -> anyhow::Result<Ids> {
        Ok(Ids::lease(ledger).await?)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let command = Arguments::parse().command;
    // Whoever reads the exit code must not take a check that failed for a breach.
    let failure = match command {
        Command::Audit(_) | Command::Lobby(lobby::Command::Verify(_)) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    };
    match run(command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("doorbuster: {error:#}");
            failure
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    // A receipt is checked by whoever has one: they have no stores.
    if let Command::Lobby(lobby::Command::Verify(arguments)) = &command {
        return lobby::verify(arguments).await;
    }
    // The site is what an edge serves, and nothing else.
    if let Command::Pages(command) = &command {
        return pages::run(command).await;
    }
    let stores = Stores::read()?;
    match command {
        Command::Migrate => stores.ledger().await?.migrate().await?,
        Command::Item(command) => item::run(command, &stores).await?,
        Command::Sale(command) => sale::run(command, &stores).await?,
        Command::Lobby(command) => return lobby::run(command, &stores).await,
        Command::Pages(command) => return pages::run(&command).await,
        Command::Pop(command) => pop::run(command, &stores).await?,
        Command::Order(command) => order::run(command, &stores).await?,
        Command::DeadLetters(command) => dead_letters::run(command, &stores).await?,
        Command::Account(command) => account::run(command, &stores).await?,
        Command::Audit(arguments) => return audit::run(&arguments, &stores).await,
    }
    Ok(ExitCode::SUCCESS)
}
