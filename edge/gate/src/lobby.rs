//! The lobby as this PoP keeps it: arrivals reported, tickets folded into a Merkle tree, and the
//! whole closed at the opening.
//!
//! Invariant: the origin knows of a lobby before its first arrival, and arrivals run ahead of the
//! last report only so far; a store that lost its data goes on above what it can have given. After
//! closing, count and tree stay what they were.

use crate::internal;
use crate::settings::Gate;
use crate::store::{generation, keep_ms, key};
use kernel::ids::SaleId;
use kernel::lobby::{CHUNK, ClosedLobby, Digest, LobbyReport, Ticket, leaf, tree_root};
use kernel::problem::{Problem, ProblemKind};
use kernel::snapshot::SnapshotSale;
use kernel::time::UnixMillis;
use kit::clock;
use kit::pop_store::Script;

static LOBBY: Script = Script::new(include_str!("../../../lua/edge/lobby.lua"));
static CLOSE: Script = Script::new(include_str!("../../../lua/edge/close.lua"));
static FOLD: Script = Script::new(include_str!("../../../lua/edge/fold.lua"));

/// Tickets read in one call; a chunk is a multiple of it.
const TICKETS_AT_ONCE: usize = 256;
/// Chunks folded at one go while arrivals come: some thousand a second, more than can come.
const CHUNKS_AT_ONCE: usize = 8;
/// Who closes a lobby holds the others off for so long; if it dies, the next goes on.
const CLOSING_MS: &str = "3000";

/// Tells the origin how many have arrived, and keeps its answer.
pub(crate) async fn report(gate: &Gate, entry: &SnapshotSale) -> Result<(), Problem> {
    send_report(gate, entry, None).await
}

async fn send_report(
    gate: &Gate,
    entry: &SnapshotSale,
    closed: Option<ClosedLobby>,
) -> Result<(), Problem> {
    let sale = entry.sale.id;
    let lobby = key(sale, "lobby");
    let arrivals = gate.store.command("HGET", &[&lobby, "arrivals"]).await?;
    let count = arrivals.text(0).and_then(|text| text.parse().ok());
    let report = LobbyReport {
        sale_id: sale,
        generation: generation(gate).await?,
        count: count.unwrap_or(0),
        closed,
    };
    let standing = internal::lobby(&gate.edge, &report).await.map_err(|why| {
        eprintln!("the origin was not told of the lobby of sale.id={sale}: {why}");
        Problem::from(ProblemKind::Unavailable)
    })?;
    let now = clock::now();
    let arguments = [
        standing.continue_above.to_string(),
        report.count.to_string(),
        now.0.to_string(),
        keep_ms(entry, now),
    ];
    gate.store
        .eval(&LOBBY, &[lobby], &arguments)
        .await
        .map(drop)
}

/// What is done now and then while arrivals come, behind the answer to one of them.
pub(crate) fn look_after(gate: &'static Gate, entry: &SnapshotSale) {
    let entry = entry.clone();
    spin_sdk::wasip3::spawn(async move {
        // What fails was logged, and the next arrival brings it about again.
        drop(report(gate, &entry).await);
        drop(fold(gate, &entry, None).await);
    });
}

/// Closes the lobby and hands its tree in for the draw. One request does it; for the others there
/// is nothing to do but to ask again.
pub(crate) async fn close(gate: &Gate, entry: &SnapshotSale) -> Result<(), Problem> {
    let sale = entry.sale.id;
    let lock = key(sale, "closing");
    let lock_it = [&lock, "1", "NX", "PX", CLOSING_MS];
    let locked = gate.store.command("SET", &lock_it).await?;
    if locked.text(0).is_none() {
        return Ok(());
    }
    let closed = close_now(gate, entry).await;
    if closed.is_err() {
        // The next one need not wait for the lock to end.
        gate.store.command("DEL", &[&lock]).await?;
    }
    closed
}

async fn close_now(gate: &Gate, entry: &SnapshotSale) -> Result<(), Problem> {
    let sale = entry.sale.id;
    let lobby = [key(sale, "lobby")];
    let mut reply = gate.store.eval(&CLOSE, &lobby, &[]).await?;
    if reply.word() == "report" {
        report(gate, entry).await?;
        reply = gate.store.eval(&CLOSE, &lobby, &[]).await?;
    }
    let (count, floor): (u64, u64) = (reply.number(1)?, reply.number(2)?);
    let size = count.saturating_sub(floor);
    fold(gate, entry, Some(size)).await?;
    let root = hex::encode(tree_root(&chunks(gate, sale).await?));
    send_report(gate, entry, Some(ClosedLobby { count, size, root })).await
}

/// Folds full chunks of tickets; once the tree has its final `size`, all of them.
async fn fold(gate: &Gate, entry: &SnapshotSale, size: Option<u64>) -> Result<(), Problem> {
    let sale = entry.sale.id;
    let folded = gate.store.command("LLEN", &[&key(sale, "chunks")]).await?;
    let first: usize = folded.number(0)?;
    let last = match size {
        Some(size) => usize::try_from(size)
            .map_err(|_| ProblemKind::Internal)?
            .div_ceil(CHUNK),
        None => first + CHUNKS_AT_ONCE,
    };
    for number in first..last {
        let leaves = hash_tickets(gate, sale, number).await?;
        if leaves.is_empty() || (size.is_none() && leaves.len() < CHUNK) {
            break;
        }
        let arguments = [
            number.to_string(),
            hex::encode(tree_root(&leaves)),
            hex::encode(leaves.as_flattened()),
            keep_ms(entry, clock::now()),
        ];
        let keys = [key(sale, "chunks"), leaves_key(sale, number)];
        gate.store.eval(&FOLD, &keys, &arguments).await?;
    }
    Ok(())
}

/// The roots of all folded chunks.
pub(crate) async fn chunks(gate: &Gate, sale: SaleId) -> Result<Vec<Digest>, Problem> {
    let reply = gate
        .store
        .command("LRANGE", &[&key(sale, "chunks"), "0", "-1"])
        .await?;
    let digest = |text: &String| hex::decode(text).ok()?.try_into().ok();
    let chunks = reply.texts().iter().map(digest).collect::<Option<Vec<_>>>();
    chunks.ok_or_else(|| reply.misunderstood())
}

/// The leaves of a folded chunk, from 0.
pub(crate) async fn leaves(
    gate: &Gate,
    sale: SaleId,
    chunk: usize,
) -> Result<Vec<Digest>, Problem> {
    let reply = gate
        .store
        .command("GET", &[&leaves_key(sale, chunk)])
        .await?;
    let bytes = reply.text(0).and_then(|text| hex::decode(text).ok());
    let bytes = bytes.ok_or_else(|| reply.misunderstood())?;
    let (leaves, rest) = bytes.as_chunks();
    if rest.is_empty() {
        Ok(leaves.to_vec())
    } else {
        Err(reply.misunderstood())
    }
}

fn leaves_key(sale: SaleId, chunk: usize) -> String {
    key(sale, &format!("leaves:{chunk}"))
}

/// The leaves of a chunk, from its tickets; of the last chunk, those that are there.
async fn hash_tickets(gate: &Gate, sale: SaleId, chunk: usize) -> Result<Vec<Digest>, Problem> {
    let floor = gate
        .store
        .command("HGET", &[&key(sale, "lobby"), "floor"])
        .await?;
    let floor: u64 = floor.number(0)?;
    let first = chunk * CHUNK;
    let mut leaves = Vec::with_capacity(CHUNK);
    // In parts, as a call of the store has little time.
    for part in (first..first + CHUNK).step_by(TICKETS_AT_ONCE) {
        let last = part + TICKETS_AT_ONCE - 1;
        let range = [&key(sale, "tickets"), &part.to_string(), &last.to_string()];
        let range = range.map(String::as_str);
        let reply = gate.store.command("LRANGE", &range).await?;
        for (entry, arrival) in reply.texts().iter().zip(floor + part as u64 + 1..) {
            let ticket = ticket(sale, arrival, entry).ok_or_else(|| reply.misunderstood())?;
            leaves.push(leaf(arrival, &ticket.text(&gate.edge.keys)));
        }
    }
    Ok(leaves)
}

/// Reads "account joined serial".
fn ticket(sale: SaleId, arrival: u64, entry: &str) -> Option<Ticket> {
    let mut parts = entry.split(' ');
    Some(Ticket {
        sale,
        account: parts.next()?.parse().ok()?,
        arrival,
        joined_at: UnixMillis(parts.next()?.parse().ok()?),
        serial: parts.next()?.to_owned(),
    })
}
