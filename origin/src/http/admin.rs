//! The admin listener: what operators do, over HTTP, and by the command line on the server.
//!
//! Invariant: nothing here is done by nobody. A route answers those alone whose role stands beside
//! it in [`PERMISSIONS`], and one that is not there answers nobody; whatever changes something is
//! logged with who did it.

mod access;
mod answer;
mod local;
mod page;

mod session;

mod log;
mod operators;

pub use local::{Answered, Local};

use super::answer::Failure;
use super::trace;
use crate::ledger::Role::{self, Admin, Viewer};
use crate::operators::{Desk, Door};
use crate::settings::AdminSettings;
use access::Gate;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use kernel::problem::ProblemKind;
use kernel::wire::BODY_BYTES_MAX;
use std::sync::Arc;

/// Who may do what; docs/operators.md has the same table.
pub(super) const PERMISSIONS: &[(&str, &str, Role)] = &[
    ("GET", "/admin/api/session", Viewer),
    ("GET", "/admin/api/log", Viewer),
    ("GET", "/admin/api/operators", Admin),
    ("POST", "/admin/api/operators", Admin),
    ("GET", "/admin/api/operators/{name}", Admin),
    ("POST", "/admin/api/operators/{name}/disable", Admin),
    ("POST", "/admin/api/operators/{name}/enable", Admin),
    ("POST", "/admin/api/operators/{name}/role", Admin),
    ("POST", "/admin/api/operators/{name}/password", Admin),
    ("POST", "/admin/api/operators/{name}/totp", Admin),
];

/// What the handlers share.
type Shared = Arc<Desk>;

/// The routes of the admin listener.
pub fn admin_routes(desk: Desk, door: Door, settings: AdminSettings) -> Router {
    let gate = Arc::new(Gate::new(door, settings));
    let rooms = rooms(Arc::new(desk), Some(gate.clone()));
    let rooms = rooms.route_layer(from_fn_with_state(gate.clone(), access::authenticate));
    session::routes(gate.clone())
        .merge(rooms)
        .fallback(async || Failure::from(ProblemKind::UnknownPath))
        .layer(from_fn_with_state(gate, access::shed))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(access::never_stored))
        .layer(from_fn(trace::trace))
}

/// The rooms' routes, behind the table of permissions. Each adds its own here.
fn rooms(desk: Shared, gate: Option<Arc<Gate>>) -> Router {
    Router::new()
        .merge(session::who())
        .merge(operators::routes())
        .merge(log::routes())
        .route_layer(from_fn_with_state(gate, access::permit))
        .with_state(desk)
}
