//! Leases of slots.
//!
//! Invariant: slots outstanding, over all PoPs, stay within quota × units left; the sale's row is
//! held while they are counted, so that two PoPs never count the same room. Scarce slots go to the
//! lowest waiting places.

use super::{Ledger, Result, corrupt, must_touch, retry, waiting};
use kernel::ids::{LeaseId, OrderId, SaleId};
use kernel::lease::{
    LEASE_LIFE_SECONDS, LEASE_SLOTS_MAX, ReturnedLease, SlotView, fair_share, grantable,
};
use kernel::time::UnixMillis;
use sqlx::MySqlConnection;

/// What a PoP asks for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The sale.
    pub sale: SaleId,
    /// The PoP.
    pub pop: &'a str,
    /// The generation of its store.
    pub generation: &'a str,
    /// How many slots at most.
    pub slots: u32,
    /// The lowest places that wait there, ascending.
    pub waiting: &'a [u64],
    /// A former lease of which slots are left.
    pub returned: Option<ReturnedLease>,
}

/// What it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// So many slots, until then by the database's clock.
    Slots(u32, UnixMillis),
    /// Nothing now; the quota is used up, lower places wait elsewhere, or the sale is not published,
    /// or not drawn, or the PoP is revoked.
    Nothing,
    /// Nothing: no unit is left.
    SoldOut,
}

/// A lease as stored.
#[derive(Clone, Copy, Debug)]
pub struct LeaseRow {
    first_slot: u64,
    slots: u32,
    ends_at: UnixMillis,
}

/// Where a slot came from.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// Its lease.
    pub lease: LeaseId,
    /// The sale.
    pub sale: SaleId,
    /// Whether the lease has ended, so that no order can be placed with the slot any more.
    pub over: bool,
}

/// A slot, and the order that it became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotOrder {
    /// The sale.
    pub sale: SaleId,
    /// As its PoP sees it.
    pub view: SlotView,
}

impl LeaseRow {
    /// Whether the lease holds this slot and lives at `now`.
    pub fn admits(&self, slot: OrderId, now: UnixMillis) -> bool {
        let slots = self.first_slot..self.first_slot + u64::from(self.slots);
        slots.contains(&slot.0) && now < self.ends_at
    }
}

impl Ledger {
    /// Lends slots, named by `lease` and starting at `first_slot`. Leases of the PoP's former
    /// stores are dropped, and what it gives back flows back first.
    pub async fn grant_lease(
        &self,
        lease: LeaseId,
        first_slot: u64,
        wanted: Wanted<'_>,
    ) -> Result<Granted> {
        retry(|| self.grant_lease_once(lease, first_slot, wanted)).await
    }

    async fn grant_lease_once(
        &self,
        lease: LeaseId,
        first_slot: u64,
        wanted: Wanted<'_>,
    ) -> Result<Granted> {
        let mut transaction = self.begin().await?;
        let sale = sqlx::query!(
            r#"SELECT total, reserved, sold, quota, phase, drawn_at_ms,
                      CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AS "now_ms!: i64"
               FROM sales WHERE id = ? FOR UPDATE"#,
            wanted.sale.0
        );
        let Some(sale) = sale.fetch_optional(&mut *transaction).await? else {
            return Ok(Granted::Nothing);
        };
        let now = UnixMillis(sale.now_ms);
        if is_revoked(&mut transaction, wanted.pop).await? {
            return Ok(Granted::Nothing);
        }
        if let Some(returned) = wanted.returned {
            give_back(&mut transaction, wanted, returned, now).await?;
        }
        sqlx::query!(
            "UPDATE leases SET revoked = TRUE
             WHERE sale_id = ? AND ends_at_ms > ? AND pop = ? AND generation <> ?",
            wanted.sale.0,
            now.0,
            wanted.pop,
            wanted.generation
        )
        .execute(&mut *transaction)
        .await?;
        let lent = sqlx::query_scalar!(
            r#"SELECT CAST(COALESCE(SUM(slots), 0) AS UNSIGNED) AS "lent!: u64" FROM leases
               WHERE sale_id = ? AND ends_at_ms > ? AND NOT revoked"#,
            wanted.sale.0,
            now.0
        )
        .fetch_one(&mut *transaction)
        .await?;
        let spent = sqlx::query_scalar!(
            r#"SELECT CAST(COUNT(*) AS UNSIGNED) AS "spent!: u64"
               FROM orders JOIN leases ON leases.id = orders.lease_id
               WHERE leases.sale_id = ? AND leases.ends_at_ms > ? AND NOT leases.revoked"#,
            wanted.sale.0,
            now.0
        )
        .fetch_one(&mut *transaction)
        .await?;

        let available = sale.total - sale.reserved - sale.sold;
        let outstanding = lent.saturating_sub(spent);
        let room = if sale.phase == "published" && sale.drawn_at_ms.is_some() {
            grantable(LEASE_SLOTS_MAX, sale.quota, available, outstanding)
        } else {
            0
        };
        let slots = share(&mut transaction, wanted, room, now).await?;
        let ends_at = now.plus_seconds(LEASE_LIFE_SECONDS);
        if slots > 0 {
            let inserted = sqlx::query!(
                "INSERT INTO leases
                    (id, sale_id, pop, generation, first_slot, slots, ends_at_ms, created_at_ms)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                lease.0,
                wanted.sale.0,
                wanted.pop,
                wanted.generation,
                first_slot,
                slots,
                ends_at.0,
                now.0
            );
            let done = inserted.execute(&mut *transaction).await?;
            must_touch("grant lease", 1, done.rows_affected())?;
        }
        transaction.commit().await?;
        Ok(match (slots, available) {
            (0, 0) => Granted::SoldOut,
            (0, _) => Granted::Nothing,
            _ => Granted::Slots(slots, ends_at),
        })
    }

    /// A lease of this PoP for this sale; `None` if there is none or it was revoked.
    pub async fn lease(&self, id: LeaseId, sale: SaleId, pop: &str) -> Result<Option<LeaseRow>> {
        let lease = sqlx::query!(
            "SELECT first_slot, slots, ends_at_ms FROM leases
             WHERE id = ? AND sale_id = ? AND pop = ? AND NOT revoked",
            id.0,
            sale.0,
            pop
        );
        let lease = lease.fetch_optional(&mut *self.connection().await?).await?;
        Ok(lease.map(|lease| LeaseRow {
            first_slot: lease.first_slot,
            slots: lease.slots,
            ends_at: UnixMillis(lease.ends_at_ms),
        }))
    }

    /// What became of a slot of this PoP's; `None` if it has no such slot.
    pub async fn slot_of(&self, id: OrderId, pop: &str) -> Result<Option<SlotOrder>> {
        let row = sqlx::query!(
            r#"SELECT lent.sale_id, lent.pop, lent.first_slot, lent.slots,
                      orders.state AS "state?", orders.reason
               FROM (SELECT sale_id, pop, first_slot, slots FROM leases
                     WHERE first_slot <= ? ORDER BY first_slot DESC LIMIT 1) AS lent
               LEFT JOIN orders ON orders.id = ?"#,
            id.0,
            id.0
        );
        let row = row.fetch_optional(&mut *self.connection().await?).await?;
        let held = row.filter(|row| id.0 - row.first_slot < u64::from(row.slots) && row.pop == pop);
        let Some(row) = held else { return Ok(None) };
        let state = row.state.map(|word| word.parse().map_err(corrupt));
        let reason = row.reason.as_deref().map(super::orders::refusal);
        Ok(Some(SlotOrder {
            sale: SaleId(row.sale_id),
            view: SlotView {
                state: state.transpose()?,
                reason: reason.transpose()?,
            },
        }))
    }

    /// The slot of this id, if there is one: the order of this id may be in the queue.
    pub async fn slot(&self, id: OrderId) -> Result<Option<Slot>> {
        let lease = sqlx::query!(
            r#"SELECT id, sale_id, first_slot, slots,
                      ends_at_ms <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AS "over!: bool"
               FROM leases WHERE first_slot <= ? ORDER BY first_slot DESC LIMIT 1"#,
            id.0
        );
        let lease = lease.fetch_optional(&mut *self.connection().await?).await?;
        let holds = |first: u64, slots: u32| id.0 - first < u64::from(slots);
        Ok(lease
            .filter(|lease| holds(lease.first_slot, lease.slots))
            .map(|lease| Slot {
                lease: LeaseId(lease.id),
                sale: SaleId(lease.sale_id),
                over: lease.over,
            }))
    }
}

/// A PoP that no origin has heard of is not revoked.
async fn is_revoked(connection: &mut MySqlConnection, pop: &str) -> Result<bool> {
    let revoked = sqlx::query_scalar!(
        r#"SELECT revoked AS "revoked!: bool" FROM pops WHERE id = ?"#,
        pop
    );
    Ok(revoked.fetch_optional(connection).await?.unwrap_or(false))
}

/// Shortens a lease of this PoP's to what was handed out of it, or spent.
async fn give_back(
    connection: &mut MySqlConnection,
    wanted: Wanted<'_>,
    returned: ReturnedLease,
    now: UnixMillis,
) -> Result<()> {
    let last_spent = sqlx::query_scalar!(
        r#"SELECT MAX(id) AS "last: u64" FROM orders WHERE lease_id = ?"#,
        returned.lease_id.0
    );
    let last_spent = last_spent.fetch_one(&mut *connection).await?.unwrap_or(0);
    sqlx::query!(
        "UPDATE leases
         SET slots = LEAST(slots, GREATEST(?, IF(? < first_slot, 0, ? - first_slot + 1)))
         WHERE id = ? AND sale_id = ? AND pop = ? AND NOT revoked AND ends_at_ms > ?",
        returned.handed_out,
        last_spent,
        last_spent,
        returned.lease_id.0,
        wanted.sale.0,
        wanted.pop,
        now.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The PoP's share of `room`; what waits there from now on is noted.
async fn share(
    connection: &mut MySqlConnection,
    wanted: Wanted<'_>,
    room: u32,
    now: UnixMillis,
) -> Result<u32> {
    let Wanted { sale, pop, .. } = wanted;
    let others = waiting::others(connection, sale, pop, now).await?;
    let pops = waiting::pops(connection, pop, now).await?;
    let slots = fair_share(room, wanted.slots, wanted.waiting, &others, pops);
    let served = usize::try_from(slots).unwrap_or(usize::MAX);
    let still = wanted.waiting.get(served..).unwrap_or_default();
    waiting::note(connection, sale, pop, still, now).await?;
    Ok(slots)
}
