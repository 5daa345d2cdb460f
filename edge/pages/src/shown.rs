//! What state of a sale a page shows: the sale's own, and that little is left.

use kernel::sale::{Remaining, SaleState};
use kernel::time::UnixMillis;
use kernel::wire::Sale;

/// The word that templates, style sheets and scripts know; `js/live-sales.js` decides alike.
pub fn shown(sale: &Sale, now: UnixMillis) -> &'static str {
    match sale.state_at(now) {
        SaleState::Scheduled => "scheduled",
        SaleState::Open if sale.remaining == Remaining::Few => "few",
        SaleState::Open => "open",
        SaleState::Paused => "paused",
        SaleState::SoldOut => "sold_out",
        SaleState::Closed => "closed",
    }
}

/// What can be bought comes first, then what will be; what is over comes last.
pub fn rank(sale: &Sale, now: UnixMillis) -> u8 {
    match sale.state_at(now) {
        SaleState::Open => 0,
        SaleState::Scheduled => 1,
        SaleState::Paused => 2,
        SaleState::SoldOut => 3,
        SaleState::Closed => 4,
    }
}
