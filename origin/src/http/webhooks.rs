//! The webhooks listener's routes.
//!
//! Invariant: an event is acted on once and acknowledged only after its effect is committed.

use super::answer::{Answer, Failure};
use super::{Shared, body, trace};
use crate::ledger::Settled;
use crate::ops::metrics::METRICS;
use crate::payments;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::post;
use kernel::problem::{Problem, ProblemKind};
use kernel::wire::BODY_BYTES_MAX;

const SIGNATURE_HEADER: &str = "sandbox-signature";

pub(super) fn routes(origin: Shared) -> Router {
    Router::new()
        .route("/webhooks/sandbox", post(sandbox))
        .fallback(async || Failure::from(ProblemKind::UnknownPath))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(trace::trace))
        .with_state(origin)
}

async fn sandbox(State(origin): State<Shared>, request: Request) -> Answer<StatusCode> {
    let signature = request.headers().get(SIGNATURE_HEADER);
    let signature = signature
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let bytes = body::read(request, &origin).await?;
    let secret = &origin.payments.webhook_secret.0;
    let settlement = payments::read(secret, &signature, &bytes, crate::now())
        .map_err(|error| Problem::new(ProblemKind::Malformed, error.to_string()))?;
    let settled = origin.stores.ledger.settle(&settlement).await?;
    METRICS
        .payments_settled
        .with_label_values(&[outcome(settled)])
        .inc();
    match settled {
        Settled::Late | Settled::Mismatch => tracing::error!(
            order.id = %settlement.order,
            payment.reference = settlement.provider_ref,
            outcome = outcome(settled),
            "Money came that no order takes; it must be given back at the provider"
        ),
        _ => tracing::info!(
            order.id = %settlement.order,
            outcome = outcome(settled),
            "Payment settled"
        ),
    }
    Ok(StatusCode::NO_CONTENT)
}

fn outcome(settled: Settled) -> &'static str {
    match settled {
        Settled::Paid => "paid",
        Settled::Declined => "declined",
        Settled::Repeated => "repeated",
        Settled::Late => "late",
        Settled::Mismatch => "mismatch",
    }
}
