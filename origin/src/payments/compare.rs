//! The comparison of the provider's list with our payments and refunds.
//!
//! Invariant: it only reads. Money moves while it reads, so a difference counts only if a second
//! reading finds it again. Each payment of the provider is looked up here, and each paid one of ours
//! there, a little before and after the span too: a checkout is opened after its payment was begun.

mod differences;

pub use differences::{Difference, Kind};

use super::provider::{Provider, ProviderError};
use crate::ledger::{Ledger, LedgerError};
use crate::ops::metrics::METRICS;
use crate::stores::Stores;
use differences::compare;
use kernel::ids::PaymentId;
use kernel::time::UnixMillis;
use std::collections::HashSet;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;
/// The provider's clock and ours differ by less, in milliseconds.
const BEFORE_MS: i64 = 3_600_000;
/// A checkout is opened at most so long after its payment was begun, in milliseconds: the longest time
/// to pay is a day.
const AFTER_MS: i64 = DAY_MS + BEFORE_MS;
/// What is found is looked for again after this: a webhook may be on its way.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Our payments read at once.
const PAGE: u32 = 1_000;
/// Pages of the provider's list that are read at most; a list that does not end is a fault.
const PAGES_MAX: u32 = 100_000;
/// Differences that are told; more would say no more.
pub const DIFFERENCES_MAX: usize = 1_000;

/// The name of the daily comparison among the periodic runs.
const RUN: &str = "payments-compare";
/// How often is looked whether it is due.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// Who has taken it has so long for it, in milliseconds.
const TAKEN_MS: i64 = 2 * 3_600_000;

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The provider.
    #[error("the payment provider's list could not be read")]
    Provider(#[from] ProviderError),
    /// Its list goes on and on.
    #[error("the payment provider's list did not end after {PAGES_MAX} pages")]
    Endless,
    /// MySQL.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
}

/// A time span: from the first instant to before the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first instant.
    pub from: UnixMillis,
    /// The first instant after it.
    pub to: UnixMillis,
}

impl Span {
    /// Yesterday and today, UTC.
    pub fn two_days(now: UnixMillis) -> Self {
        let today = now.0.div_euclid(DAY_MS) * DAY_MS;
        Self {
            from: UnixMillis(today - DAY_MS),
            to: UnixMillis(today + DAY_MS),
        }
    }

    fn has(self, at: UnixMillis) -> bool {
        (self.from..self.to).contains(&at)
    }
}

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Payments of the provider in the span.
    pub there: u64,
    /// Our paid payments in the span.
    pub here: u64,
    /// What differs, at most [`DIFFERENCES_MAX`].
    pub differences: Vec<Difference>,
}

/// Compares the payments of a time span, by when they were begun.
pub async fn compare_payments(
    ledger: &Ledger,
    provider: &Provider,
    span: Span,
) -> Result<Compared, CompareError> {
    let before = read(ledger, provider, span).await?;
    if before.differences.is_empty() {
        return Ok(before);
    }
    tokio::time::sleep(AGAIN_AFTER).await;
    let mut now = read(ledger, provider, span).await?;
    now.differences.retain(|difference| {
        let same = |before: &Difference| before.is_same(difference);
        before.differences.iter().any(same)
    });
    Ok(now)
}

async fn read(ledger: &Ledger, provider: &Provider, span: Span) -> Result<Compared, CompareError> {
    let mut compared = Compared {
        there: 0,
        here: 0,
        differences: Vec::new(),
    };
    let seen = read_there(ledger, provider, span, &mut compared).await?;
    read_here(ledger, provider, span, &seen, &mut compared).await?;
    compared.differences.truncate(DIFFERENCES_MAX);
    Ok(compared)
}

/// Looks up here what is there; returns those of our payments that were found there, paid.
async fn read_there(
    ledger: &Ledger,
    provider: &Provider,
    span: Span,
    compared: &mut Compared,
) -> Result<HashSet<PaymentId>, CompareError> {
    let mut seen = HashSet::new();
    let mut cursor = None;
    let (from, to) = (span.from.plus_ms(-BEFORE_MS), span.to.plus_ms(AFTER_MS));
    for _ in 0..PAGES_MAX {
        let page = provider.list(from, to, cursor.as_deref()).await?;
        let refs: Vec<&str> = page
            .payments
            .iter()
            .map(|there| &*there.provider_ref)
            .collect();
        let ours = ledger.payments_at(provider.name(), &refs).await?;
        for there in &page.payments {
            let here = ours.get(&there.provider_ref);
            if there.paid {
                seen.extend(here.and_then(|here| here.payment));
            }
            if span.has(there.created_at) {
                compared.there += 1;
                compared.differences.extend(compare(there, here));
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(seen);
        }
    }
    Err(CompareError::Endless)
}

/// Looks for what is paid here among what was `seen` there.
async fn read_here(
    ledger: &Ledger,
    provider: &Provider,
    span: Span,
    seen: &HashSet<PaymentId>,
    compared: &mut Compared,
) -> Result<(), CompareError> {
    let mut after = PaymentId(0);
    loop {
        let span = (span.from, span.to);
        let page = ledger.paid_between(provider.name(), span, after, PAGE);
        let page = page.await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.payment;
        compared.here += page.len() as u64;
        let missing = page.iter().filter(|here| !seen.contains(&here.payment));
        compared
            .differences
            .extend(missing.map(Difference::paid_here));
    }
}

/// Compares yesterday and today once a day, for ever; of all processes one does.
pub async fn compare_daily(stores: Stores, provider: Provider) {
    loop {
        match stores.ledger.take_run(RUN, TAKEN_MS).await {
            Ok(true) => compare_now(&stores, &provider).await,
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "Whether to compare payments is not known"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn compare_now(stores: &Stores, provider: &Provider) {
    let span = Span::two_days(crate::now());
    let compared = match compare_payments(&stores.ledger, provider, span).await {
        Ok(compared) => compared,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(
                error,
                "Payments could not be compared with the provider's list"
            );
            // Again before the next day; what was taken is given back by time.
            return;
        }
    };
    for difference in &compared.differences {
        tracing::error!("Payments differ from the provider's list: {difference}");
    }
    let (there, here) = (compared.there, compared.here);
    tracing::info!(
        there,
        here,
        "Payments were compared with the provider's list"
    );
    let now = crate::now().seconds();
    METRICS.payments.compared(compared.differences.len(), now);
    if let Err(error) = stores.ledger.run_done(RUN, DAY_MS).await {
        tracing::warn!(%error, "That payments were compared could not be noted");
    }
}
