//! Orders: placed, decided, looked at, paid, ended.
//!
//! Invariant: `once`. An order's id is its slot's; whatever is repeated carries it again.

mod deadline;
mod decide;
mod place;
mod release;
mod status;

pub use deadline::sweep;
pub use decide::decide;
pub use place::{PlaceError, Placed, Prices, place};
pub use release::release;
pub use status::{StatusError, page, show};
