//! Leased worker numbers for the id mint.
//!
//! Invariant: a number has one holder at a time, and a new holder mints nothing of a time before the
//! former holder's lease ended. That end is by the later of two clocks, the database's and the
//! holder's: ids carry the holder's, and a holder whose clock is fast mints ahead of the database.

use super::{Ledger, Result};
use kernel::ids::WORKERS;
use kernel::time::UnixMillis;

impl Ledger {
    /// Takes a free worker number for `life_ms`, for a holder whose clock reads `clock`, and returns
    /// it with the time up to which its former holder may have minted. `None` if all numbers are
    /// taken.
    pub async fn lease_worker(
        &self,
        holder: &str,
        clock: UnixMillis,
        life_ms: i64,
    ) -> Result<Option<(u16, UnixMillis)>> {
        let now = self.now().await?;
        let rows = sqlx::query!("SELECT number, ends_at_ms FROM workers ORDER BY number");
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        for number in 0..WORKERS {
            let former = rows
                .iter()
                .find(|row| row.number == number)
                .map(|row| row.ends_at_ms);
            if former.is_some_and(|ends| ends > now.0) {
                continue;
            }
            let ends = now.max(clock).plus_ms(life_ms).0;
            let taken = match former {
                None => sqlx::query!(
                    "INSERT INTO workers (number, holder, ends_at_ms) VALUES (?, ?, ?)",
                    number,
                    holder,
                    ends
                )
                .execute(&mut *self.connection().await?)
                .await
                .map(|done| done.rows_affected()),
                Some(former) => sqlx::query!(
                    "UPDATE workers SET holder = ?, ends_at_ms = ? WHERE number = ? AND ends_at_ms = ?",
                    holder,
                    ends,
                    number,
                    former
                )
                .execute(&mut *self.connection().await?)
                .await
                .map(|done| done.rows_affected()),
            };
            match taken.map_err(super::LedgerError::from) {
                Ok(1) => return Ok(Some((number, UnixMillis(former.unwrap_or(0))))),
                Ok(_) => {}
                Err(error) if error.is_duplicate() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Keeps a number for another `life_ms`; false if somebody else has it by now.
    pub async fn renew_worker(
        &self,
        number: u16,
        holder: &str,
        clock: UnixMillis,
        life_ms: i64,
    ) -> Result<bool> {
        // A lease never ends earlier than it was said to: ids up to that end may have been minted.
        let renewed = sqlx::query!(
            "UPDATE workers
             SET ends_at_ms = GREATEST(ends_at_ms, ? + GREATEST(
                 ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)))
             WHERE number = ? AND holder = ?",
            life_ms,
            clock.0,
            number,
            holder
        );
        Ok(renewed
            .execute(&mut *self.connection().await?)
            .await?
            .rows_affected()
            == 1)
    }
}
