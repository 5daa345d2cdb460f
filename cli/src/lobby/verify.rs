//! `doorbuster lobby verify`.
//!
//! Invariant: a receipt is called right only if everything in it was recomputed; with `--site`, only
//! if the site publishes the same draw. What could not be read is neither right nor wrong.

use anyhow::{Context, ensure};
use clap::Args;
use kernel::lobby::{BadReceipt, Lobby, Receipt};
use serde::Deserialize;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What a receipt and a site's answer may have, in bytes.
const BYTES_MAX: usize = 1 << 20;
/// How long the site may take.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Args)]
pub(crate) struct Verify {
    /// The receipt, as the site gave it.
    receipt: PathBuf,
    /// Also compare its draw with what this site publishes now, such as https://shop.test.
    #[arg(long)]
    site: Option<String>,
}

/// A sale as the site publishes it; the rest of it is of no interest here.
#[derive(Deserialize)]
struct Published {
    lobby: Lobby,
}

pub(crate) async fn verify(arguments: &Verify) -> anyhow::Result<ExitCode> {
    let path = &arguments.receipt;
    let receipt = read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let place = match receipt.verify() {
        Ok(place) => place,
        Err(bad) => {
            println!("WRONG: {}", explain(bad));
            return Ok(ExitCode::FAILURE);
        }
    };
    if let Some(site) = &arguments.site {
        let published = ask(site, &receipt)
            .await
            .with_context(|| format!("cannot ask {site}"))?;
        if let Some(difference) = difference(&receipt.lobby, &published) {
            println!("WRONG: the site publishes another {difference} than the receipt has.");
            return Ok(ExitCode::FAILURE);
        }
        println!("The site publishes the same draw.");
    }
    let Receipt {
        sale_id,
        pop,
        arrival,
        lobby,
        ..
    } = &receipt;
    println!("RIGHT: arrival {arrival} at {pop} has place {place} (from 0) in sale {sale_id}.");
    let value = lobby
        .beacon
        .as_ref()
        .and_then(|beacon| beacon.value.as_ref());
    match (value, &lobby.beacon) {
        (Some(value), Some(beacon)) => println!(
            "Round {} of the beacon is mixed in: compare {value} with its publisher.",
            beacon.round
        ),
        _ => println!("No beacon is mixed in: the operator could have known the draw."),
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &PathBuf) -> anyhow::Result<Receipt> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(BYTES_MAX)? + 1;
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    ensure!(bytes.len() <= BYTES_MAX, "it is too large for a receipt");
    serde_json::from_slice(&bytes).context("it is no receipt")
}

async fn ask(site: &str, receipt: &Receipt) -> anyhow::Result<Lobby> {
    let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    let address = format!(
        "{}/api/sales/{}",
        site.trim_end_matches('/'),
        receipt.sale_id
    );
    let mut answer = http.get(address).send().await?.error_for_status()?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        ensure!(body.len() <= BYTES_MAX, "it sends too much");
    }
    let sale: Published = serde_json::from_slice(&body).context("it sends no sale")?;
    Ok(sale.lobby)
}

/// What of a draw is not the same; how many came later is no part of it.
fn difference(ours: &Lobby, site: &Lobby) -> Option<&'static str> {
    let checks = [
        (ours.commitment == site.commitment, "commitment"),
        (ours.seed == site.seed, "seed"),
        (ours.beacon == site.beacon, "beacon"),
        (ours.pops == site.pops, "list of PoPs, counts and roots"),
        (ours.drawn_at_ms == site.drawn_at_ms, "time of the draw"),
    ];
    checks
        .into_iter()
        .find(|(same, _)| !same)
        .map(|(_, what)| what)
}

fn explain(bad: BadReceipt) -> &'static str {
    match bad {
        BadReceipt::NoDraw => {
            "the draw in the receipt is not complete. Was it saved before the sale was drawn?"
        }
        BadReceipt::Seed => {
            "the seed is not the one that was committed to: its SHA-256 is not the commitment."
        }
        BadReceipt::Arrival => {
            "this arrival took no part in the draw: its PoP was not in it, or not with so many."
        }
        BadReceipt::Ticket => {
            "the ticket does not stand in the tree that went into the draw: a ticket, its number or \
             a count was exchanged."
        }
        BadReceipt::Place => "the place is not the one that the draw gives.",
    }
}

#[cfg(test)]
mod tests {
    use super::difference;
    use kernel::lobby::Lobby;

    #[test]
    fn another_draw_is_told_and_late_arrivals_are_none() {
        let ours = Lobby::default();
        let late = Lobby {
            waiting: 9,
            ..ours.clone()
        };
        assert_eq!(difference(&ours, &late), None);
        let reseeded = Lobby {
            seed: Some("07".repeat(32)),
            ..ours.clone()
        };
        assert_eq!(difference(&ours, &reseeded), Some("seed"));
    }
}
