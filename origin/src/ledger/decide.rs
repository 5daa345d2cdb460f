//! The decision: admitted orders become rows.
//!
//! Invariant: `never-oversold`, by the counters' conditional UPDATE at the end of each transaction;
//! `once`, by the primary key. A batch is decided in one transaction; when anything in it is
//! refused, it is rolled back and its orders are decided one by one.

use super::accept::{Terms, insert_orders, terms, within_limit};
use super::refuse::{Refused, write_release};
use super::rows::push_ids;
use super::{Ledger, Result, corrupt, retry};
use crate::fail_points::pass;
use kernel::ids::{AccountId, LeaseId, OrderId, SaleId};
use kernel::order::OrderState;
use kernel::time::UnixMillis;
use serde::{Deserialize, Serialize};
use sqlx::QueryBuilder;
use std::collections::{HashMap, HashSet};

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
        pass("decide.inserted").await;
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
        pass("decide.counted").await;
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
