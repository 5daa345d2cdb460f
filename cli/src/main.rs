//! `doorbuster`: the operator's command line.
//!
//! Invariant: it links the origin's rooms and has no SQL and no Lua of its own. What the admin API can
//! do it does by the API: over HTTP where somebody is signed in, else in this process. Results go to
//! standard output, errors in one line to standard error; exit 1 on failure. An audit exits 1 on a
//! breach and 2 if it could not be done; so do the check of a receipt and the comparison of payments.
#![expect(
    clippy::print_stdout,
    reason = "a command line speaks on standard output"
)]

mod account;
mod actor;
mod audit;
mod dead_letters;
mod delivery;
mod desk;
mod item;
mod lobby;
mod log;
mod operator;
mod order;
mod pages;
mod payments;
mod pop;
mod rules;
mod sale;
mod session;
mod terminal;
mod webhooks;
mod when;

use clap::{Parser, Subcommand};
use desk::Desk;
use origin::ids::Ids;
use origin::ledger::Ledger;
use origin::sales::Rounds;
use origin::settings::{BeaconSettings, CatalogueSettings, Reader, StoreSettings};
use origin::stock::Stock;
use std::process::ExitCode;

/// The operator's command line of Doorbuster.
///
/// The commands sale, order, pop, dead-letters, operator and log use the admin API: with
/// DOORBUSTER_ADMIN_URL and DOORBUSTER_ADMIN_TOKEN, or after `doorbuster sign-in`, at the address of
/// that. Without a session, on a server, they and all the others work on the stores themselves,
/// which are found by the origin's settings, DOORBUSTER_MYSQL_URL and so on; see docs/settings.md
/// and docs/operators.md.
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
    /// The way of paid orders to their buyers.
    #[command(subcommand)]
    Delivery(delivery::Command),
    /// Programs of others that are told of orders.
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// Payments: what goes back, and what the provider says.
    #[command(subcommand)]
    Payments(payments::Command),
    /// Messages of the queue that could not be decided.
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
    /// Rules of flow control: rates, limits and breakers of the edge listener's routes.
    #[command(subcommand)]
    Rules(rules::Command),
    /// Accounts of shoppers.
    #[command(subcommand)]
    Account(account::Command),
    /// Operators: who may run the shop.
    #[command(subcommand)]
    Operator(operator::Command),
    /// The operator log: who changed what.
    Log(log::Arguments),
    /// Sign in at an origin's admin listener, and work there from now on.
    SignIn(session::SignIn),
    /// End that session.
    SignOut,
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
        Self::read_from(Reader::from_environment())
    }

    fn read_from(mut reader: Reader) -> anyhow::Result<Self> {
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

    async fn ids(&self, ledger: &Ledger) -> anyhow::Result<Ids> {
        Ok(Ids::lease(ledger).await?)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let command = Arguments::parse().command;
    // Whoever reads the exit code must not take a check that failed for a breach.
    let failure = match command {
        Command::Audit(_)
        | Command::Lobby(lobby::Command::Verify(_))
        | Command::Payments(payments::Command::Compare(_)) => ExitCode::from(2),
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
    // A file is right or wrong whatever the stores are.
    if let Command::Rules(rules::Command::Check { file }) = &command {
        rules::check(file)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(command) = by_the_api(command).await? else {
        return Ok(ExitCode::SUCCESS);
    };
    let stores = Stores::read()?;
    match command {
        Command::Migrate => stores.ledger().await?.migrate().await?,
        Command::Item(command) => item::run(command, &stores).await?,
        Command::Lobby(command) => return lobby::run(command, &stores).await,
        Command::Pages(command) => return pages::run(&command).await,
        Command::Payments(command) => return payments::run(command, &stores).await,
        Command::Rules(command) => rules::run(command, &stores).await?,
        Command::Delivery(command) => delivery::run(command, &stores).await?,
        Command::Webhooks(command) => webhooks::run(command, &stores).await?,
        Command::Account(command) => account::run(command, &stores).await?,
        Command::Audit(arguments) => return audit::run(&arguments, &stores).await,
        _ => unreachable!("the others have been run"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a command that the admin API can do, there or in this process; gives back any other.
async fn by_the_api(command: Command) -> anyhow::Result<Option<Command>> {
    match command {
        Command::Sale(command) => sale::run(command, &Desk::open()?).await?,
        Command::Order(command) => order::run(command, &Desk::open()?).await?,
        Command::Pop(command) => pop::run(command, &Desk::open()?).await?,
        Command::DeadLetters(command) => dead_letters::run(command, &Desk::open()?).await?,
        Command::Operator(command) => operator::run(command, &Desk::open()?).await?,
        Command::Log(arguments) => log::run(arguments, &Desk::open()?).await?,
        Command::SignIn(arguments) => session::sign_in(arguments).await?,
        Command::SignOut => session::sign_out().await?,
        other => return Ok(Some(other)),
    }
    Ok(None)
}
