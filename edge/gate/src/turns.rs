//! A sale's clock as places see it: when the turn of each comes.
//!
//! Invariant: turns follow the present rate from the opening on, or from the draw if that was
//! later; a change of the rate moves all turns that are still to come.

use kernel::ids::AccountId;
use kernel::lobby::{Behind, Draw};
use kernel::snapshot::SnapshotSale;
use kernel::time::UnixMillis;
use kit::settings::Edge;
use kit::snapshot::View;

/// A token may be given that long before the turn: the rest of the wait is in the token.
pub(crate) const AHEAD_MS: i64 = 10_000;

/// A sale whose places were drawn.
#[derive(Debug)]
pub(crate) struct Turns<'a> {
    /// The sale.
    pub(crate) entry: &'a SnapshotSale,
    /// Its draw.
    pub(crate) draw: Draw,
    /// How this PoP numbers who comes after it.
    pub(crate) behind: Behind,
    /// PoPs that share the rate.
    pops: u32,
}

impl<'a> Turns<'a> {
    /// The turns of a sale at this PoP; none before the draw.
    pub(crate) fn of(entry: &'a SnapshotSale, edge: &Edge, view: &View) -> Option<Self> {
        let draw = entry.sale.lobby.draw(entry.sale.id)?;
        Some(Self {
            behind: draw.behind(&edge.keys.pop),
            draw,
            entry,
            pops: view.live_pops(edge),
        })
    }

    /// When the first turn comes.
    pub(crate) fn start(&self) -> UnixMillis {
        let sale = &self.entry.sale;
        let drawn_at = sale.lobby.drawn_at_ms.unwrap_or(sale.opens_at_ms);
        sale.opens_at_ms.max(drawn_at)
    }

    /// Admissions a second, over all PoPs.
    pub(crate) fn rate(&self) -> u32 {
        self.entry.rate_per_second.max(1)
    }

    /// Milliseconds from one turn at this PoP to the next.
    pub(crate) fn interval_ms(&self) -> f64 {
        1_000.0 * f64::from(self.pops) / f64::from(self.rate())
    }

    /// When the turn of a place comes.
    pub(crate) fn turn(&self, place: u64) -> UnixMillis {
        let wait_ms = u128::from(place) * 1_000 / u128::from(self.rate());
        self.start()
            .plus_ms(i64::try_from(wait_ms).unwrap_or(i64::MAX / 2))
    }

    /// Places below this may ask for a token by now, as far as the rate goes.
    pub(crate) fn due_below(&self, now: UnixMillis) -> u64 {
        let elapsed_ms = now.plus_ms(AHEAD_MS).since(self.start());
        let elapsed_ms = u64::try_from(elapsed_ms).unwrap_or(0);
        elapsed_ms.saturating_mul(u64::from(self.rate())) / 1_000
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Applicant {
    /// Names this request, so that it can be repeated.
    pub(crate) request: String,
    /// The account.
    pub(crate) account: AccountId,
    /// The nonce of its solved challenge.
    pub(crate) nonce: String,
    /// For how long that must be remembered, in milliseconds.
    pub(crate) nonce_ms: String,
}
