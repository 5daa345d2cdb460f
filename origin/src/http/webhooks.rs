//! The webhooks listener's routes: one path a provider, `/webhooks/<name>`, that of the settings.
//!
//! Invariant: an event is acted on once and acknowledged only after its effect is committed; one that
//! we do not act on is acknowledged too, as the provider would send it for ever.

use super::answer::{Answer, Failure};
use super::{Shared, trace};
use crate::ids::IdError;
use crate::ledger::{Promise, RefundNotice, RefundOutcome, Settled, Settlement};
use crate::ops::metrics::METRICS;
use crate::payments::{ProviderEvent, tell_refund};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::post;
use kernel::ids::RefundId;
use kernel::problem::{Problem, ProblemKind};

/// An event has at most so many bytes.
const EVENT_BYTES_MAX: usize = 256 * 1_024;

pub(super) fn routes(origin: Shared) -> Router {
    let path = format!("/webhooks/{}", origin.provider.name());
    Router::new()
        .route(&path, post(event))
        .fallback(async || Failure::from(ProblemKind::UnknownPath))
        .layer(from_fn(trace::trace))
        .with_state(origin)
}

async fn event(State(origin): State<Shared>, request: Request) -> Answer<StatusCode> {
    let (head, body) = request.into_parts();
    let bytes = read(body).await?;
    let event = origin
        .provider
        .read_webhook(&head.headers, &bytes, crate::now())
        .map_err(|error| Problem::new(ProblemKind::Malformed, error.to_string()))?;
    match event {
        ProviderEvent::Payment(settlement) => settle(&origin, &settlement).await?,
        ProviderEvent::Refund(notice) => refunded(&origin, &notice).await?,
        ProviderEvent::NotOurs(kind) => {
            tracing::info!(kind, "A webhook that nothing is done about");
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn read(body: Body) -> Result<Bytes, Failure> {
    to_bytes(body, EVENT_BYTES_MAX).await.map_err(|_| {
        let detail =
            format!("An event has at most {EVENT_BYTES_MAX} bytes, and does not break off.");
        Problem::new(ProblemKind::TooLarge, detail).into()
    })
}

async fn settle(origin: &Shared, settlement: &Settlement) -> Answer<()> {
    let promise = Promise {
        refund: RefundId(origin.stores.ids.next().await?),
        within_ms: origin.refunds.promised_ms,
    };
    let settled = origin.stores.ledger.settle(settlement, promise).await?;
    let outcome = settled.as_str();
    METRICS.payments_settled.with_label_values(&[outcome]).inc();
    let (order, reference) = (settlement.order, &settlement.provider_ref);
    match settled {
        Settled::Late | Settled::Mismatch if settlement.paid => tracing::warn!(
            order.id = %order,
            payment.reference = reference,
            outcome,
            "Money came that no order takes; it goes back"
        ),
        Settled::Unknown if settlement.paid => tracing::error!(
            order.id = %order,
            payment.reference = reference,
            "Money came for an order that is not ours; see `doorbuster payments compare`"
        ),
        _ => tracing::info!(order.id = %order, outcome, "Payment settled"),
    }
    Ok(())
}

async fn refunded(origin: &Shared, notice: &RefundNotice) -> Answer<()> {
    let reckoned = origin.stores.ledger.refund_told(notice).await?;
    let outcome = match &notice.failed {
        None => RefundOutcome::Done(notice.refund_ref.clone()),
        Some(why) => RefundOutcome::Failed(why.clone()),
    };
    let refund = notice.key.map_or(RefundId(0), |key| key.refund);
    tell_refund(refund, reckoned, &outcome);
    Ok(())
}

impl From<IdError> for Failure {
    fn from(error: IdError) -> Self {
        super::answer::unavailable(&error)
    }
}
