//! The edge listener's routes.
//!
//! Invariant: every route lies behind the PoP's signature, the unknown ones too.

use super::answer::Failure;
use super::{Shared, accounts, events, internal, orders, payments, pop, trace};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use kernel::problem::ProblemKind;
use kernel::wire::BODY_BYTES_MAX;

pub(super) fn routes(origin: Shared) -> Router {
    Router::new()
        .route("/internal/snapshot", get(internal::snapshot))
        .route("/internal/leases", post(internal::leases))
        .route("/internal/lobbies", post(internal::lobbies))
        .route("/internal/images/{name}", get(internal::image))
        .route("/internal/slots/{id}", get(internal::slot))
        .merge(accounts::routes())
        .route("/api/orders", get(orders::list).post(orders::place))
        .route("/api/orders/{id}", get(orders::show))
        .route("/api/orders/{id}/events", get(events::events))
        .route("/api/orders/{id}/cancel", post(orders::cancel))
        .route("/api/orders/{id}/payment", post(payments::start))
        .fallback(async || Failure::from(ProblemKind::UnknownPath))
        .method_not_allowed_fallback(async || Failure::from(ProblemKind::MethodNotAllowed))
        .layer(from_fn_with_state(origin.clone(), pop::authenticate))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(trace::trace))
        .with_state(origin)
}
