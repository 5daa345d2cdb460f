//! Sales: made as a draft, published, shown in the snapshot, lent to PoPs as leases of slots.
//!
//! Invariant: a sale is public only when its stock is loaded.

mod leases;
mod phase;
mod publish;
mod snapshot;
mod terms;
mod units;

pub use leases::{LeaseError, Leases};
pub use phase::{Change, PhaseError, change};
pub use publish::{PublishError, Published, SaleDraft, UNITS_MAX, create, publish};
pub use snapshot::{SnapshotError, Snapshots};
pub use terms::{Terms, change_terms};
pub use units::{UnitsError, change_units, finish_changes, look_after_changes};
