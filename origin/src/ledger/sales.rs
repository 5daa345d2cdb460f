//! Sales.
//!
//! Invariant: what is published is frozen; only counters, phase, epoch and version change.

mod change;

use super::draw::{DrawRow, Seed};
use super::items::ItemRow;
use super::operator_log::{Line, log};
use super::{Actor, Ledger, LedgerError, Result, corrupt, must_touch, retry};
use kernel::ids::{ItemId, SaleId};
use kernel::lobby::{Beacon, Lobby};
use kernel::money::{Currency, Money};
use kernel::sale::Phase;
use kernel::time::UnixMillis;
use serde::Serialize;

/// A sale to be made, as a draft.
#[derive(Clone, Debug, Serialize)]
pub struct NewSale {
    /// Its id.
    pub id: SaleId,
    /// What is sold.
    pub item: ItemId,
    /// Its name in addresses.
    pub slug: String,
    /// The price of a unit.
    pub price: Money,
    /// Units on sale.
    pub total: u32,
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

/// A sale as stored.
#[derive(Clone, Debug)]
pub struct SaleRow {
    /// What was made.
    pub sale: NewSale,
    /// What the operator decided.
    pub phase: Phase,
    /// Units in orders not yet paid.
    pub reserved: u32,
    /// Units paid.
    pub sold: u32,
    /// Grows with every count anew of Redis.
    pub epoch: u64,
    /// Grows with every change.
    pub version: u64,
    /// The draw of its places.
    pub draw: DrawRow,
}

impl SaleRow {
    /// Units neither reserved nor sold.
    pub fn available(&self) -> u32 {
        self.sale
            .total
            .saturating_sub(self.reserved)
            .saturating_sub(self.sold)
    }
}

pub(super) struct RawSale {
    id: u64,
    item_id: u64,
    slug: String,
    phase: String,
    price_minor: i64,
    currency: String,
    total: u32,
    reserved: u32,
    sold: u32,
    limit_per_account: u32,
    opens_at_ms: i64,
    closes_at_ms: i64,
    quota: u32,
    rate_per_second: u32,
    payment_seconds: u32,
    epoch: u64,
    version: u64,
    with_beacon: bool,
    lobby_seed: Vec<u8>,
    beacon_round: Option<u64>,
    beacon_due_at_ms: Option<i64>,
    beacon_value: Option<Vec<u8>>,
    frozen_at_ms: Option<i64>,
    drawn_at_ms: Option<i64>,
}

macro_rules! select_sales {
    ($tail:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            RawSale,
            r#"SELECT id, item_id, slug, phase, price_minor, currency, total, reserved, sold,
                      limit_per_account, opens_at_ms, closes_at_ms, quota, rate_per_second,
                      payment_seconds, epoch, version, with_beacon AS "with_beacon!: bool",
                      lobby_seed, beacon_round, beacon_due_at_ms, beacon_value, frozen_at_ms,
                      drawn_at_ms
               FROM sales "# + $tail
            $(, $argument)*
        )
    };
}

impl TryFrom<RawSale> for SaleRow {
    type Error = LedgerError;

    fn try_from(raw: RawSale) -> Result<Self> {
        let seed = raw.lobby_seed.try_into();
        let seed = seed.map_err(|_| corrupt("a seed that has not 32 bytes"))?;
        let beacon = raw.beacon_round.zip(raw.beacon_due_at_ms);
        let beacon = beacon.map(|(round, due_at_ms)| Beacon {
            round,
            due_at_ms: UnixMillis(due_at_ms),
            value: raw.beacon_value.map(hex::encode),
        });
        let draw = DrawRow {
            seed: Seed(seed),
            beacon,
            frozen_at: raw.frozen_at_ms.map(UnixMillis),
            drawn_at: raw.drawn_at_ms.map(UnixMillis),
        };
        Ok(Self {
            sale: NewSale {
                id: SaleId(raw.id),
                item: ItemId(raw.item_id),
                slug: raw.slug,
                price: money(raw.price_minor, &raw.currency)?,
                total: raw.total,
                limit_per_account: raw.limit_per_account,
                opens_at: UnixMillis(raw.opens_at_ms),
                closes_at: UnixMillis(raw.closes_at_ms),
                quota: raw.quota,
                rate_per_second: raw.rate_per_second,
                payment_seconds: raw.payment_seconds,
                with_beacon: raw.with_beacon,
            },
            phase: raw.phase.parse().map_err(corrupt)?,
            reserved: raw.reserved,
            sold: raw.sold,
            epoch: raw.epoch,
            version: raw.version,
            draw,
        })
    }
}

pub(super) fn money(amount_minor: i64, currency: &str) -> Result<Money> {
    let currency: Currency = currency.parse().map_err(corrupt)?;
    Ok(Money {
        amount_minor,
        currency,
    })
}

impl Ledger {
    /// All sales that the snapshot shows, each with its item and its lobby: published ones that did
    /// not close more than `closed_for_ms` ago.
    pub async fn catalogue(&self, closed_for_ms: i64) -> Result<Vec<(ItemRow, SaleRow, Lobby)>> {
        let sales = select_sales!(
            "WHERE phase <> 'draft'
               AND closes_at_ms > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ?
             ORDER BY opens_at_ms, id LIMIT 1000",
            closed_for_ms
        );
        let sales = sales.fetch_all(&mut *self.connection().await?).await?;
        let items = self.items(sales.iter().map(|sale| sale.item_id)).await?;
        let ids: Vec<u64> = sales.iter().map(|sale| sale.id).collect();
        let arrivals = self.arrivals(&ids).await?;
        let mut pops = self.draw_pops(&ids).await?;
        let with_item = |raw: RawSale| {
            let item = items.get(&ItemId(raw.item_id));
            let item = item.ok_or_else(|| corrupt("a sale without its item"))?;
            let waiting = arrivals.get(&raw.id).copied().unwrap_or(0);
            let pops = pops.remove(&raw.id).unwrap_or_default();
            let row = SaleRow::try_from(raw)?;
            let lobby = row.draw.public(waiting, pops);
            Ok((item.clone(), row, lobby))
        };
        sales.into_iter().map(with_item).collect()
    }

    /// Makes a sale, as a draft whose places this seed decides; false if the slug is taken.
    pub async fn insert_sale(&self, actor: &Actor, sale: &NewSale, seed: Seed) -> Result<bool> {
        match retry(|| self.insert_sale_once(actor, sale, seed)).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_duplicate() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn insert_sale_once(&self, actor: &Actor, sale: &NewSale, seed: Seed) -> Result<()> {
        let mut transaction = self.begin().await?;
        let inserted = sqlx::query!(
            "INSERT INTO sales
                (id, item_id, slug, phase, price_minor, currency, total, limit_per_account,
                 opens_at_ms, closes_at_ms, quota, rate_per_second, payment_seconds, with_beacon,
                 lobby_seed, created_at_ms)
             VALUES (?, ?, ?, 'draft', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
                     CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            sale.id.0,
            sale.item.0,
            sale.slug,
            sale.price.amount_minor,
            sale.price.currency.to_string(),
            sale.total,
            sale.limit_per_account,
            sale.opens_at.0,
            sale.closes_at.0,
            sale.quota,
            sale.rate_per_second,
            sale.payment_seconds,
            sale.with_beacon,
            seed.0.as_slice()
        );
        let done = inserted.execute(&mut *transaction).await?;
        must_touch("make a sale", 1, done.rows_affected())?;
        let line = Line {
            after: Some(sale),
            ..told(actor, "sale.create", sale.id)
        };
        log(&mut transaction, line).await?;
        Ok(transaction.commit().await?)
    }

    /// A sale.
    pub async fn sale(&self, id: SaleId) -> Result<Option<SaleRow>> {
        let raw = select_sales!("WHERE id = ?", id.0)
            .fetch_optional(&mut *self.connection().await?)
            .await?;
        raw.map(SaleRow::try_from).transpose()
    }

    /// All sales, the newest first, at most 1,000.
    pub async fn sales(&self) -> Result<Vec<SaleRow>> {
        self.sales_before(u64::MAX, 1_000).await
    }

    /// Sales below the id `before`, the newest first.
    pub async fn sales_before(&self, before: u64, limit: u32) -> Result<Vec<SaleRow>> {
        let raw = select_sales!("WHERE id < ? ORDER BY id DESC LIMIT ?", before, limit)
            .fetch_all(&mut *self.connection().await?)
            .await?;
        raw.into_iter().map(SaleRow::try_from).collect()
    }

    /// Sales that may have undecided orders: all but drafts and those that closed more than
    /// `closed_for_ms` ago; at most 1,000, the newest first.
    pub async fn running_sales(&self, closed_for_ms: i64) -> Result<Vec<SaleId>> {
        let rows = sqlx::query_scalar!(
            "SELECT id FROM sales
             WHERE phase <> 'draft'
               AND closes_at_ms > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ?
             ORDER BY id DESC LIMIT 1000",
            closed_for_ms
        );
        Ok(rows
            .fetch_all(&mut *self.connection().await?)
            .await?
            .into_iter()
            .map(SaleId)
            .collect())
    }
}

/// A line of the log about a sale.
fn told<'a, T>(actor: &'a Actor, action: &'static str, sale: SaleId) -> Line<'a, T> {
    Line {
        actor,
        action,
        subject: format!("sale:{sale}"),
        before: None,
        after: None,
    }
}
