//! One copy of an event on its way to the shop.
//!
//! All copies of an event carry its id and its body, and count together how many are left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::payments::Event;

const BACK_OFF_FIRST: Duration = Duration::from_millis(200);
const BACK_OFF_LAST: Duration = Duration::from_secs(10);
/// Doublings after which the back-off is at its longest.
const DOUBLINGS_MAX: u32 = 6;

/// One copy of an event.
pub struct Parcel {
    pub event: Arc<Event>,
    /// Attempts so far.
    pub attempts: u32,
    copies_left: Arc<AtomicU32>,
}

impl Parcel {
    /// So many copies of an event.
    pub fn copies(event: Event, copies: u32) -> Vec<Self> {
        let event = Arc::new(event);
        let copies_left = Arc::new(AtomicU32::new(copies));
        let copy = |_| Self {
            event: Arc::clone(&event),
            attempts: 0,
            copies_left: Arc::clone(&copies_left),
        };
        (0..copies).map(copy).collect()
    }

    /// How long to wait before the next attempt.
    pub fn back_off(&self) -> Duration {
        let Some(failures) = self.attempts.checked_sub(1) else {
            return Duration::ZERO;
        };
        (BACK_OFF_FIRST * 2_u32.pow(failures.min(DOUBLINGS_MAX))).min(BACK_OFF_LAST)
    }

    /// Counts this copy as arrived; whether it was the last one.
    pub fn is_last(&self) -> bool {
        self.copies_left.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::Parcel;
    use crate::payments::Event;

    fn event() -> Event {
        Event {
            id: "evt_1".to_owned(),
            created_at_ms: 0,
            payment_id: "pay_1".to_owned(),
            body: String::new(),
        }
    }

    #[test]
    fn the_wait_doubles_up_to_ten_seconds() {
        let mut parcel = Parcel::copies(event(), 1).remove(0);
        let waits = (0..9).map(|attempts| {
            parcel.attempts = attempts;
            parcel.back_off().as_millis()
        });
        let expected = [0, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000];
        assert!(waits.eq(expected));
    }

    #[test]
    fn only_the_last_copy_closes_an_event() {
        let parcels = Parcel::copies(event(), 3);
        let last: Vec<bool> = parcels.iter().map(Parcel::is_last).collect();
        assert_eq!(last, [false, false, true]);
    }
}
