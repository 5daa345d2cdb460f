//! Makes sales and publishes them (preheat).
//!
//! Invariant: publishing is all or nothing, and can be repeated. Redis is loaded first, under a new
//! epoch; then the sale becomes public in the ledger. Whoever fails in between leaves a draft, to
//! which nobody has tokens.

use super::beacon::Rounds;
use crate::ids::{IdError, Ids};
use crate::ledger::{Actor, Ledger, LedgerError, NewSale, Seed};
use crate::stock::{Stock, StockError, Switched};
use kernel::ids::{ItemId, SaleId};
use kernel::money::Money;
use kernel::order::QUANTITY_MAX;
use kernel::sale::Phase;
use kernel::time::UnixMillis;

/// Units of a sale at most.
pub const UNITS_MAX: u32 = 10_000_000;
/// Times the units left that tokens may be out, at most.
pub const QUOTA_MAX: u32 = 100;
/// How long an order can be paid, in seconds.
pub const PAYMENT_SECONDS: std::ops::RangeInclusive<u32> = 60..=86_400;

/// Why a sale was not made or published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A field is wrong.
    #[error("{0}")]
    Invalid(String),
    /// No such sale.
    #[error("there is no sale {0}")]
    Unknown(SaleId),
    /// The sale cannot be published any more.
    #[error("sale {0} is {1}: only a draft can be published")]
    NotDraft(SaleId, &'static str),
    /// The sale names a beacon, and there is none.
    #[error(
        "sale {0} names a beacon: set DOORBUSTER_BEACON_URL, _BEACON_GENESIS_MS and _BEACON_PERIOD_MS"
    )]
    NoBeacon(SaleId),
    /// Somebody else publishes it at this moment.
    #[error("somebody else publishes sale {0}, in epoch {1}; publish again")]
    Overtaken(SaleId, u64),
    /// No id to be had.
    #[error("no id for the sale")]
    Id(#[from] IdError),
    /// The ledger is away.
    #[error("the ledger did not answer; publish again")]
    Ledger(#[from] LedgerError),
    /// Redis is away.
    #[error("the stock could not be loaded into Redis; publish again")]
    Stock(#[from] StockError),
}

/// What an operator says about a sale.
#[derive(Clone, Debug)]
pub struct SaleDraft {
    /// What is sold.
    pub item: ItemId,
    /// Its name in addresses: lower-case letters, digits and `-`.
    pub slug: String,
    /// The price of a unit.
    pub price: Money,
    /// Units on sale.
    pub units: u32,
    /// Units an account can have.
    pub limit_per_account: u32,
    /// When it opens.
    pub opens_at: UnixMillis,
    /// When it closes.
    pub closes_at: UnixMillis,
    /// Tokens out at most: this many times the units left.
    pub quota: u32,
    /// Admissions a second over all PoPs.
    pub rate_per_second: u32,
    /// How long an order can be paid.
    pub payment_seconds: u32,
    /// Whether a round of the public beacon is mixed into the draw.
    pub with_beacon: bool,
}

impl SaleDraft {
    pub(super) fn into_sale(self, id: SaleId) -> NewSale {
        NewSale {
            id,
            item: self.item,
            slug: self.slug,
            price: self.price,
            total: self.units,
            limit_per_account: self.limit_per_account,
            opens_at: self.opens_at,
            closes_at: self.closes_at,
            quota: self.quota,
            rate_per_second: self.rate_per_second,
            payment_seconds: self.payment_seconds,
            with_beacon: self.with_beacon,
        }
    }
}

/// What publishing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// The sale is public now.
    Now,
    /// It was public before: to load its stock again is a rebuild.
    Before,
}

/// Makes a draft of a sale and returns its id.
pub async fn create(
    ledger: &Ledger,
    ids: &Ids,
    actor: &Actor,
    draft: SaleDraft,
) -> Result<SaleId, PublishError> {
    check(&draft).map_err(PublishError::Invalid)?;
    let unfit = match ledger.item(draft.item).await? {
        None => Some(format!("there is no item {}", draft.item)),
        Some(item) if item.archived_at.is_some() => {
            Some(format!("item {} is archived; restore it first", draft.item))
        }
        Some(_) => None,
    };
    if let Some(why) = unfit {
        return Err(PublishError::Invalid(why));
    }
    let id = SaleId(ids.next().await?);
    let sale = draft.into_sale(id);
    if ledger
        .insert_sale(actor, &sale, Seed(crate::random_bytes()))
        .await?
    {
        Ok(id)
    } else {
        Err(PublishError::Invalid(format!(
            "the slug `{}` is taken",
            sale.slug
        )))
    }
}

pub(super) fn check(draft: &SaleDraft) -> Result<(), String> {
    let slug = draft.slug.as_str();
    let slug_ok = (1..=100).contains(&slug.len())
        && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        // A slug of digits alone could be taken for an id.
        && slug.bytes().any(|b| b.is_ascii_lowercase());
    let within = |name: &str, value: u32, least: u32, most: u32| {
        if (least..=most).contains(&value) {
            Ok(())
        } else {
            Err(format!("{name} is {value}, but must be {least} to {most}"))
        }
    };
    if !slug_ok {
        return Err(
            "a slug has 1 to 100 lower-case letters, digits and -, and a letter".to_owned(),
        );
    }
    if draft.price.amount_minor < 0 || draft.price.times(QUANTITY_MAX).is_none() {
        return Err("the price is not negative, and a hundred times it fits 63 bits".to_owned());
    }
    if draft.closes_at <= draft.opens_at {
        return Err("a sale closes after it opens".to_owned());
    }
    within("units", draft.units, 1, UNITS_MAX)?;
    within(
        "limit per account",
        draft.limit_per_account,
        1,
        QUANTITY_MAX,
    )?;
    within("quota", draft.quota, 1, QUOTA_MAX)?;
    within("rate per second", draft.rate_per_second, 1, 1_000_000)?;
    within(
        "payment seconds",
        draft.payment_seconds,
        *PAYMENT_SECONDS.start(),
        *PAYMENT_SECONDS.end(),
    )?;
    Ok(())
}

/// Loads a draft's stock into Redis and makes the sale public. One whose opening is past is drawn
/// at once, as nobody can have joined its lobby.
pub async fn publish(
    ledger: &Ledger,
    stock: &Stock,
    actor: &Actor,
    rounds: Option<Rounds>,
    id: SaleId,
) -> Result<Published, PublishError> {
    let row = ledger.sale(id).await?.ok_or(PublishError::Unknown(id))?;
    match row.phase {
        Phase::Draft => {}
        Phase::Published | Phase::Paused => return Ok(Published::Before),
        Phase::Closed => return Err(PublishError::NotDraft(id, row.phase.as_str())),
    }
    let beacon = Rounds::of_sale(rounds, &row.sale, crate::now())?;
    let in_redis = stock.levels(&[id]).await?.pop().flatten();
    let epoch = in_redis.map_or(0, |level| level.epoch);
    let count = ledger.count(id, epoch).await?;
    if let Switched::Kept(epoch) = stock.switch(&count).await? {
        return Err(PublishError::Overtaken(id, epoch));
    }
    ledger
        .finish_publish(actor, id, count.epoch, count.available, beacon.as_ref())
        .await?;
    if let Err(error) = ledger.freeze_lobbies(id).await {
        tracing::warn!(%error, sale = %id, "The draw is left to the role `timers`");
    }
    Ok(Published::Now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> SaleDraft {
        SaleDraft {
            item: ItemId(1),
            slug: "console-2".into(),
            price: Money {
                amount_minor: 100,
                currency: "USD".parse().unwrap(),
            },
            units: 10,
            limit_per_account: 1,
            opens_at: UnixMillis(1),
            closes_at: UnixMillis(2),
            quota: 5,
            rate_per_second: 100,
            payment_seconds: 600,
            with_beacon: false,
        }
    }

    #[test]
    fn a_draft_within_the_limits_passes_and_each_fault_is_named() {
        assert_eq!(check(&draft()), Ok(()));
        let fault = |change: fn(&mut SaleDraft), word: &str| {
            let mut draft = draft();
            change(&mut draft);
            let message = check(&draft).unwrap_err();
            assert!(message.contains(word), "{word} in {message}");
        };
        fault(|d| d.slug = "Console".into(), "slug");
        fault(|d| d.slug = "12345".into(), "slug");
        fault(|d| d.price.amount_minor = i64::MAX, "price");
        fault(|d| d.closes_at = UnixMillis(1), "closes");
        fault(|d| d.units = 0, "units");
        fault(|d| d.limit_per_account = 101, "limit");
        fault(|d| d.quota = 0, "quota");
        fault(|d| d.payment_seconds = 5, "payment");
    }
}
