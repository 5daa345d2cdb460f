//! The decision: admitted orders become rows.
//!
//! Invariant: `never-oversold`, by the counters' conditional UPDATE at the end of each transaction;
//! `once`, by the primary key. A batch is decided in one transaction; when anything in it is
//! refused, it is rolled back and its orders are decided one by one.

use super::refuse::{Refused, write_release};
use super::rows::{Entry, enter, insert, insert_or_change, push_ids};
use super::sales::money;
use super::{Ledger, Result, corrupt, retry};
use kernel::ids::{AccountId, LeaseId, OrderId, SaleId};
use kernel::money::Money;
use kernel::order::OrderState;
use kernel::time::UnixMillis;
use serde::{Deserialize, Serialize};
use sqlx::{MySqlConnection, QueryBuilder};
use std::collections::{BTreeMap, HashMap, HashSet};

/// How often an order is tried that finds neither room nor, a moment later, a reason to refuse it.
const TURNS_MAX: u32 = 20;

/// An order that Redis has admitted: the message that the queue carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// The order.
    pub order_id: OrderId,
    /// The sale.
    pub sale_id: SaleId,
    /// Who placed it.
    pub account_id: AccountId,
    /// The lease its slot came from.
    pub lease_id: LeaseId,
    /// Units.
    pub quantity: u32,
    /// The epoch of Redis when it admitted.
    pub epoch: u64,
    /// When, by Redis' clock.
    pub admitted_at_ms: UnixMillis,
}

/// What became of the orders of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// They have a row now: pending payment.
    pub accepted: Vec<OrderId>,
    /// They had a row before.
    pub repeated: Vec<OrderId>,
    /// Refused.
    pub refused: Vec<(OrderId, Refused)>,
    /// When those expire that are pending payment, whether they were accepted now or before.
    pub deadlines: Vec<Deadline>,
}

/// When a pending order expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The order.
    pub order: OrderId,
    /// The time its sale gives to pay.
    pub payment_seconds: u32,
    /// When that is over, by the database's clock.
    pub expires_at: UnixMillis,
}

impl Decided {
    fn accept(&mut self, orders: &[&Admitted], terms: &Terms) {
        for order in orders {
            self.accepted.push(order.order_id);
            self.deadlines.push(Deadline {
                order: order.order_id,
                payment_seconds: terms.payment_seconds,
                expires_at: terms.expires_at(),
            });
        }
    }
}

struct Terms {
    epoch: u64,
    limit: u32,
    price: Money,
    payment_seconds: u32,
    now: UnixMillis,
}

impl Terms {
    fn expires_at(&self) -> UnixMillis {
        self.now.plus_seconds(i64::from(self.payment_seconds))
    }
}

enum Decision {
    Accepted(Terms),
    Refused(Refused),
}

struct Row {
    state: OrderState,
    deadline: Option<Deadline>,
}

impl Ledger {
    /// Decides admitted orders of one sale.
    pub async fn decide(&self, sale: SaleId, orders: &[Admitted]) -> Result<Decided> {
        let mut decided = Decided::default();
        let mut seen = HashSet::new();
        let rows = self.rows(orders).await?;
        let mut fresh = Vec::new();
        for order in orders.iter().filter(|order| seen.insert(order.order_id)) {
            match rows.get(&order.order_id) {
                None => fresh.push(order),
                Some(row) => {
                    if !row.state.is_live() {
                        self.release_again(order).await?;
                    }
                    decided.repeated.push(order.order_id);
                    decided.deadlines.extend(row.deadline);
                }
            }
        }
        if fresh.is_empty() {
            return Ok(decided);
        }
        match retry(|| self.accept_all(sale, &fresh)).await {
            Ok(Some(terms)) => decided.accept(&fresh, &terms),
            Ok(None) => self.decide_one_by_one(sale, &fresh, &mut decided).await?,
            Err(error) if error.is_duplicate() => {
                self.decide_one_by_one(sale, &fresh, &mut decided).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(decided)
    }

    async fn rows(&self, orders: &[Admitted]) -> Result<HashMap<OrderId, Row>> {
        if orders.is_empty() {
            return Ok(HashMap::new());
        }
        let mut query = QueryBuilder::new(
            "SELECT orders.id, orders.state, orders.expires_at_ms, sales.payment_seconds
             FROM orders JOIN sales ON sales.id = orders.sale_id WHERE orders.id IN ",
        );
        push_ids(&mut query, orders.iter().map(|order| order.order_id.0));
        let rows: Vec<(u64, String, Option<i64>, u32)> = query
            .build_query_as()
            .fetch_all(&mut *self.connection().await?)
            .await?;
        let read = |(id, state, expires_at, payment_seconds): (_, String, Option<i64>, _)| {
            let (order, state) = (OrderId(id), state.parse().map_err(corrupt)?);
            let pending = expires_at.filter(|_| state == OrderState::PendingPayment);
            let deadline = pending.map(|expires_at| Deadline {
                order,
                payment_seconds,
                expires_at: UnixMillis(expires_at),
            });
            Ok((order, Row { state, deadline }))
        };
        rows.into_iter().map(read).collect()
    }

    async fn release_again(&self, order: &Admitted) -> Result<()> {
        let mut connection = self.connection().await?;
        write_release(&mut connection, order).await
    }

    /// One transaction for all, on these terms; `None`, and nothing written, if any of them must be
    /// refused.
    async fn accept_all(&self, sale: SaleId, orders: &[&Admitted]) -> Result<Option<Terms>> {
        let mut transaction = self.begin().await?;
        let terms = terms(&mut transaction, sale).await?;
        if orders.iter().any(|order| order.epoch != terms.epoch) {
            return Ok(None);
        }
        if !within_limit(&mut transaction, sale, orders, terms.limit).await? {
            return Ok(None);
        }
        insert_orders(&mut transaction, orders, &terms).await?;
        let units: u32 = orders.iter().map(|order| order.quantity).sum();
        let reserved = sqlx::query!(
            "UPDATE sales SET reserved = reserved + ?, version = version + 1
             WHERE id = ? AND epoch = ? AND reserved + sold + ? <= total",
            units,
            sale.0,
            terms.epoch,
            units
        );
        if reserved.execute(&mut *transaction).await?.rows_affected() != 1 {
            return Ok(None);
        }
        transaction.commit().await?;
        Ok(Some(terms))
    }

    async fn decide_one_by_one(
        &self,
        sale: SaleId,
        orders: &[&Admitted],
        decided: &mut Decided,
    ) -> Result<()> {
        for order in orders {
            let id = order.order_id;
            match self.accept_or_refuse(sale, order).await {
                Ok(Decision::Accepted(terms)) => decided.accept(&[order], &terms),
                Ok(Decision::Refused(refused)) => decided.refused.push((id, refused)),
                Err(error) if error.is_duplicate() => decided.repeated.push(id),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn accept_or_refuse(&self, sale: SaleId, order: &Admitted) -> Result<Decision> {
        let alone = [order];
        for _ in 0..TURNS_MAX {
            if let Some(terms) = retry(|| self.accept_all(sale, &alone)).await? {
                return Ok(Decision::Accepted(terms));
            }
            if let Some(refused) = retry(|| self.refuse(order)).await? {
                return Ok(Decision::Refused(refused));
            }
            // Room came back between the two.
        }
        Err(corrupt("an order that is neither accepted nor refused"))
    }
}

async fn terms(connection: &mut MySqlConnection, sale: SaleId) -> Result<Terms> {
    let row = sqlx::query!(
        r#"SELECT epoch, limit_per_account, price_minor, currency, payment_seconds,
                  CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AS "now_ms!: i64"
           FROM sales WHERE id = ?"#,
        sale.0
    );
    let row = row.fetch_optional(connection).await?;
    let row =
        row.ok_or_else(|| corrupt(format!("orders for sale {sale}, which does not exist")))?;
    Ok(Terms {
        epoch: row.epoch,
        limit: row.limit_per_account,
        price: money(row.price_minor, &row.currency)?,
        payment_seconds: row.payment_seconds,
        now: UnixMillis(row.now_ms),
    })
}

/// Adds the units to those the accounts hold, and says whether all are within the limit. The rows
/// stay locked, in the order of the accounts, so that two deciders do not wait for each other.
async fn within_limit(
    connection: &mut MySqlConnection,
    sale: SaleId,
    orders: &[&Admitted],
    limit: u32,
) -> Result<bool> {
    let mut units = BTreeMap::<u64, u32>::new();
    for order in orders {
        *units.entry(order.account_id.0).or_default() += order.quantity;
    }
    let rows: Vec<(u64, u32)> = units.into_iter().collect();
    insert_or_change(
        connection,
        "INSERT INTO sale_accounts (sale_id, account_id, units) ",
        &rows,
        |mut row, (account, units)| {
            row.push_bind(sale.0).push_bind(*account).push_bind(*units);
        },
        " ON DUPLICATE KEY UPDATE units = units + VALUES(units)",
    )
    .await?;

    let mut query = QueryBuilder::new("SELECT COUNT(*) FROM sale_accounts WHERE sale_id = ");
    query
        .push_bind(sale.0)
        .push(" AND units > ")
        .push_bind(limit)
        .push(" AND account_id IN ");
    push_ids(&mut query, rows.iter().map(|(account, _)| *account));
    let (over,): (i64,) = query.build_query_as().fetch_one(connection).await?;
    Ok(over == 0)
}

async fn insert_orders(
    connection: &mut MySqlConnection,
    orders: &[&Admitted],
    terms: &Terms,
) -> Result<()> {
    let amounts: Option<Vec<Money>> = orders
        .iter()
        .map(|order| terms.price.times(order.quantity))
        .collect();
    let amounts = amounts.ok_or_else(|| corrupt("an amount that does not fit"))?;
    let rows: Vec<_> = orders.iter().zip(amounts).collect();
    let expires_at = terms.expires_at();
    insert(
        connection,
        "INSERT INTO orders (id, sale_id, account_id, lease_id, quantity, amount_minor, currency,
                             state, created_at_ms, expires_at_ms) ",
        &rows,
        |mut row, (order, amount)| {
            row.push_bind(order.order_id.0)
                .push_bind(order.sale_id.0)
                .push_bind(order.account_id.0)
                .push_bind(order.lease_id.0)
                .push_bind(order.quantity)
                .push_bind(amount.amount_minor)
                .push_bind(amount.currency.to_string())
                .push_bind(OrderState::PendingPayment.as_str())
                .push_bind(order.admitted_at_ms.0)
                .push_bind(expires_at.0);
        },
    )
    .await?;
    let entries: Vec<Entry> = orders
        .iter()
        .map(|order| Entry {
            sale: order.sale_id.0,
            order: Some(order.order_id.0),
            source: "available",
            target: "reserved",
            units: order.quantity,
        })
        .collect();
    enter(connection, &entries).await
}
