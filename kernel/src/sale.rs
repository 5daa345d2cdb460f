//! What state a sale is in, and how much of it is left, as the world may know it.
//!
//! Invariant: what is stored is what an operator decided (a phase); what is shown is that, the
//! time and the stock together. So a sale opens, sells out, reopens and closes by itself.

use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// What an operator decided about a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Being prepared; nobody sees it.
    Draft,
    /// On its way: it opens and closes by the clock.
    Published,
    /// Held by an operator.
    Paused,
    /// Ended by an operator.
    Closed,
}

impl Phase {
    const ALL: [Self; 4] = [Self::Draft, Self::Published, Self::Paused, Self::Closed];

    /// The word for it in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Paused => "paused",
            Self::Closed => "closed",
        }
    }
}

/// A word that is no phase.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no phase of a sale")]
pub struct BadPhase(String);

impl FromStr for Phase {
    type Err = BadPhase;

    fn from_str(word: &str) -> Result<Self, BadPhase> {
        let phase = Self::ALL.into_iter().find(|phase| phase.as_str() == word);
        phase.ok_or_else(|| BadPhase(word.to_owned()))
    }
}

/// What a shopper sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaleState {
    /// Not open yet.
    Scheduled,
    /// Units can be bought.
    Open,
    /// Held for a moment; it will go on.
    Paused,
    /// No unit is left now; one that comes back reopens the sale.
    SoldOut,
    /// Over.
    Closed,
}

/// How much is left, without saying how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remaining {
    /// More than a tenth.
    Many,
    /// A tenth or less.
    Few,
    /// Nothing.
    None,
}

impl Remaining {
    /// The band of `available` units out of `total`.
    pub fn of(available: u32, total: u32) -> Self {
        if available == 0 {
            Self::None
        } else if u64::from(available) * 10 <= u64::from(total) {
            Self::Few
        } else {
            Self::Many
        }
    }
}

/// The state to show at `now`; `None` for a draft, which nobody sees.
pub fn state_at(
    phase: Phase,
    opens_at: UnixMillis,
    closes_at: UnixMillis,
    remaining: Remaining,
    now: UnixMillis,
) -> Option<SaleState> {
    Some(match phase {
        Phase::Draft => return None,
        Phase::Closed => SaleState::Closed,
        _ if now >= closes_at => SaleState::Closed,
        Phase::Paused => SaleState::Paused,
        Phase::Published if now < opens_at => SaleState::Scheduled,
        Phase::Published if remaining == Remaining::None => SaleState::SoldOut,
        Phase::Published => SaleState::Open,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sale_opens_sells_out_reopens_and_closes_by_itself() {
        let check = |phase, now, remaining, expected| {
            let state = state_at(
                phase,
                UnixMillis(10),
                UnixMillis(20),
                remaining,
                UnixMillis(now),
            );
            assert_eq!(state, expected, "{phase:?} at {now}, {remaining:?} left");
        };
        check(Phase::Draft, 15, Remaining::Many, None);
        check(
            Phase::Published,
            9,
            Remaining::Many,
            Some(SaleState::Scheduled),
        );
        check(Phase::Published, 10, Remaining::Many, Some(SaleState::Open));
        check(
            Phase::Published,
            11,
            Remaining::None,
            Some(SaleState::SoldOut),
        );
        check(Phase::Published, 12, Remaining::Few, Some(SaleState::Open));
        check(
            Phase::Published,
            20,
            Remaining::Few,
            Some(SaleState::Closed),
        );
        check(Phase::Paused, 9, Remaining::Many, Some(SaleState::Paused));
        check(Phase::Paused, 20, Remaining::Many, Some(SaleState::Closed));
        check(Phase::Closed, 5, Remaining::Many, Some(SaleState::Closed));
    }

    #[test]
    fn the_band_says_little() {
        let check = |available, expected| assert_eq!(Remaining::of(available, 100), expected);
        check(100, Remaining::Many);
        check(11, Remaining::Many);
        check(10, Remaining::Few);
        check(1, Remaining::Few);
        check(0, Remaining::None);
    }
}
