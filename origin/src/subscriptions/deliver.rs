//! Tells subscribers what is due.
//!
//! Invariant: at least once, under one id, so that a subscriber knows what came twice; one that is
//! slow or gone holds up nobody else.

use super::call::{Call, Caller};
use super::message;
use super::secret::SigningSecret;
use crate::ledger::{
    Attempt, AttemptEnd, Delivery, FAILING_MS, FAILURES_MAX, Ledger, LedgerError, Subscription,
};
use crate::notifications::{chain, wait_ms};
use crate::ops::metrics::METRICS;
use futures::future::join_all;
use hyper::StatusCode;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How often it is looked for what is due.
const EVERY: Duration = Duration::from_millis(500);
/// Calls of a subscriber at the same time, a process.
const AT_ONCE: u32 = 8;
/// So often one subscriber is called anew before it is looked whether it still wants to be.
const ROUNDS_MAX: u32 = 64;
/// How long a delivery is kept from others that would make it: longer than a call may take.
const LEASE_MS: i64 = 60_000;
/// The longest wait between two attempts, in milliseconds.
const WAIT_MS_MAX: i64 = 3_600_000;
/// A delivery that could not be made for so long is given up, in milliseconds.
pub const GIVE_UP_AFTER_MS: i64 = 3 * 86_400_000;

/// Tells for ever.
pub async fn deliver(ledger: Ledger, caller: Caller) {
    let caller = Arc::new(caller);
    let mut busy = HashSet::new();
    let mut calling = JoinSet::new();
    loop {
        match ledger.subscriptions().await {
            Ok(subscriptions) => {
                for subscription in subscriptions.into_iter().filter(|one| one.active) {
                    let id = subscription.new.id;
                    if busy.insert(id) {
                        let (ledger, caller) = (ledger.clone(), Arc::clone(&caller));
                        calling.spawn(async move {
                            tell_all(&ledger, &caller, &subscription).await;
                            id
                        });
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "Subscriptions could not be looked for; trying again");
            }
        }
        tokio::time::sleep(EVERY).await;
        while let Some(done) = calling.try_join_next() {
            match done {
                Ok(id) => drop(busy.remove(&id)),
                // Whose it was is not known; one look at all is no harm, as rows are taken.
                Err(_) => busy.clear(),
            }
        }
    }
}

async fn tell_all(ledger: &Ledger, caller: &Caller, subscription: &Subscription) {
    if let Err(error) = tell_due(ledger, caller, subscription).await {
        tracing::warn!(%error, webhook.id = subscription.new.id, "A subscriber could not be told; trying again");
    }
}

/// Tells one subscriber what is due, [`AT_ONCE`] at a time.
async fn tell_due(
    ledger: &Ledger,
    caller: &Caller,
    subscription: &Subscription,
) -> Result<(), LedgerError> {
    let id = subscription.new.id;
    let secret: Result<SigningSecret, _> = subscription.new.secret.parse();
    let Ok(secret) = secret else {
        tracing::error!(
            webhook.id = id,
            "The secret of a subscription cannot be read; remove it and make another"
        );
        return Ok(());
    };
    for _ in 0..ROUNDS_MAX {
        let taken = ledger.take_deliveries(id, AT_ONCE, LEASE_MS).await?;
        let telling = taken
            .iter()
            .map(async |delivery| tell(ledger, caller, subscription, &secret, delivery).await);
        let mut on = true;
        for told in join_all(telling).await {
            on &= told?;
        }
        if !on || taken.len() < AT_ONCE as usize {
            break;
        }
    }
    Ok(())
}

/// One attempt. False if the subscription was switched off for it.
async fn tell(
    ledger: &Ledger,
    caller: &Caller,
    subscription: &Subscription,
    secret: &SigningSecret,
    delivery: &Delivery,
) -> Result<bool, LedgerError> {
    let body = match &delivery.body {
        Some(body) => Some(body.clone()),
        None => first_body(ledger, delivery).await?,
    };
    let started = Instant::now();
    let (status, error) = match body {
        None => (None, Some("there is no such order".to_owned())),
        Some(body) => {
            let id = format!("evt_{}", delivery.event);
            let call = Call {
                url: &subscription.new.url,
                secret,
                id: &id,
                seconds: crate::now().seconds(),
                body: &body,
            };
            match caller.call(call).await {
                Ok(status) => (Some(status), None),
                Err(error) => (None, Some(chain(&error))),
            }
        }
    };
    let took_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
    let attempt = Attempt {
        status: status.map(|status| status.as_u16()),
        error: error.or_else(|| status.and_then(complaint)),
        took_ms,
    };
    let end = next(status, delivery);
    METRICS.told.ended("webhook", outcome(end));
    if end == AttemptEnd::Failed {
        tracing::error!(
            webhook.id = subscription.new.id,
            order.id = %delivery.order,
            status = attempt.status,
            error = attempt.error,
            "A subscriber was not told of an order, and it is given up: `doorbuster webhooks replay` tells it again"
        );
    }
    let off = ledger.end_attempt(delivery, &attempt, end).await?;
    if off {
        tracing::error!(
            webhook.id = subscription.new.id,
            webhook.url = subscription.new.url,
            "A subscription is switched off: it answered 410, or {FAILURES_MAX} attempts and {} hours failed; \
             `doorbuster webhooks on` switches it on",
            FAILING_MS / 3_600_000
        );
    }
    Ok(!off)
}

/// What a delivery says from now on; `None` if its order is gone.
async fn first_body(ledger: &Ledger, delivery: &Delivery) -> Result<Option<String>, LedgerError> {
    let Some(row) = ledger.order_of_anyone(delivery.order).await? else {
        return Ok(None);
    };
    let body = message::body(delivery.kind, delivery.happened_at, row);
    ledger.fix_body(delivery, &body).await?;
    Ok(Some(body))
}

fn complaint(status: StatusCode) -> Option<String> {
    if status.is_success() {
        None
    } else if status.is_redirection() {
        Some("a redirect, which is not followed".to_owned())
    } else {
        Some(format!("the answer was {status}"))
    }
}

fn next(status: Option<StatusCode>, delivery: &Delivery) -> AttemptEnd {
    let tried_ms = crate::now().since(delivery.tries_since);
    match status {
        Some(status) if status.is_success() => AttemptEnd::Delivered,
        Some(StatusCode::GONE) => AttemptEnd::Gone,
        _ if tried_ms >= GIVE_UP_AFTER_MS => AttemptEnd::Failed,
        _ => AttemptEnd::Later(wait_ms(delivery.attempts, WAIT_MS_MAX)),
    }
}

fn outcome(end: AttemptEnd) -> &'static str {
    match end {
        AttemptEnd::Delivered => "sent",
        AttemptEnd::Later(_) => "later",
        AttemptEnd::Failed | AttemptEnd::Gone => "failed",
    }
}
