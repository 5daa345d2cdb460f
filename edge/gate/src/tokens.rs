//! `POST /gate/sales/{id}/tokens`: the purchase token.
//!
//! Invariant: asked again while it lives, the same token comes again; the record in the PoP store
//! is the token, and signing it anew gives the same text.

use crate::leases;
use crate::settings::Gate;
use crate::slots::{Applicant, Limit, NotLent, Outcome, Slots};
use kernel::challenge::{Binding, Purpose};
use kernel::client_address::prefix;
use kernel::ids::OrderId;
use kernel::problem::{Problem, ProblemKind};
use kernel::sale::SaleState;
use kernel::time::UnixMillis;
use kernel::token::{PurchaseToken, mint};
use kernel::wire::{Sale, TokenGrant, TokenRequest};
use kit::answer::{self, Answer, with_header};
use kit::body::{self, Whole};
use kit::{challenge, clock, random, snapshot, visitor};
use spin_sdk::http::{HeaderMap, StatusCode};

/// Gives the signed-in shopper a token for the sale with the id `sale`.
pub(crate) async fn give(
    gate: &'static Gate,
    request: Whole,
    sale: &str,
) -> Result<Answer, Problem> {
    let now = clock::now();
    let headers = request.headers().clone();
    visitor::check_site(&gate.edge, request.method(), &headers)?;
    let view = snapshot::current(&gate.edge).await?;
    let mut sales = view.snapshot().sales.iter();
    let entry = sales.find(|entry| entry.sale.id.to_string() == sale);
    let entry = entry.ok_or(ProblemKind::UnknownSale)?;
    let session = visitor::session(&headers, &view, now)?;
    let prefix = prefix(visitor::client(&gate.edge, &headers)?);
    let body = request.into_body();
    let TokenRequest { challenge: answer } = body::json(&headers, &body)?;
    admits(&entry.sale, now)?;

    let (sale, account) = (Some(entry.sale.id), Some(session.account));
    let binding = Binding::new(Purpose::Token, sale, account, prefix.clone());
    let solved = challenge::check(&gate.edge, &gate.store, &answer, &binding).await?;
    let applicant = Applicant {
        request: random::name(),
        account: session.account,
        prefix,
        nonce_ms: challenge::remember_ms(&solved),
        nonce: solved.nonce,
    };
    let slots = Slots {
        gate,
        sale: &entry.sale,
        rate_per_second: entry.rate_per_second,
    };
    let outcome = match slots.take(&applicant, true).await? {
        Outcome::NoSlots => leases::take(slots, &applicant).await?,
        outcome => outcome,
    };
    say(gate, outcome)
}

/// The account's live token for the sale with the id `sale`, if it has one.
pub(crate) async fn live(
    gate: &'static Gate,
    headers: &HeaderMap,
    sale: &str,
) -> Result<Option<TokenGrant>, Problem> {
    let now = clock::now();
    let view = snapshot::current(&gate.edge).await?;
    let session = visitor::session(headers, &view, now)?;
    let sale = sale.parse().map_err(|_| ProblemKind::UnknownSale)?;
    let key = format!("gate:{{{sale}}}:token:{}", session.account);
    let record = [key.as_str(), "lease", "first", "offset", "nbf", "exp"];
    let record = gate.store.command("HMGET", &record).await?;
    if record.text(0).is_none() || now.0 >= record.number(4)? {
        return Ok(None);
    }
    let first: u64 = record.number(1)?;
    let slot = first.checked_add(record.number(2)?);
    let token = PurchaseToken {
        account: session.account,
        sale,
        slot: OrderId(slot.ok_or_else(|| record.misunderstood())?),
        lease: record.number(0)?,
        not_before: UnixMillis(record.number(3)?),
        expires_at: UnixMillis(record.number(4)?),
    };
    Ok(Some(granted(gate, &token)))
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

fn say(gate: &Gate, outcome: Outcome) -> Result<Answer, Problem> {
    let slow_down = |detail, retry_ms| {
        Err(Problem::new(ProblemKind::SlowDown, detail).retry_after(seconds(retry_ms)))
    };
    match outcome {
        Outcome::Granted(token) => Ok(grant(gate, &token, StatusCode::CREATED)),
        Outcome::Again(token) => Ok(grant(gate, &token, StatusCode::OK)),
        Outcome::Spent => Err(challenge::spent()),
        Outcome::Limited { by, retry_ms } => Ok(limited(gate, by, retry_ms)),
        Outcome::Paced { retry_ms } => slow_down("Many are before you.", retry_ms),
        Outcome::NoSlots => slow_down("Many are before you.", 1_000),
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

fn grant(gate: &Gate, token: &PurchaseToken, status: StatusCode) -> Answer {
    answer::json(status, &granted(gate, token))
}

fn granted(gate: &Gate, token: &PurchaseToken) -> TokenGrant {
    TokenGrant {
        token: mint(&gate.edge.keys, token),
        sale_id: token.sale,
        not_before_ms: token.not_before,
        expires_at_ms: token.expires_at,
    }
}

/// 429 with the headers of draft-ietf-httpapi-ratelimit-headers-10.
fn limited(gate: &Gate, by: Limit, retry_ms: i64) -> Answer {
    let (name, quota) = match by {
        Limit::Account => ("account", gate.per_account),
        Limit::Network => ("network", gate.per_network),
    };
    let retry = seconds(retry_ms);
    let problem = Problem::new(ProblemKind::SlowDown, "").retry_after(retry);
    let answer = answer::problem(&problem);
    let answer = with_header(
        answer,
        "ratelimit-policy",
        &format!("\"{name}\";q={quota};w=60"),
    );
    with_header(answer, "ratelimit", &format!("\"{name}\";r=0;t={retry}"))
}

/// Whole seconds, rounded up and at least one, for `Retry-After`.
fn seconds(ms: i64) -> u32 {
    let seconds = ms.max(1).saturating_add(999) / 1_000;
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::ids::{ItemId, SaleId};
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
                list_price: price,
            },
            price,
            units_total: 10,
            limit_per_account: 1,
            opens_at_ms: NOON,
            closes_at_ms: NOON.plus_seconds(3_600),
            state,
            remaining,
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

    #[test]
    fn nobody_is_told_to_come_back_at_once() {
        let check = |ms, expected| assert_eq!(seconds(ms), expected, "{ms}");
        check(-5, 1);
        check(0, 1);
        check(1_000, 1);
        check(1_001, 2);
    }
}
