//! The ops listener's routes: for balancers and Prometheus, never for the world.
//!
//! Invariant: `/livez` asks nobody; `/readyz` is 200 only when all stores answer.

use crate::ops::metrics;
use crate::stores::Stores;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

/// How long a store may take to answer.
const TIMEOUT: Duration = Duration::from_secs(1);

pub(super) fn routes(stores: Stores) -> Router {
    Router::new()
        .route("/livez", get(async || "OK"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(stores)
}

async fn readyz(State(stores): State<Stores>) -> Response {
    let (ledger, stock, queue) = tokio::join!(
        timeout(TIMEOUT, stores.ledger.now()),
        timeout(TIMEOUT, stores.stock.ping()),
        timeout(TIMEOUT, stores.queue.ping()),
    );
    let mysql = matches!(ledger, Ok(Ok(_)));
    let redis = matches!(stock, Ok(Ok(())));
    let nats = matches!(queue, Ok(Ok(())));
    let ready = mysql && redis && nats;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({ "ready": ready, "mysql": mysql, "redis": redis, "nats": nats });
    (status, axum::Json(body)).into_response()
}

async fn metrics_text() -> Response {
    match metrics::text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "The metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
