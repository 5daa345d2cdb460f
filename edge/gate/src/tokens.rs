//! `POST /gate/sales/{id}/tokens`: the purchase token.
//!
//! Invariant: asked again while it lives, the same token comes again; the record in the PoP store
//! is the token. Slots go by place: who came before the opening has the place that was drawn, who
//! comes later one behind them, and who let a token go to waste one behind everybody.

use crate::limits::{Limits, seconds};
use crate::settings::Gate;
use crate::shopper::Shopper;
use crate::slots::{Afterwards, Held, Life, NotLent, Outcome, Slots};
use crate::store::key;
use crate::turns::{Applicant, Turns};
use crate::{internal, leases, lobby};
use kernel::challenge::Purpose;
use kernel::ids::OrderId;
use kernel::order::{OrderState, Refusal};
use kernel::problem::{Problem, ProblemKind};
use kernel::sale::SaleState;
use kernel::time::UnixMillis;
use kernel::token::{PurchaseToken, mint};
use kernel::wire::{Sale, TokenGrant, TokenRequest};
use kit::answer::{self, Answer};
use kit::{challenge, clock};
use spin_sdk::http::StatusCode;

/// How often one request may ask the store: for a place, for a report, for the end of a former
/// token, for a lease, and then once more for each that another request overtook.
const STEPS_MAX: u32 = 8;

/// Gives the signed-in shopper a token.
pub(crate) async fn give(gate: &'static Gate, shopper: Shopper) -> Result<Answer, Problem> {
    let TokenRequest { challenge: answer } = shopper.json()?;
    let entry = shopper.entry();
    admits(&entry.sale, clock::now())?;
    let solved = shopper.solved(&answer, Purpose::Token).await?;
    let Some(turns) = Turns::of(entry, &gate.edge, shopper.view()) else {
        lobby::close(gate, entry).await?;
        let detail = "The places are being drawn.";
        return Err(Problem::new(ProblemKind::SlowDown, detail).retry_after(1));
    };
    let applicant = shopper.applicant(&solved);
    let limits = shopper.limits();
    let slots = Slots {
        gate,
        turns: &turns,
    };
    let outcome = settle(slots, &applicant, &limits).await?;
    if let Outcome::Token(Held {
        report_due: true, ..
    }) = &outcome
    {
        lobby::look_after(gate, entry);
    }
    let version = shopper.view().key_versions(&gate.edge)?.current;
    say(gate, version, outcome, &limits)
}

/// The shopper's live token.
pub(crate) async fn live(gate: &'static Gate, shopper: Shopper) -> Result<Answer, Problem> {
    let sale = shopper.entry().sale.id;
    let record = key(sale, &format!("place:{}", shopper.account));
    let record = [record.as_str(), "lease", "first", "offset", "nbf", "exp"];
    let record = gate.store.command("HMGET", &record).await?;
    if record.text(0).is_none() || clock::now().0 >= record.number(4)? {
        let detail = "This account has no token for this sale now; POST gives it one.";
        return Err(Problem::new(ProblemKind::UnknownPlace, detail));
    }
    let (first, offset): (OrderId, u64) = (record.number(1)?, record.number(2)?);
    let slot = first.0.checked_add(offset);
    let token = PurchaseToken {
        account: shopper.account,
        sale,
        slot: OrderId(slot.ok_or_else(|| record.misunderstood())?),
        lease: record.number(0)?,
        not_before: UnixMillis(record.number(3)?),
        expires_at: UnixMillis(record.number(4)?),
    };
    let version = shopper.view().key_versions(&gate.edge)?.current;
    Ok(answer::json(StatusCode::OK, &grant(gate, version, &token)))
}

/// Asks the store until it decides for good; what it wants to know first is found out in between.
async fn settle(
    slots: Slots<'_>,
    applicant: &Applicant,
    limits: &Limits,
) -> Result<Outcome, Problem> {
    let (gate, turns) = (slots.gate, slots.turns);
    let mut counted = Some(limits);
    let mut place = None;
    for _ in 0..STEPS_MAX {
        let outcome = slots.take(applicant, counted.take(), place.take()).await?;
        match outcome {
            Outcome::Draw { arrival } => {
                place = Some(turns.draw.place(&gate.edge.keys.pop, arrival));
            }
            Outcome::Report => lobby::report(gate, turns.entry).await?,
            Outcome::NoSlots { wanted } => match leases::take(slots, applicant, wanted).await? {
                // The account came twice at this moment; the next look says how it ended.
                Outcome::Token(Held {
                    life: Life::Over | Life::Used,
                    ..
                }) => {}
                outcome => return Ok(outcome),
            },
            Outcome::Token(held) if matches!(held.life, Life::Over | Life::Used) => {
                match afterwards(slots, &held).await? {
                    Some(afterwards) => slots.end(&held, afterwards).await?,
                    None => return Ok(Outcome::Token(held)),
                }
            }
            outcome => return Ok(outcome),
        }
    }
    Err(ProblemKind::Unavailable.into())
}

/// What an account may do that has had this token; `None` if the token is still good.
async fn afterwards(slots: Slots<'_>, held: &Held) -> Result<Option<Afterwards>, Problem> {
    let edge = &slots.gate.edge;
    let slot = internal::slot(edge, held.token.slot).await.map_err(|why| {
        eprintln!("no word of slot.id={}: {why}", held.token.slot);
        Problem::from(ProblemKind::Unavailable)
    })?;
    let over = held.life == Life::Over;
    Ok(match slot.state {
        None if over => Some(Afterwards::Behind),
        Some(OrderState::Refused) if slot.reason == Some(Refusal::TryAgain) => {
            Some(Afterwards::Keep)
        }
        Some(OrderState::Refused | OrderState::Expired | OrderState::Cancelled) => {
            Some(Afterwards::Behind)
        }
        Some(_) if slots.turns.entry.sale.limit_per_account > 1 => Some(Afterwards::Bought),
        Some(_) if over => {
            let detail = "This account has an order in this sale.";
            return Err(Problem::new(ProblemKind::OverLimit, detail));
        }
        None | Some(_) => None,
    })
}

/// Whether the sale gives tokens now.
fn admits(sale: &Sale, now: UnixMillis) -> Result<(), Problem> {
    match sale.state_at(now) {
        SaleState::Open => Ok(()),
        SaleState::Scheduled => {
            let detail = "The sale has not opened yet.";
            let wait_ms = sale.opens_at_ms.since(now);
            Err(Problem::new(ProblemKind::TokenEarly, detail).retry_after(seconds(wait_ms)))
        }
        SaleState::Paused => Err(ProblemKind::Paused.into()),
        SaleState::SoldOut => Err(ProblemKind::SoldOut.into()),
        SaleState::Closed => Err(Problem::new(ProblemKind::SoldOut, "The sale is over.")),
    }
}

fn say(gate: &Gate, version: u32, outcome: Outcome, limits: &Limits) -> Result<Answer, Problem> {
    let slow_down = |detail, retry_ms| {
        Err(Problem::new(ProblemKind::SlowDown, detail).retry_after(seconds(retry_ms)))
    };
    match outcome {
        Outcome::Token(held) => {
            let status = match held.life {
                Life::New => StatusCode::CREATED,
                _ => StatusCode::OK,
            };
            let answer = answer::json(status, &grant(gate, version, &held.token));
            Ok(limits.tell(answer, held.left))
        }
        Outcome::Spent => Err(challenge::spent()),
        Outcome::Limited { number, retry_ms } => Ok(limits.reached(number, retry_ms)),
        Outcome::Attempts => {
            let detail = "This account had three tokens in this sale and bought nothing with them.";
            Err(Problem::new(ProblemKind::OverLimit, detail))
        }
        Outcome::Wait { retry_ms } => slow_down("It is not your turn yet.", retry_ms),
        Outcome::Paced { retry_ms } => slow_down("Many are before you.", retry_ms),
        Outcome::NoSlots { .. } | Outcome::Draw { .. } | Outcome::Report => {
            slow_down("Many are before you.", 1_000)
        }
        Outcome::NotLent { why, retry_ms } => match why {
            NotLent::SoldOut => Err(ProblemKind::SoldOut.into()),
            NotLent::Quota => {
                let detail = "Others hold tokens for all that is left; some may come back.";
                slow_down(detail, retry_ms)
            }
            NotLent::Away => Err(ProblemKind::Unavailable.into()),
        },
    }
}

fn grant(gate: &Gate, version: u32, token: &PurchaseToken) -> TokenGrant {
    TokenGrant {
        token: mint(&gate.edge.keys, version, token),
        sale_id: token.sale,
        not_before_ms: token.not_before,
        expires_at_ms: token.expires_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::ids::{ItemId, SaleId};
    use kernel::lobby::Lobby;
    use kernel::money::Money;
    use kernel::sale::Remaining;
    use kernel::wire::Item;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    fn sale(state: SaleState, remaining: Remaining) -> Sale {
        let price = Money {
            amount_minor: 1_999,
            currency: "USD".parse().unwrap(),
        };
        Sale {
            id: SaleId(5),
            slug: "console".to_owned(),
            item: Item {
                id: ItemId(4),
                title: "Console".to_owned(),
                description: String::new(),
                image_url: None,
                images: Vec::new(),
                attributes: Vec::new(),
                list_price: price,
            },
            price,
            units_total: 10,
            limit_per_account: 1,
            opens_at_ms: NOON,
            closes_at_ms: NOON.plus_seconds(3_600),
            state,
            remaining,
            lobby: Lobby::default(),
            version: 1,
        }
    }

    #[test]
    fn tokens_are_given_while_the_sale_is_open() {
        let check =
            |state, remaining, after_ms, expected: Result<(), (ProblemKind, Option<u32>)>| {
                let result = admits(&sale(state, remaining), NOON.plus_ms(after_ms));
                let result = result.map_err(|problem| (problem.kind, problem.retry_after_seconds));
                assert_eq!(result, expected, "{state:?} {after_ms}");
            };
        let (many, none) = (Remaining::Many, Remaining::None);
        check(SaleState::Scheduled, many, 0, Ok(()));
        check(
            SaleState::Scheduled,
            many,
            -1,
            Err((ProblemKind::TokenEarly, Some(1))),
        );
        check(
            SaleState::Scheduled,
            many,
            -61_500,
            Err((ProblemKind::TokenEarly, Some(62))),
        );
        check(SaleState::Open, many, 1, Ok(()));
        check(
            SaleState::Paused,
            many,
            1,
            Err((ProblemKind::Paused, Some(1))),
        );
        check(
            SaleState::SoldOut,
            none,
            1,
            Err((ProblemKind::SoldOut, None)),
        );
        check(
            SaleState::Open,
            many,
            3_600_000,
            Err((ProblemKind::SoldOut, None)),
        );
    }
}
