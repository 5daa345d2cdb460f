//! Changes of a sale that is made: its phase, its terms, its publishing.
//!
//! Invariant: each is one conditional UPDATE of the sale's row, written last, beside its line in the
//! operator log; where the condition fails nothing is written.

use super::super::operator_log::{Line, log};
use super::super::rows::{Entry, enter};
use super::super::{Actor, Ledger, Result, must_touch, retry};
use super::{NewSale, SaleRow, told};
use kernel::ids::SaleId;
use kernel::lobby::Beacon;
use kernel::sale::Phase;
use serde_json::json;

impl Ledger {
    /// Changes the phase of a sale that is in `from`; false if it is not, or not any more.
    pub async fn change_phase(
        &self,
        actor: &Actor,
        id: SaleId,
        from: Phase,
        to: Phase,
    ) -> Result<bool> {
        retry(|| self.change_phase_once(actor, id, from, to)).await
    }

    async fn change_phase_once(
        &self,
        actor: &Actor,
        id: SaleId,
        from: Phase,
        to: Phase,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let line = Line {
            before: Some(&from),
            after: Some(&to),
            ..told(actor, "sale.phase", id)
        };
        log(&mut transaction, line).await?;
        let update = sqlx::query!(
            "UPDATE sales SET phase = ?, version = version + 1 WHERE id = ? AND phase = ?",
            to.as_str(),
            id.0,
            from.as_str()
        );
        let done = update.execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Writes new terms of a sale that is still in the phase it was read in; false if it is not.
    /// With `recount`, Redis is counted anew to take them in. What was loaded of a draft before
    /// cannot be published any more. `beacon` is the round of a public sale that names one.
    pub async fn change_terms(
        &self,
        actor: &Actor,
        row: &SaleRow,
        terms: &NewSale,
        recount: bool,
        beacon: Option<&Beacon>,
    ) -> Result<bool> {
        retry(|| self.change_terms_once(actor, row, terms, recount, beacon)).await
    }

    async fn change_terms_once(
        &self,
        actor: &Actor,
        row: &SaleRow,
        terms: &NewSale,
        recount: bool,
        beacon: Option<&Beacon>,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let line = Line {
            before: Some(&row.sale),
            after: Some(terms),
            ..told(actor, "sale.change", row.sale.id)
        };
        log(&mut transaction, line).await?;
        let update = sqlx::query!(
            "UPDATE sales SET price_minor = ?, total = ?, limit_per_account = ?, opens_at_ms = ?,
                    closes_at_ms = ?, quota = ?, rate_per_second = ?, payment_seconds = ?,
                    beacon_round = ?, beacon_due_at_ms = ?,
                    rebuild_above = IF(?, GREATEST(COALESCE(rebuild_above, 0), epoch), rebuild_above),
                    epoch = IF(phase = 'draft', epoch + 1, epoch), version = version + 1
             WHERE id = ? AND phase = ? AND total = ?
               AND (frozen_at_ms IS NULL OR opens_at_ms = ?)",
            terms.price.amount_minor,
            terms.total,
            terms.limit_per_account,
            terms.opens_at.0,
            terms.closes_at.0,
            terms.quota,
            terms.rate_per_second,
            terms.payment_seconds,
            beacon.map(|beacon| beacon.round),
            beacon.map(|beacon| beacon.due_at_ms.0),
            recount,
            row.sale.id.0,
            row.phase.as_str(),
            row.sale.total,
            terms.opens_at.0
        );
        let done = update.execute(&mut *transaction).await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Makes a draft whose stock is loaded in this epoch public, and enters its units in the books.
    /// `beacon` is the round that is mixed into its draw.
    pub async fn finish_publish(
        &self,
        actor: &Actor,
        id: SaleId,
        epoch: u64,
        total: u32,
        beacon: Option<&Beacon>,
    ) -> Result<()> {
        retry(|| self.finish_publish_once(actor, id, epoch, total, beacon)).await
    }

    async fn finish_publish_once(
        &self,
        actor: &Actor,
        id: SaleId,
        epoch: u64,
        total: u32,
        beacon: Option<&Beacon>,
    ) -> Result<()> {
        let mut transaction = self.begin().await?;
        let entry = Entry {
            sale: id.0,
            order: None,
            source: "supply",
            target: "available",
            units: total,
        };
        enter(&mut transaction, &[entry]).await?;
        let line = Line {
            before: Some(&json!({ "phase": Phase::Draft })),
            after: Some(&json!({ "phase": Phase::Published, "units": total, "epoch": epoch })),
            ..told(actor, "sale.publish", id)
        };
        log(&mut transaction, line).await?;
        let update = sqlx::query!(
            "UPDATE sales SET phase = 'published', version = version + 1, beacon_round = ?,
                    beacon_due_at_ms = ?
             WHERE id = ? AND phase = 'draft' AND epoch = ?",
            beacon.map(|beacon| beacon.round),
            beacon.map(|beacon| beacon.due_at_ms.0),
            id.0,
            epoch
        );
        let done = update.execute(&mut *transaction).await?;
        must_touch("finish publish", 1, done.rows_affected())?;
        Ok(transaction.commit().await?)
    }
}
