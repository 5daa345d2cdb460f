//! `/gate/sales/{id}/places`: joining the lobby, and where one stands.
//!
//! Invariant: an account has one arrival in a sale, whatever it sends how often.

use crate::limits::Limits;
use crate::lobby;
use crate::settings::Gate;
use crate::shopper::Shopper;
use crate::store::{keep_ms, key};
use crate::turns::{Applicant, Turns};
use kernel::challenge::Purpose;
use kernel::lobby::{ARRIVALS_UNREPORTED_MAX, Ticket};
use kernel::problem::{Problem, ProblemKind};
use kernel::sale::SaleState;
use kernel::snapshot::SnapshotSale;
use kernel::time::UnixMillis;
use kernel::wire::{PlaceGrant, PlaceRequest, PlaceStanding, PlaceState};
use kit::answer::{self, Answer};
use kit::pop_store::{Reply, Script};
use kit::{challenge, clock, random};
use spin_sdk::http::StatusCode;

static JOIN: Script = Script::new(concat!(
    include_str!("../../../lua/edge/limits.lua"),
    include_str!("../../../lua/edge/places.lua"),
    include_str!("../../../lua/edge/join.lua"),
));

static STANDING: Script = Script::new(concat!(
    include_str!("../../../lua/edge/places.lua"),
    include_str!("../../../lua/edge/standing.lua"),
));

/// Once for the report that a first arrival needs, once more if another one overtook it.
const STEPS_MAX: u32 = 4;

/// `POST`: gives the shopper an arrival.
pub(crate) async fn join(gate: &'static Gate, shopper: Shopper) -> Result<Answer, Problem> {
    let PlaceRequest { challenge: answer } = shopper.json()?;
    let entry = shopper.entry();
    let now = clock::now();
    if entry.sale.state_at(now) == SaleState::Closed {
        return Err(Problem::new(ProblemKind::SoldOut, "The sale is over."));
    }
    let solved = shopper.solved(&answer, Purpose::Place).await?;
    // From the opening on an arrival is one behind the draw, and must not get into the tree.
    if now >= entry.sale.opens_at_ms && entry.sale.lobby.drawn_at_ms.is_none() {
        lobby::close(gate, entry).await?;
    }
    let (applicant, limits) = (shopper.applicant(&solved), shopper.limits());
    let mut counted = Some(&limits);
    for _ in 0..STEPS_MAX {
        let reply = ask(gate, entry, &applicant, counted.take()).await?;
        let status = match reply.word().as_str() {
            "joined" => StatusCode::CREATED,
            "again" => StatusCode::OK,
            "spent" => return Err(challenge::spent()),
            "limited" => return Ok(limits.reached(reply.number(1)?, reply.number(2)?)),
            "report" => {
                lobby::report(gate, entry).await?;
                continue;
            }
            _ => return Err(reply.misunderstood()),
        };
        if reply.text(6).as_deref() == Some("1") {
            lobby::look_after(gate, entry);
        }
        let ticket = Ticket {
            sale: entry.sale.id,
            account: shopper.account,
            arrival: reply.number(3)?,
            joined_at: UnixMillis(reply.number(4)?),
            serial: reply.text(5).ok_or_else(|| reply.misunderstood())?,
        };
        let grant = PlaceGrant {
            ticket: ticket.text(&gate.edge.keys),
            arrival: ticket.arrival,
            joined_at_ms: ticket.joined_at,
        };
        let left = limits.left(&reply, 1)?;
        return Ok(limits.tell(answer::json(status, &grant), left));
    }
    Err(ProblemKind::Unavailable.into())
}

async fn ask(
    gate: &Gate,
    entry: &SnapshotSale,
    applicant: &Applicant,
    limits: Option<&Limits>,
) -> Result<Reply, Problem> {
    let sale = entry.sale.id;
    let now = clock::now();
    let mut keys = vec![
        key(sale, &format!("nonce:{}", applicant.nonce)),
        key(sale, &format!("place:{}", applicant.account)),
        key(sale, "lobby"),
        key(sale, "tickets"),
    ];
    let mut arguments = vec![
        applicant.request.clone(),
        now.0.to_string(),
        applicant.nonce_ms.clone(),
        applicant.account.to_string(),
        random::name(),
        keep_ms(entry, now),
        ARRIVALS_UNREPORTED_MAX.to_string(),
    ];
    if let Some(limits) = limits {
        keys.extend(limits.keys());
        arguments.extend(limits.arguments());
    }
    gate.store.eval(&JOIN, &keys, &arguments).await
}

/// `GET`: where the shopper stands.
pub(crate) async fn standing(gate: &'static Gate, shopper: Shopper) -> Result<Answer, Problem> {
    let entry = shopper.entry();
    let id = entry.sale.id;
    let now = clock::now();
    let keys = [
        key(id, &format!("place:{}", shopper.account)),
        key(id, "lobby"),
        key(id, "waiting"),
    ];
    let reply = gate
        .store
        .eval(&STANDING, &keys, &[now.0.to_string()])
        .await?;
    if reply.word() == "none" {
        let detail = "This account has no place in this sale; POST gives it one.";
        return Err(Problem::new(ProblemKind::UnknownPlace, detail));
    }
    let arrival = reply.number(1)?;
    let Some(turns) = Turns::of(entry, &gate.edge, shopper.view()) else {
        if now >= entry.sale.opens_at_ms {
            lobby::close(gate, entry).await?;
        }
        return Ok(say(entry, now, arrival, None));
    };
    let number = |index| reply.text(index).and_then(|text| text.parse::<u64>().ok());
    let place = number(2);
    let place = place.unwrap_or_else(|| turns.draw.place(&gate.edge.keys.pop, arrival));
    let asked = reply.text(3).as_deref() == Some("1");
    let turn = turns.turn(place);
    // Below nothing (-1) there is no place.
    let passed = number(4).is_some_and(|passed_below| place < passed_below);
    let up_to = turns.due_below(now);
    let up_to = number(5).map_or(up_to, |lowest| up_to.min(lowest + 1));
    let drawn = Drawn {
        place,
        turn,
        up_to,
        late: !asked && passed && now.since(turn) > CLAIM_MS,
    };
    Ok(say(entry, now, arrival, Some(&drawn)))
}

/// For so long a place can be claimed after its turn, whoever else is admitted; `turns.lua`, which
/// passes it over, goes by the same.
const CLAIM_MS: i64 = 60_000;

struct Drawn {
    place: u64,
    turn: UnixMillis,
    up_to: u64,
    late: bool,
}

fn say(entry: &SnapshotSale, now: UnixMillis, arrival: u64, drawn: Option<&Drawn>) -> Answer {
    let state = match (entry.sale.state_at(now), drawn) {
        (SaleState::SoldOut | SaleState::Closed, _) => PlaceState::SoldOut,
        (SaleState::Open, Some(drawn)) if drawn.late => PlaceState::Passed,
        (SaleState::Open, Some(drawn)) if drawn.place < drawn.up_to => PlaceState::Admitted,
        _ => PlaceState::Waiting,
    };
    let standing = PlaceStanding {
        state,
        arrival,
        waiting: entry.sale.lobby.waiting.max(arrival),
        place: drawn.map(|drawn| drawn.place),
        admitted_up_to: drawn.map_or(0, |drawn| drawn.up_to),
        admitted_at_ms: drawn.map(|drawn| drawn.turn),
    };
    answer::json(StatusCode::OK, &standing)
}
