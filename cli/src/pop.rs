//! `doorbuster pop`.
//!
//! Invariant: each command holds two seconds after it at the latest, at every origin and edge.

use crate::{Stores, when};
use clap::Subcommand;
use kernel::time::UnixMillis;
use origin::ledger::{PopRow, Rotated};
use serde_json::{Value, json};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the PoPs that an origin knows.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Give a PoP its next key for purchase tokens. Tokens of the former count until they end.
    Rotate {
        /// The PoP.
        id: String,
    },
    /// Shut a PoP out: its requests are refused, its leases end, its slots flow back.
    Revoke {
        /// The PoP.
        id: String,
    },
    /// Let a revoked PoP in again.
    Restore {
        /// The PoP.
        id: String,
    },
}

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<()> {
    let ledger = stores.ledger().await?;
    match command {
        Command::List { json } => {
            let pops = ledger.pops().await?;
            if json {
                println!("{}", Value::Array(pops.iter().map(view).collect()));
            } else {
                pops.iter().for_each(print);
            }
        }
        Command::Rotate { id } => match ledger.rotate_pop(&id).await? {
            Rotated::To(version) => println!("{id} signs with key version {version} now"),
            Rotated::TooSoon(left_ms) => anyhow::bail!(
                "the key of {id} was rotated a moment ago, and tokens of the former still count: \
                 again in {} s",
                left_ms / 1_000 + 1
            ),
            Rotated::Unknown => return unknown(&id),
        },
        Command::Revoke { id } => {
            if !ledger.revoke_pop(&id).await? {
                return unknown(&id);
            }
            println!("{id} is revoked");
        }
        Command::Restore { id } => {
            if !ledger.restore_pop(&id).await? {
                return unknown(&id);
            }
            println!("{id} may come in again");
        }
    }
    Ok(())
}

fn unknown(id: &str) -> anyhow::Result<()> {
    anyhow::bail!("there is no PoP {id}: an origin makes those of its DOORBUSTER_POPS known")
}

fn state(pop: &PopRow) -> &'static str {
    match (pop.revoked, pop.live) {
        (true, _) => "revoked",
        (false, true) => "live",
        (false, false) => "silent",
    }
}

fn view(pop: &PopRow) -> Value {
    json!({
        "id": pop.id,
        "state": state(pop),
        "key_version": pop.versions.current,
        "oldest_key_version": pop.versions.oldest,
        "url": pop.url,
        "heard_at_ms": pop.heard_at,
    })
}

fn print(pop: &PopRow) {
    let heard = match pop.heard_at {
        UnixMillis(0) => "never".to_owned(),
        time => when::show(time),
    };
    let url = pop.url.as_deref().unwrap_or("no address");
    let PopRow { id, versions, .. } = pop;
    let word = state(pop);
    println!(
        "{id}  {word:<7}  key {}  heard {heard}  {url}",
        versions.current
    );
}
