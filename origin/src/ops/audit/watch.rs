//! The continuous audit: what the command does, again and again, as metrics.
//!
//! Invariant: it changes nothing but one thing: a difference between Redis and MySQL that stands
//! asks for a rebuild of that sale. Of all processes one watches, and not for more than a tenth of
//! the time.

use super::{AuditError, BETWEEN, CLOSED_FOR_MS, READS, Report, audit_running};
use crate::ledger::Watcher;
use crate::ops::metrics::METRICS;
use crate::stores::Stores;
use kernel::ids::SaleId;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How often it is audited at most.
const EVERY: Duration = Duration::from_secs(10);
/// An audit that takes long is followed by so many times its length without one.
const REST: u32 = 9;
/// What an audit with findings only waits, between its reads.
const WAITED_MAX: Duration = Duration::from_secs(BETWEEN.as_secs() * (READS as u64 - 1));
/// A sale for which a rebuild was asked is not asked for again so soon: what one rebuild has not
/// healed, a second will not, and each holds up the sale.
const ASK_AGAIN: Duration = Duration::from_mins(5);

/// Audits for ever, while no other process does.
pub async fn watch(stores: Stores) {
    let mut watcher = None;
    let mut asked = HashMap::new();
    loop {
        let started = Instant::now();
        if on_duty(&stores, &mut watcher).await {
            look(&stores, &mut asked).await;
        }
        let took = started.elapsed();
        let worked = took.saturating_sub(WAITED_MAX);
        tokio::time::sleep(EVERY.saturating_sub(took).max(worked * REST)).await;
    }
}

/// Whether this process is to watch now.
async fn on_duty(stores: &Stores, watcher: &mut Option<Watcher>) -> bool {
    if let Some(current) = watcher {
        if current.is_on_duty().await {
            return true;
        }
        *watcher = None;
    }
    match stores.ledger.try_watch().await {
        Ok(Some(new)) => {
            tracing::info!("This process audits from now on");
            *watcher = Some(new);
            true
        }
        Ok(None) => {
            METRICS.audit.off_duty();
            false
        }
        Err(error) => {
            tracing::warn!(%error, "The audit could not be done");
            METRICS.audit.failed();
            false
        }
    }
}

async fn look(stores: &Stores, asked: &mut HashMap<SaleId, Instant>) {
    let started = Instant::now();
    let report = match audit_running(&stores.ledger, &stores.stock).await {
        Ok(report) => report,
        Err(error) => return could_not(&error),
    };
    METRICS.audit.done(&report, started.elapsed());
    for check in &report.checks {
        for finding in &check.findings {
            tracing::error!(invariant = check.invariant, "{finding}");
        }
    }
    if let Err(error) = heal(stores, &report, asked).await {
        tracing::warn!(%error, "A rebuild could not be asked for");
    }
    if let Err(error) = backlog(stores).await {
        could_not(&error);
    }
}

fn could_not(error: &AuditError) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(%error, cause, "The audit could not be done");
    METRICS.audit.failed();
}

/// Asks for a rebuild of each sale that Redis counts otherwise than MySQL.
async fn heal(
    stores: &Stores,
    report: &Report,
    asked: &mut HashMap<SaleId, Instant>,
) -> Result<(), AuditError> {
    asked.retain(|_, at| at.elapsed() < ASK_AGAIN);
    for (sale, epoch) in &report.drifted {
        if asked.contains_key(sale) {
            continue;
        }
        stores.ledger.ask_for_rebuild(*sale, *epoch).await?;
        asked.insert(*sale, Instant::now());
        tracing::error!(sale.id = %sale, "Redis counts otherwise than MySQL: a rebuild is asked for");
    }
    Ok(())
}

async fn backlog(stores: &Stores) -> Result<(), AuditError> {
    let sales = stores.ledger.running_sales(CLOSED_FOR_MS).await?;
    let undecided = stores.stock.undecided_backlog(&sales).await?;
    METRICS
        .audit
        .waiting(undecided, stores.ledger.release_backlog().await?);
    Ok(())
}
