//! The way of a paid order to the buyer: packed, shipped, delivered.
//!
//! Invariant: an order goes one step along the arrows of [`OrderState::may_become`], and the step,
//! the event that tells of it and the operator's line commit together. A step taken twice changes
//! nothing.

use super::operator_log::{Actor, Line, log};
use super::order_events::{OrderEvent, record};
use super::sales::money;
use super::{Ledger, Result, corrupt, must_touch, retry};
use kernel::ids::{ItemId, OrderId, SaleId};
use kernel::money::Money;
use kernel::order::OrderState;
use kernel::wire::{Address, Shipment};
use serde::Serialize;
use sqlx::MySqlConnection;

/// A step of an order towards its buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It lies packed in the warehouse.
    Pack,
    /// A carrier has it.
    Ship(Shipment),
    /// It has arrived.
    Deliver,
}

impl Step {
    /// The state it leads to.
    pub fn state(&self) -> OrderState {
        match self {
            Self::Pack => OrderState::Packed,
            Self::Ship(_) => OrderState::Shipped,
            Self::Deliver => OrderState::Delivered,
        }
    }

    fn event(&self) -> OrderEvent {
        match self {
            Self::Pack => OrderEvent::Packed,
            Self::Ship(_) => OrderEvent::Shipped,
            Self::Deliver => OrderEvent::Delivered,
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Self::Pack => "order.pack",
            Self::Ship(_) => "order.ship",
            Self::Deliver => "order.deliver",
        }
    }
}

/// What asking for a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// The order has taken the step now.
    Yes,
    /// It had taken it before.
    Already,
    /// It is in a state from which no such step leads.
    Cannot(OrderState),
    /// It was shipped before, with another carrier or number.
    Differs(Shipment),
    /// No such order.
    Unknown,
}

/// What the warehouse has to know of an order.
#[derive(Clone, Debug, Serialize)]
pub struct ParcelRow {
    /// The order.
    pub order_id: OrderId,
    /// Its sale.
    pub sale_id: SaleId,
    /// Where it stands.
    pub state: OrderState,
    /// Units.
    pub units: u32,
    /// What they cost.
    pub amount: Money,
    /// What is sold.
    pub item_id: ItemId,
    /// What it is called.
    pub item: String,
    /// Where it goes.
    pub ship_to: Address,
    /// Its parcel, once shipped.
    pub shipment: Option<Shipment>,
}

/// An order's way, as the operator log keeps it.
#[derive(Serialize)]
struct Stage {
    state: OrderState,
    shipment: Option<Shipment>,
}

impl Ledger {
    /// Takes a step, once.
    pub async fn advance(&self, id: OrderId, step: &Step, actor: &Actor) -> Result<Advanced> {
        retry(|| self.advance_once(id, step, actor)).await
    }

    async fn advance_once(&self, id: OrderId, step: &Step, actor: &Actor) -> Result<Advanced> {
        let mut transaction = self.begin().await?;
        let order = sqlx::query!("SELECT state FROM orders WHERE id = ? FOR UPDATE", id.0);
        let Some(order) = order.fetch_optional(&mut *transaction).await? else {
            return Ok(Advanced::Unknown);
        };
        let state: OrderState = order.state.parse().map_err(corrupt)?;
        let parcel = sqlx::query!(
            "SELECT carrier, tracking, delivered_at_ms FROM shipments WHERE order_id = ?",
            id.0
        );
        let parcel = parcel.fetch_optional(&mut *transaction).await?;
        let shipment = parcel.and_then(|parcel| parcel.carrier.zip(parcel.tracking));
        let shipment = shipment.map(|(carrier, tracking)| Shipment { carrier, tracking });
        if let (Step::Ship(wanted), Some(shipment)) = (step, &shipment)
            && wanted != shipment
        {
            return Ok(Advanced::Differs(shipment.clone()));
        }
        let next = step.state();
        if state == next || is_behind(state, next) {
            return Ok(Advanced::Already);
        }
        if !state.may_become(next) {
            return Ok(Advanced::Cannot(state));
        }
        let update = sqlx::query!(
            "UPDATE orders SET state = ?, version = version + 1 WHERE id = ? AND state = ?",
            next.as_str(),
            id.0,
            state.as_str()
        );
        let done = update.execute(&mut *transaction).await?;
        must_touch("advance an order", 1, done.rows_affected())?;
        note(&mut transaction, id, step).await?;
        record(&mut transaction, step.event(), [id.0].into_iter()).await?;
        let after = match step {
            Step::Ship(shipment) => Some(shipment.clone()),
            Step::Pack | Step::Deliver => shipment.clone(),
        };
        let before = Stage { state, shipment };
        let after = Stage {
            state: next,
            shipment: after,
        };
        let line = Line {
            actor,
            action: step.action(),
            subject: format!("order:{id}"),
            before: Some(&before),
            after: Some(&after),
        };
        log(&mut transaction, line).await?;
        transaction.commit().await?;
        Ok(Advanced::Yes)
    }

    /// Orders of a sale in a state, above the id `after`, in the order of their ids: for the
    /// warehouse. Those that were never paid have no address, and are left out.
    pub async fn parcels(
        &self,
        sale: SaleId,
        state: OrderState,
        after: OrderId,
        at_most: u32,
    ) -> Result<Vec<ParcelRow>> {
        let rows = sqlx::query!(
            "SELECT orders.id, orders.quantity, orders.amount_minor, orders.currency,
                    items.id AS item_id, items.title, payments.ship_to, shipments.carrier,
                    shipments.tracking
             FROM orders JOIN sales ON sales.id = orders.sale_id
                  JOIN items ON items.id = sales.item_id
                  JOIN payments ON payments.order_id = orders.id
                  LEFT JOIN shipments ON shipments.order_id = orders.id
             WHERE orders.sale_id = ? AND orders.state = ? AND orders.id > ?
             ORDER BY orders.id LIMIT ?",
            sale.0,
            state.as_str(),
            after.0,
            at_most
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let parcels = rows.into_iter().map(|row| {
            let shipment = row.carrier.zip(row.tracking);
            Ok(ParcelRow {
                order_id: OrderId(row.id),
                sale_id: sale,
                state,
                units: row.quantity,
                amount: money(row.amount_minor, &row.currency)?,
                item_id: ItemId(row.item_id),
                item: row.title,
                ship_to: serde_json::from_str(&row.ship_to).map_err(corrupt)?,
                shipment: shipment.map(|(carrier, tracking)| Shipment { carrier, tracking }),
            })
        });
        parcels.collect()
    }
}

/// Whether an order in `state` has been in `earlier` on its way to the buyer.
fn is_behind(state: OrderState, earlier: OrderState) -> bool {
    const WAY: [OrderState; 3] = [
        OrderState::Packed,
        OrderState::Shipped,
        OrderState::Delivered,
    ];
    let place = |state| WAY.iter().position(|stage| *stage == state);
    place(earlier) < place(state)
}

async fn note(connection: &mut MySqlConnection, id: OrderId, step: &Step) -> Result<()> {
    let write = match step {
        Step::Pack => sqlx::query!(
            "INSERT INTO shipments (order_id, packed_at_ms)
             VALUES (?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            id.0
        ),
        Step::Ship(shipment) => sqlx::query!(
            "UPDATE shipments SET carrier = ?, tracking = ?,
                    shipped_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             WHERE order_id = ?",
            shipment.carrier,
            shipment.tracking,
            id.0
        ),
        Step::Deliver => sqlx::query!(
            "UPDATE shipments SET delivered_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             WHERE order_id = ?",
            id.0
        ),
    };
    let done = write.execute(connection).await?;
    must_touch("note a parcel's way", 1, done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::{OrderState, is_behind};

    #[test]
    fn only_earlier_stages_of_the_way_lie_behind() {
        use OrderState::{Delivered, Packed, Paid, Refunded, Shipped};
        let cases = [
            (Delivered, Packed, true),
            (Delivered, Shipped, true),
            (Shipped, Packed, true),
            (Packed, Packed, false),
            (Packed, Shipped, false),
            (Paid, Packed, false),
            (Refunded, Packed, false),
        ];
        for (state, earlier, expected) in cases {
            assert_eq!(is_behind(state, earlier), expected, "{state:?} {earlier:?}");
        }
    }
}
