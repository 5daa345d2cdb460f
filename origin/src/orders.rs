//! Orders: placed, decided, looked at, watched, paid, ended.
//!
//! Invariant: `once`. An order's id is its slot's; whatever is repeated carries it again.

mod place;
mod prices;
mod status;

mod decide;
mod poison;

pub mod dead_letters;

mod deadline;
mod release;
mod undecided;
mod watch;

pub use deadline::{sweep, watch_lanes};
pub use decide::decide;
pub use place::{PlaceError, Placed, place};
pub use prices::Prices;
pub use release::{release, release_all};
pub(crate) use status::order;
pub use status::{StatusError, page, show};
pub use undecided::{look_after_sale, look_after_undecided};
pub use watch::{NotWatched, WATCHERS_MAX, WATCHERS_PER_ACCOUNT_MAX, Watch, Watching};
