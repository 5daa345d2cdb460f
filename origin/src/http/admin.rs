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

mod accounts;
mod audit;
mod dead_letters;
mod items;
mod log;
mod operators;
mod orders;
mod pops;
mod refunds;
mod rules;
mod sales;

pub use local::{Answered, Local};

use super::answer::Failure;
use super::trace;
use crate::ledger::Role::{self, Admin, Seller, Viewer};
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
    ("GET", "/admin/api/audit", Viewer),
    ("GET", "/admin/api/items", Viewer),
    ("POST", "/admin/api/items", Seller),
    ("GET", "/admin/api/items/{id}", Viewer),
    ("PUT", "/admin/api/items/{id}", Seller),
    ("POST", "/admin/api/items/{id}/archive", Seller),
    ("POST", "/admin/api/items/{id}/restore", Seller),
    ("GET", "/admin/api/sales", Viewer),
    ("POST", "/admin/api/sales", Seller),
    ("GET", "/admin/api/sales/{id}", Viewer),
    ("PATCH", "/admin/api/sales/{id}", Seller),
    ("GET", "/admin/api/sales/{id}/lobby", Viewer),
    ("POST", "/admin/api/sales/{id}/publish", Seller),
    ("POST", "/admin/api/sales/{id}/pause", Seller),
    ("POST", "/admin/api/sales/{id}/resume", Seller),
    ("POST", "/admin/api/sales/{id}/close", Seller),
    ("POST", "/admin/api/sales/{id}/rebuild", Seller),
    ("POST", "/admin/api/sales/{id}/units", Seller),
    ("GET", "/admin/api/orders", Viewer),
    ("GET", "/admin/api/orders/{id}", Viewer),
    ("POST", "/admin/api/orders/{id}/refunds", Admin),
    ("GET", "/admin/api/refunds", Viewer),
    ("POST", "/admin/api/refunds/{id}/retry", Admin),
    ("GET", "/admin/api/rules", Viewer),
    ("POST", "/admin/api/rules", Admin),
    ("GET", "/admin/api/rules/history", Viewer),
    ("GET", "/admin/api/rules/origins", Viewer),
    ("POST", "/admin/api/rules/rollback", Admin),
    ("GET", "/admin/api/accounts", Viewer),
    ("GET", "/admin/api/accounts/{id}", Viewer),
    ("DELETE", "/admin/api/accounts/{id}/sessions", Admin),
    ("GET", "/admin/api/pops", Viewer),
    ("POST", "/admin/api/pops/{id}/rotate", Admin),
    ("POST", "/admin/api/pops/{id}/revoke", Admin),
    ("POST", "/admin/api/pops/{id}/restore", Admin),
    ("GET", "/admin/api/dead-letters", Viewer),
    ("GET", "/admin/api/dead-letters/{number}", Viewer),
    ("POST", "/admin/api/dead-letters/{number}/retry", Admin),
    ("DELETE", "/admin/api/dead-letters/{number}", Admin),
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
        .merge(items::routes())
        .merge(sales::routes())
        .merge(orders::routes())
        .merge(refunds::routes())
        .merge(rules::routes())
        .merge(accounts::routes())
        .merge(pops::routes())
        .merge(dead_letters::routes())
        .merge(audit::routes())
        .merge(operators::routes())
        .merge(log::routes())
        .route_layer(from_fn_with_state(gate, access::permit))
        .with_state(desk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_names_every_route_with_its_role() {
        let manual = include_str!("../../../docs/operators.md");
        for (method, path, role) in PERMISSIONS {
            let line = format!("| `{method} {path}` | {role} |");
            assert!(manual.contains(&line), "{line} is not in docs/operators.md");
        }
        let listed = manual
            .lines()
            .filter(|line| line.contains("/admin/api/") && line.starts_with("| `"));
        assert_eq!(listed.count(), PERMISSIONS.len());
    }
}
