//! What the three components share: settings, the snapshot, the PoP store, the shopper behind a
//! request, and answers.
//!
//! Invariant: an instance serves many shoppers at once, so a static holds public and operational
//! things only (settings, snapshot, an open connection) and never anything of one shopper, but for
//! the outcome of checking a cookie, which only that cookie finds again ([`visitor`]).
//!
//! A component is a shell around this:
//!
//! ```text
//! #[spin_sdk::http_service]
//! async fn handle(request: Request) -> kit::answer::Answer {
//!     kit::answer::from(route(request).await)
//! }
//!
//! async fn route(request: Request) -> Result<Answer, Problem> {
//!     let edge = kit::settings::Edge::get().await?;
//!     let view = kit::snapshot::current(edge).await?;
//!     let sale = view.snapshot().sale("console").ok_or(ProblemKind::UnknownSale)?;
//!     Ok(kit::answer::json(StatusCode::OK, &sale.sale))
//! }
//! ```
//!
//! Nothing here waits for another request of the same instance: the runtime does not wake one
//! request from another, so whoever needs the result of a neighbour looks again after a timer.

pub mod clock;
pub mod random;
pub mod settings;
pub mod tally;

pub mod accept;
pub mod answer;
pub mod body;
pub mod exchange;
pub mod form;
pub mod visitor;

pub mod challenge;
pub mod origin;
pub mod peer;
pub mod pop_store;
pub mod rendered;
pub mod snapshot;
