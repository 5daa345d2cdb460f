//! Sales: made as a draft, published, drawn when they open, shown in the snapshot,
//! lent to PoPs as leases of slots.
//!
//! Invariant: a sale is public only when its stock is loaded.

mod beacon;
mod draw;
mod leases;
mod lobbies;
mod phase;
mod publish;
mod snapshot;
mod terms;
mod units;

pub use beacon::{BeaconError, Rounds, Source};
pub use draw::{draw_lobbies, finish_all, freeze_all};
pub use leases::{LeaseError, Leases};
pub use lobbies::{ReportError, report_lobby};
pub use phase::{Change, PhaseError, change};
pub use publish::{PublishError, Published, SaleDraft, UNITS_MAX, create, publish};
pub use snapshot::{SnapshotError, Snapshots};
pub use terms::{Terms, change_terms};
pub use units::{UnitsError, change_units, finish_changes, look_after_changes};
