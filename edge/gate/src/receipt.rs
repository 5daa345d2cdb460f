//! `GET /gate/sales/{id}/receipt`: what a shopper can have a drawn place checked with, by anybody.
//!
//! Invariant: a receipt is made from what was published and from the tickets as they are kept; if
//! these do not fit together any more, whoever verifies it finds out.

use crate::lobby;
use crate::settings::Gate;
use crate::shopper::Shopper;
use crate::store::key;
use kernel::lobby::{CHUNK, Receipt, Ticket, proof};
use kernel::problem::{Problem, ProblemKind};
use kernel::time::UnixMillis;
use kit::answer::{self, Answer};
use spin_sdk::http::StatusCode;

/// Gives the shopper the receipt for the place that was drawn.
pub(crate) async fn give(gate: &'static Gate, shopper: Shopper) -> Result<Answer, Problem> {
    let entry = &shopper.entry().sale;
    let pop = gate.edge.keys.pop.as_str();
    let nothing = |detail: &str| Problem::new(ProblemKind::UnknownPlace, detail);
    let draw = entry.lobby.draw(entry.id);
    let draw = draw.ok_or_else(|| nothing("The places have not been drawn yet."))?;
    let record = key(entry.id, &format!("place:{}", shopper.account));
    let fields = [record.as_str(), "arrival", "joined", "serial"];
    let record = gate.store.command("HMGET", &fields).await?;
    if record.text(0).is_none() {
        return Err(nothing("This account has no place in this sale."));
    }
    let ticket = Ticket {
        sale: entry.id,
        account: shopper.account,
        arrival: record.number(0)?,
        joined_at: UnixMillis(record.number(1)?),
        serial: record.text(2).ok_or_else(|| record.misunderstood())?,
    };

    let part = entry.lobby.pops.iter().find(|part| part.id == pop);
    let index = part.and_then(|part| {
        let lost = part.count.checked_sub(part.size)?;
        let index = ticket.arrival.checked_sub(lost + 1)?;
        (index < part.size).then_some(index)
    });
    let Some(index) = index else {
        return Err(nothing(
            "This account came after the draw: its place is its turn to come.",
        ));
    };
    let proof = proof_of(gate, &shopper, index).await?;
    let receipt = Receipt {
        sale_id: entry.id,
        pop: pop.to_owned(),
        arrival: ticket.arrival,
        ticket: ticket.text(&gate.edge.keys),
        proof,
        place: draw.place(pop, ticket.arrival),
        lobby: entry.lobby.clone(),
    };
    Ok(answer::json(StatusCode::OK, &receipt))
}

async fn proof_of(gate: &Gate, shopper: &Shopper, index: u64) -> Result<Vec<String>, Problem> {
    let sale = shopper.entry().sale.id;
    let chunks = lobby::chunks(gate, sale).await?;
    let number = usize::try_from(index).map_err(|_| ProblemKind::Internal)? / CHUNK;
    let leaves = lobby::leaves(gate, sale, number).await?;
    Ok(proof(&leaves, &chunks, index)
        .iter()
        .map(hex::encode)
        .collect())
}
