//! Typed ids and the Snowflake mint.
//!
//! Invariant: an id is minted once. The mint stops when its clock goes back and waits when its
//! millisecond is used up; it never guesses.
//!
//! Layout, after Twitter's Snowflake: 41 bits of milliseconds since 2025-01-01, 10 bits of worker,
//! 12 bits of sequence. Every id fits a signed 64-bit integer; on the wire it is a decimal string.

use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// 2025-01-01T00:00:00Z, where the 41 bits of time begin; they last until 2094.
pub const EPOCH: UnixMillis = UnixMillis(1_735_689_600_000);
/// How many ids one worker can mint in a millisecond.
pub const IDS_PER_MS: u16 = 4_096;
/// Worker numbers run from 0 below this.
pub const WORKERS: u16 = 1_024;
/// Bits of worker and sequence, below the time.
const ELAPSED_SHIFT: u32 = 22;

/// A text that is no id.
#[derive(Debug, thiserror::Error)]
#[error("an id is a decimal number of at most 19 digits")]
pub struct BadId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub u64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let canonical = (1..=19).contains(&text.len())
                    && text.bytes().all(|digit| digit.is_ascii_digit())
                    && (text.len() == 1 || !text.starts_with('0'));
                let number: i64 = if canonical { text.parse().map_err(|_| BadId)? } else { return Err(BadId) };
                Ok(Self(number.unsigned_abs()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

id!(
    /// A thing that can be sold.
    ItemId
);
id!(
    /// One sale of one item.
    SaleId
);
id!(
    /// A customer's account.
    AccountId
);
id!(
    /// An address that an account keeps.
    AddressId
);
id!(
    /// An order, and before that the slot from which it came: they share one number, so that a
    /// retry after any loss carries the same id.
    OrderId
);
id!(
    /// A block of slots lent to one PoP.
    LeaseId
);
id!(
    /// One attempt to pay one order.
    PaymentId
);
id!(
    /// Money of one payment on its way back to the buyer.
    RefundId
);
id!(
    /// Units added to a running sale or withdrawn from it, once.
    StockChangeId
);

/// Why the mint gave no id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// The clock reads earlier than at the last id. Minting now could repeat an id.
    #[error("the clock went back by {by_ms} ms; no id until it has caught up")]
    ClockWentBack {
        /// How far it went back.
        by_ms: i64,
    },
    /// This millisecond has no id left: ask again in the next.
    #[error("all ids of this millisecond are used")]
    Exhausted,
    /// The clock reads before 2025 or after 2094.
    #[error("the clock is outside the range that an id can hold")]
    OutOfRange,
}

/// The least id that can be minted at this time.
pub fn first_id_at(at: UnixMillis) -> u64 {
    let elapsed_ms = u64::try_from(at.since(EPOCH)).unwrap_or(0);
    elapsed_ms << ELAPSED_SHIFT
}

impl OrderId {
    /// When the slot was minted: no order was placed with it before.
    pub fn minted_at(self) -> UnixMillis {
        let elapsed_ms = i64::try_from(self.0 >> ELAPSED_SHIFT).unwrap_or(i64::MAX);
        EPOCH.plus_ms(elapsed_ms)
    }
}

/// A Snowflake mint for one worker.
#[derive(Debug)]
pub struct Mint {
    worker: u16,
    last: UnixMillis,
    next_sequence: u16,
}

impl Mint {
    /// A mint for `worker`, below [`WORKERS`]. `not_before` is a time at which a former holder of
    /// the number may still have minted: nothing is minted until it has passed.
    pub fn new(worker: u16, not_before: UnixMillis) -> Self {
        assert!(worker < WORKERS, "a worker number is below {WORKERS}");
        Self {
            worker,
            last: not_before,
            next_sequence: IDS_PER_MS,
        }
    }

    /// The next id at time `now`.
    pub fn next(&mut self, now: UnixMillis) -> Result<u64, MintError> {
        self.block(now, 1)
    }

    /// A block of `count` consecutive ids (1 to [`IDS_PER_MS`]), all of this millisecond; returns
    /// the first.
    pub fn block(&mut self, now: UnixMillis, count: u16) -> Result<u64, MintError> {
        assert!(
            (1..=IDS_PER_MS).contains(&count),
            "a block has 1 to {IDS_PER_MS} ids"
        );
        if now < self.last {
            return Err(MintError::ClockWentBack {
                by_ms: self.last.since(now),
            });
        }
        let first = if now == self.last {
            self.next_sequence
        } else {
            0
        };
        if count > IDS_PER_MS - first {
            return Err(MintError::Exhausted);
        }
        let elapsed = u64::try_from(now.since(EPOCH)).map_err(|_| MintError::OutOfRange)?;
        if elapsed >= 1 << 41 {
            return Err(MintError::OutOfRange);
        }
        self.last = now;
        self.next_sequence = first + count;
        Ok(elapsed << ELAPSED_SHIFT | u64::from(self.worker) << 12 | u64::from(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    #[test]
    fn a_clock_that_goes_back_stops_the_mint() {
        let mut mint = Mint::new(3, UnixMillis(0));
        mint.next(NOON).unwrap();
        assert_eq!(
            mint.next(NOON.plus_ms(-5)),
            Err(MintError::ClockWentBack { by_ms: 5 })
        );
        assert!(mint.next(NOON).is_ok(), "and goes on when it has caught up");
    }

    #[test]
    fn a_clock_that_jumps_between_two_times_never_repeats_an_id() {
        let mut mint = Mint::new(3, UnixMillis(0));
        let mut seen = HashSet::new();
        // An hour back, as a clock that is set does; then on and on between the two.
        for ms in [0, -3_600_000, 0, -1, 1, 0, 1, -3_600_000, 2] {
            if let Ok(id) = mint.next(NOON.plus_ms(ms)) {
                assert!(seen.insert(id), "{id} minted twice");
            }
        }
        assert_eq!(seen.len(), 5, "of the times that are not in the past");
        let error = mint.next(NOON.plus_ms(2 - 3_600_000)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the clock went back by 3600000 ms; no id until it has caught up"
        );
    }

    #[test]
    fn a_new_holder_begins_after_the_former_ones_last_millisecond() {
        let mut former = Mint::new(7, UnixMillis(0));
        let last = former.block(NOON, IDS_PER_MS).unwrap() + u64::from(IDS_PER_MS) - 1;
        let mut next = Mint::new(7, NOON);
        assert_eq!(
            next.next(NOON.plus_ms(-1)),
            Err(MintError::ClockWentBack { by_ms: 1 })
        );
        assert_eq!(next.next(NOON), Err(MintError::Exhausted));
        assert!(next.next(NOON.plus_ms(1)).unwrap() > last);
    }

    #[test]
    fn a_clock_outside_what_an_id_can_hold_mints_nothing() {
        let check = |now: UnixMillis| Mint::new(1, UnixMillis(0)).next(now);
        assert_eq!(check(EPOCH.plus_ms(-1)), Err(MintError::OutOfRange));
        assert_eq!(check(EPOCH).unwrap(), 1 << 12);
        assert!(check(EPOCH.plus_ms((1 << 41) - 1)).is_ok());
        assert_eq!(check(EPOCH.plus_ms(1 << 41)), Err(MintError::OutOfRange));
    }

    #[test]
    fn a_used_up_millisecond_gives_nothing() {
        let mut mint = Mint::new(0, UnixMillis(0));
        mint.block(NOON, IDS_PER_MS).unwrap();
        assert_eq!(mint.next(NOON), Err(MintError::Exhausted));
        assert!(mint.next(NOON.plus_ms(1)).is_ok());
    }

    #[test]
    fn ids_travel_as_decimal_strings() {
        let id: OrderId = serde_json::from_str("\"270000000000000001\"").unwrap();
        assert_eq!(
            serde_json::to_string(&id).unwrap(),
            "\"270000000000000001\""
        );
        for bad in [
            "\"\"",
            "\"-1\"",
            "\"01\"",
            "\"1e3\"",
            "\"99999999999999999999\"",
            "7",
            "\"+1\"",
        ] {
            assert!(serde_json::from_str::<OrderId>(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_id_is_minted_twice(steps in prop::collection::vec((0_u16..2, -2_i64..3, 1_u16..2_000), 1..60)) {
            let mut mints = [Mint::new(0, UnixMillis(0)), Mint::new(1_023, UnixMillis(0))];
            let mut now = NOON;
            let mut seen = HashSet::new();
            for (worker, step, count) in steps {
                now = now.plus_ms(step);
                if let Ok(first) = mints[usize::from(worker)].block(now, count) {
                    for id in first..first + u64::from(count) {
                        prop_assert!(seen.insert(id), "{id} minted twice");
                    }
                }
            }
        }
    }
}
