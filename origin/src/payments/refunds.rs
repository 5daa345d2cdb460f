//! The outbox of refunds: asks the provider for each until it says that the money went back.
//!
//! Invariant: `once`. The refund's key is the provider's idempotency key, so whoever asks again,
//! after a crash or beside another worker, asks for the same money. It goes on until it is done, or the
//! provider says that it never will be: then an operator must look.

use super::PayError;
use super::provider::{Provider, RefundAnswer, RefundRequest};
use crate::fail_points::pass;
use crate::ids::Ids;
use crate::ledger::{
    Actor, Ledger, LedgerError, Promise, Reckoned, RefundOrder, RefundOutcome, RefundRow, Refunding,
};
use crate::ops::metrics::METRICS;
use crate::settings::RefundSettings;
use crate::stores::Stores;
use futures::stream::{self, StreamExt};
use kernel::ids::RefundId;
use std::error::Error;
use std::time::{Duration, Instant};

/// How often the outbox is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// How often the backlog is counted.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// Refunds claimed at once.
const BATCH: u32 = 32;
/// Calls of the provider at the same time, a worker.
const AT_ONCE: usize = 8;
/// How long is waited after a first attempt, in milliseconds; doubled after each other.
const BACK_OFF_MS: i64 = 1_000;
/// How long at most, in milliseconds.
const BACK_OFF_MS_MAX: i64 = 60_000;

/// Begins the refund of a paid order, or of a part of it.
pub async fn refund_order(
    ledger: &Ledger,
    ids: &Ids,
    settings: RefundSettings,
    actor: &Actor,
    asked: RefundOrder,
) -> Result<Refunding, PayError> {
    let promise = Promise {
        refund: RefundId(ids.next().await?),
        within_ms: settings.promised_ms,
    };
    Ok(ledger.refund_order(actor, asked, promise).await?)
}

/// Works off the outbox for ever; any number of processes may.
pub async fn work_off_refunds(stores: Stores, provider: Provider) {
    let mut counted: Option<Instant> = None;
    loop {
        match work_off(&stores, &provider).await {
            Ok(claimed) if claimed == BATCH as usize => continue,
            Ok(_) => {}
            Err(error) => {
                let error = &error as &dyn Error;
                tracing::warn!(error, "Refunds could not be worked off; trying again");
            }
        }
        if counted.is_none_or(|at| at.elapsed() >= COUNT_EVERY) {
            match stores.ledger.refund_backlog().await {
                Ok(backlog) => METRICS.payments.refunds(backlog),
                Err(error) => tracing::debug!(%error, "Refunds could not be counted"),
            }
            counted = Some(Instant::now());
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// One look at the outbox; how many refunds were due.
async fn work_off(stores: &Stores, provider: &Provider) -> Result<usize, LedgerError> {
    let refunds = stores.ledger.claim_refunds(provider.name(), BATCH).await?;
    let claimed = refunds.len();
    if claimed == 0 {
        return Ok(0);
    }
    pass("refund.claimed").await;
    let asked = refunds
        .into_iter()
        .map(|refund| ask(stores, provider, refund));
    let mut asked = stream::iter(asked).buffer_unordered(AT_ONCE);
    let mut failure = None;
    while let Some(done) = asked.next().await {
        failure = done.err().or(failure);
    }
    failure.map_or(Ok(claimed), Err)
}

/// Asks the provider, and notes what it says.
async fn ask(stores: &Stores, provider: &Provider, refund: RefundRow) -> Result<(), LedgerError> {
    let request = RefundRequest {
        key: refund.key,
        provider_ref: &refund.payment_ref,
        amount: refund.amount,
        refund_ref: refund.refund_ref.as_deref(),
    };
    let in_ms = back_off_ms(refund.attempts);
    let outcome = match provider.refund(request).await {
        Ok(RefundAnswer::Done(id)) => RefundOutcome::Done(id),
        Ok(RefundAnswer::Pending(id)) => RefundOutcome::Sent(id),
        Ok(RefundAnswer::Failed(why)) => RefundOutcome::Failed(why),
        Err(error) => {
            let why = causes(&error);
            tracing::warn!(refund.id = %refund.key.refund, why, "A refund was not made; trying again");
            return stores.ledger.put_off_refund(refund.key, in_ms, &why).await;
        }
    };
    pass("refund.sent").await;
    let ledger = &stores.ledger;
    let reckoned = ledger.refund_answered(refund.key, &outcome, in_ms).await?;
    tell(refund.key.refund, reckoned, &outcome);
    Ok(())
}

/// Counts and logs what became of a refund.
pub(crate) fn tell(refund: RefundId, reckoned: Reckoned, outcome: &RefundOutcome) {
    METRICS.payments.reckoned(reckoned.as_str());
    match (reckoned, outcome) {
        (Reckoned::Failed, RefundOutcome::Failed(why)) => tracing::error!(
            refund.id = %refund,
            why,
            "A refund failed at the provider: see to it, then `doorbuster payments retry`"
        ),
        (Reckoned::Unknown, _) => {
            tracing::warn!(refund.id = %refund, "The provider tells of a refund that is not ours");
        }
        _ => tracing::info!(refund.id = %refund, outcome = reckoned.as_str(), "A refund moved on"),
    }
}

/// How long to wait after so many attempts, this one not counted.
fn back_off_ms(attempts: u32) -> i64 {
    let doubled = BACK_OFF_MS
        .checked_shl(attempts.min(16))
        .unwrap_or(i64::MAX);
    doubled.min(BACK_OFF_MS_MAX)
}

fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let cases = [(0, 1_000), (1, 2_000), (2, 4_000), (5, 32_000), (6, 60_000)];
        for (attempts, expected) in cases.into_iter().chain([(63, 60_000), (u32::MAX, 60_000)]) {
            assert_eq!(back_off_ms(attempts), expected, "{attempts}");
        }
    }
}
