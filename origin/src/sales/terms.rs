//! Changes the terms of a sale.
//!
//! Invariant: what a shopper was promised stays. The price of a public sale is frozen and its limit
//! only grows; what Redis must know is taken in by a rebuild, which this asks for.

use super::beacon::Rounds;
use super::publish::{PublishError, SaleDraft, check};
use crate::ledger::{Actor, Ledger, NewSale, SaleRow};
use kernel::ids::SaleId;
use kernel::money::Money;
use kernel::sale::Phase;
use kernel::time::UnixMillis;

/// What is to be changed; `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the sale's, see `SaleDraft`")]
pub struct Terms {
    pub price_minor: Option<i64>,
    pub units: Option<u32>,
    pub limit_per_account: Option<u32>,
    pub opens_at: Option<UnixMillis>,
    pub closes_at: Option<UnixMillis>,
    pub quota: Option<u32>,
    pub rate_per_second: Option<u32>,
    pub payment_seconds: Option<u32>,
}

/// Changes the terms of a sale that is not closed. If a public one opens at another time, its draw
/// waits for another round of the beacon; no such round is out yet.
pub async fn change_terms(
    ledger: &Ledger,
    actor: &Actor,
    rounds: Option<Rounds>,
    id: SaleId,
    terms: Terms,
    now: UnixMillis,
) -> Result<(), PublishError> {
    let row = ledger.sale(id).await?.ok_or(PublishError::Unknown(id))?;
    let sale = changed(&row, terms, now).map_err(PublishError::Invalid)?;
    let recount = row.phase != Phase::Draft
        && (sale.limit_per_account != row.sale.limit_per_account
            || sale.opens_at != row.sale.opens_at
            || sale.closes_at != row.sale.closes_at);
    let beacon = match &row.draw.beacon {
        Some(_) if sale.opens_at != row.sale.opens_at => Rounds::of_sale(rounds, &sale, now)?,
        other => other.clone(),
    };
    let beacon = beacon.as_ref();
    if ledger
        .change_terms(actor, &row, &sale, recount, beacon)
        .await?
    {
        Ok(())
    } else {
        let message = "the sale was published or closed meanwhile; look at it and try again";
        Err(PublishError::Invalid(message.to_owned()))
    }
}

fn changed(row: &SaleRow, terms: Terms, now: UnixMillis) -> Result<NewSale, String> {
    let sale = &row.sale;
    if terms == Terms::default() {
        return Err("nothing to change".to_owned());
    }
    let public = row.phase != Phase::Draft;
    if row.phase == Phase::Closed {
        return Err("what is closed stays as it is".to_owned());
    }
    if public && terms.price_minor.is_some() {
        return Err("the price of a public sale is frozen".to_owned());
    }
    if public && terms.units.is_some() {
        return Err("units of a public sale are added or withdrawn".to_owned());
    }
    if public
        && terms
            .limit_per_account
            .is_some_and(|limit| limit < sale.limit_per_account)
    {
        return Err("the limit of a public sale only grows".to_owned());
    }
    if public && terms.opens_at.is_some() && sale.opens_at <= now {
        return Err("the sale has opened: when it opens is past".to_owned());
    }
    let draft = SaleDraft {
        item: sale.item,
        slug: sale.slug.clone(),
        price: Money {
            amount_minor: terms.price_minor.unwrap_or(sale.price.amount_minor),
            currency: sale.price.currency,
        },
        units: terms.units.unwrap_or(sale.total),
        limit_per_account: terms.limit_per_account.unwrap_or(sale.limit_per_account),
        opens_at: terms.opens_at.unwrap_or(sale.opens_at),
        closes_at: terms.closes_at.unwrap_or(sale.closes_at),
        quota: terms.quota.unwrap_or(sale.quota),
        rate_per_second: terms.rate_per_second.unwrap_or(sale.rate_per_second),
        payment_seconds: terms.payment_seconds.unwrap_or(sale.payment_seconds),
        with_beacon: sale.with_beacon,
    };
    check(&draft)?;
    Ok(draft.into_sale(sale.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{DrawRow, Seed};
    use kernel::ids::ItemId;

    fn row(phase: Phase) -> SaleRow {
        SaleRow {
            sale: NewSale {
                id: SaleId(1),
                item: ItemId(1),
                slug: "console".into(),
                price: Money {
                    amount_minor: 100,
                    currency: "USD".parse().unwrap(),
                },
                total: 10,
                limit_per_account: 2,
                opens_at: UnixMillis(1_000),
                closes_at: UnixMillis(9_000),
                quota: 5,
                rate_per_second: 100,
                payment_seconds: 600,
                with_beacon: false,
            },
            phase,
            reserved: 0,
            sold: 0,
            epoch: 1,
            version: 1,
            draw: DrawRow {
                seed: Seed([7; 32]),
                beacon: None,
                frozen_at: None,
                drawn_at: None,
            },
        }
    }

    #[test]
    fn a_public_sale_keeps_what_it_promised() {
        let before = UnixMillis(500);
        let none = Terms::default();
        let price = Terms {
            price_minor: Some(50),
            ..none
        };
        let fewer = Terms {
            limit_per_account: Some(1),
            ..none
        };
        let more = Terms {
            limit_per_account: Some(3),
            ..none
        };
        let later = Terms {
            opens_at: Some(UnixMillis(2_000)),
            ..none
        };
        let table = [
            (Phase::Draft, before, price, true),
            (Phase::Published, before, price, false),
            (Phase::Published, before, fewer, false),
            (Phase::Paused, before, more, true),
            (Phase::Published, before, later, true),
            (Phase::Published, UnixMillis(1_000), later, false),
            (Phase::Closed, before, more, false),
            (Phase::Draft, before, none, false),
        ];
        for (phase, now, terms, allowed) in table {
            let result = changed(&row(phase), terms, now);
            assert_eq!(result.is_ok(), allowed, "{phase:?} {terms:?}: {result:?}");
        }
    }
}
