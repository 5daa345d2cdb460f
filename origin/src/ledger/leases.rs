//! Leases of slots.
//!
//! Invariant: slots outstanding, over all PoPs, stay within quota × units left; the sale's row is
//! held while they are counted, so that two PoPs never count the same room.

use super::{Ledger, Result, must_touch, retry};
use kernel::ids::{LeaseId, OrderId, SaleId};
use kernel::lease::{LEASE_LIFE_SECONDS, grantable};
use kernel::time::UnixMillis;

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
}

/// What it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// So many slots, until then by the database's clock.
    Slots(u32, UnixMillis),
    /// Nothing now; the quota is used up, or the sale is not published.
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

impl LeaseRow {
    /// Whether the lease holds this slot and lives at `now`.
    pub fn admits(&self, slot: OrderId, now: UnixMillis) -> bool {
        let slots = self.first_slot..self.first_slot + u64::from(self.slots);
        slots.contains(&slot.0) && now < self.ends_at
    }
}

impl Ledger {
    /// Lends slots, named by `lease` and starting at `first_slot`. Leases of the PoP's former
    /// stores are dropped.
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
            r#"SELECT total, reserved, sold, quota, phase,
                      CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AS "now_ms!: i64"
               FROM sales WHERE id = ? FOR UPDATE"#,
            wanted.sale.0
        );
        let Some(sale) = sale.fetch_optional(&mut *transaction).await? else {
            return Ok(Granted::Nothing);
        };
        let now = UnixMillis(sale.now_ms);
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
        let slots = match sale.phase.as_str() {
            "published" => grantable(
                wanted.slots,
                sale.quota,
                available,
                lent.saturating_sub(spent),
            ),
            _ => 0,
        };
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
