//! `doorbuster pop`.
//!
//! Invariant: each command holds two seconds after it at the latest, at every origin and edge.

use crate::desk::{Desk, segment, text};
use crate::when;
use clap::Subcommand;
use kernel::time::UnixMillis;
use serde_json::Value;

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

pub(crate) async fn run(command: Command, desk: &Desk) -> anyhow::Result<()> {
    let change = async |id: &str, word: &str| {
        let path = format!("pops/{}/{word}", segment(id));
        desk.post(&path, None).await
    };
    match command {
        Command::List { json } => {
            let list = desk.get("pops").await?;
            let pops = list["pops"].as_array().cloned().unwrap_or_default();
            if json {
                println!("{}", Value::Array(pops));
            } else {
                pops.iter().for_each(print);
            }
        }
        Command::Rotate { id } => {
            let version = text(&change(&id, "rotate").await?, "key_version");
            println!("{id} signs with key version {version} now");
        }
        Command::Revoke { id } => {
            change(&id, "revoke").await?;
            println!("{id} is revoked");
        }
        Command::Restore { id } => {
            change(&id, "restore").await?;
            println!("{id} may come in again");
        }
    }
    Ok(())
}

fn print(pop: &Value) {
    let heard = match pop["heard_at_ms"].as_i64() {
        None | Some(0) => "never".to_owned(),
        Some(at) => when::show(UnixMillis(at)),
    };
    let url = pop["url"].as_str().unwrap_or("no address");
    let (id, state, key) = (
        text(pop, "id"),
        text(pop, "state"),
        text(pop, "key_version"),
    );
    println!("{id}  {state:<7}  key {key}  heard {heard}  {url}");
}
