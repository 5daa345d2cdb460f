//! `doorbuster lobby`.

mod verify;

pub(crate) use verify::{Verify, verify};

use crate::{Stores, when};
use anyhow::Context;
use clap::Subcommand;
use kernel::ids::SaleId;
use kernel::lobby::Lobby;
use origin::ledger::{LobbyRow, SaleRow};
use serde_json::json;
use std::process::ExitCode;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the lobby of a sale: who waits where, and the draw.
    Show {
        /// The sale.
        id: SaleId,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Recompute the place of a receipt; needs no store. Exit 1 if it is wrong, 2 if that could not
    /// be found out.
    Verify(Verify),
}

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<ExitCode> {
    match command {
        Command::Verify(arguments) => verify(&arguments).await,
        Command::Show { id, json } => {
            show(stores, id, json).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn show(stores: &Stores, id: SaleId, json: bool) -> anyhow::Result<()> {
    let ledger = stores.ledger().await?;
    let row = ledger.sale(id).await?;
    let row = row.with_context(|| format!("there is no sale {id}"))?;
    let lobbies = ledger.lobbies(id).await?;
    let lobby = ledger.lobby(id, &row.draw).await?;
    if json {
        let at_pops = lobbies.iter().map(
            |at| json!({ "pop": at.pop, "arrivals": at.arrivals, "closed_count": at.closed_count }),
        );
        let at_pops: Vec<_> = at_pops.collect();
        let state = state(&row);
        println!(
            "{}",
            json!({ "sale_id": id, "state": state, "lobbies": at_pops, "lobby": lobby })
        );
    } else {
        print(&row, &lobbies, &lobby);
    }
    Ok(())
}

fn state(row: &SaleRow) -> &'static str {
    match (row.draw.frozen_at, row.draw.drawn_at) {
        (None, _) => "open",
        (Some(_), None) => "frozen",
        (Some(_), Some(_)) => "drawn",
    }
}

fn print(row: &SaleRow, lobbies: &[LobbyRow], lobby: &Lobby) {
    println!("sale       {}  {}", row.sale.id, row.sale.slug);
    println!("opens      {}", when::show(row.sale.opens_at));
    println!("lobby      {}", state(row));
    println!("arrivals   {}", lobby.waiting);
    for LobbyRow {
        pop,
        arrivals,
        closed_count,
    } in lobbies
    {
        let closed = closed_count.map_or("not closed".to_owned(), |count| {
            format!("closed at {count}")
        });
        println!("  {pop}  {arrivals} arrivals, {closed}");
    }
    println!("commitment {}", lobby.commitment);
    println!("beacon     {}", beacon(row, lobby));
    if let (Some(drawn_at), Some(seed)) = (lobby.drawn_at_ms, &lobby.seed) {
        println!("seed       {seed}");
        println!("drawn      {}", when::show(drawn_at));
    }
    for pop in &lobby.pops {
        println!(
            "  {}  {} places, {} tickets, root {}",
            pop.id, pop.count, pop.size, pop.root
        );
    }
}

fn beacon(row: &SaleRow, lobby: &Lobby) -> String {
    const KNOWN: &str = "the operator could have known the draw";
    match &lobby.beacon {
        None if row.sale.with_beacon => "its round is fixed when the sale is published".to_owned(),
        None => format!("none: {KNOWN}"),
        Some(beacon) => {
            let round = format!(
                "round {}, due {}",
                beacon.round,
                when::show(beacon.due_at_ms)
            );
            match &beacon.value {
                Some(value) => format!("{round}: {value}"),
                None if lobby.drawn_at_ms.is_some() => {
                    format!("{round}: its source had nothing, so {KNOWN}")
                }
                None => round,
            }
        }
    }
}
