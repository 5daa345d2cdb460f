//! Who fetches which file at this moment, in this instance.
//!
//! Invariant: one request of an instance fetches a file, the others wait; one that failed is left
//! alone for a moment, and one whose request was cancelled is taken over.

use kernel::catalogue::ImageName;
use kernel::time::UnixMillis;
use std::collections::BTreeMap;

/// After this a fetch that has not reported back is given up.
const FLIGHT_MS_MAX: i64 = 5_000;
/// How long nobody fetches after a failure.
const FAILED_MS: i64 = 1_000;

/// What to do about a file that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Fetch it, and say how that ended.
    Mine,
    /// A neighbour fetches it: look again.
    Others,
    /// It could not be had a moment ago.
    Failed,
}

/// Files that are being fetched, or just failed.
#[derive(Debug)]
pub struct Flights(BTreeMap<ImageName, Flight>);

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    at: UnixMillis,
    failed: bool,
}

impl Flight {
    /// A flight as another instance tells of it.
    pub(super) fn told(at: UnixMillis, failed: bool) -> Self {
        Self { at, failed }
    }

    /// What to do about the file meanwhile.
    pub(super) fn turn(self, now: UnixMillis) -> Turn {
        match self {
            _ if self.is_over(now) => Turn::Mine,
            Self { failed: true, .. } => Turn::Failed,
            Self { failed: false, .. } => Turn::Others,
        }
    }

    fn is_over(self, now: UnixMillis) -> bool {
        let lasts = if self.failed {
            FAILED_MS
        } else {
            FLIGHT_MS_MAX
        };
        now.since(self.at).abs() >= lasts
    }
}

impl Flights {
    /// None yet.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Whose turn it is to fetch this file.
    pub fn begin(&mut self, name: &ImageName, now: UnixMillis) -> Turn {
        self.0.retain(|_, flight| !flight.is_over(now));
        if let Some(flight) = self.0.get(name) {
            return flight.turn(now);
        }
        self.0.insert(name.clone(), Flight::told(now, false));
        Turn::Mine
    }

    /// The fetch is over.
    pub fn end(&mut self, name: &ImageName, done: bool, now: UnixMillis) {
        if done {
            self.0.remove(name);
        } else {
            self.0.insert(name.clone(), Flight::told(now, true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::catalogue::ImageFormat;

    #[test]
    fn one_fetches_and_the_others_wait() {
        let one = ImageName::of(b"one", ImageFormat::Jpeg);
        let two = ImageName::of(b"two", ImageFormat::Jpeg);
        let mut flights = Flights::new();
        let mut check = |name: &ImageName, at, expected: Turn, end: Option<bool>| {
            let now = UnixMillis(at);
            assert_eq!(flights.begin(name, now), expected, "{name} at {at}");
            if let Some(done) = end {
                flights.end(name, done, now);
            }
        };
        check(&one, 0, Turn::Mine, None);
        check(&one, 10, Turn::Others, None);
        check(&two, 10, Turn::Mine, Some(false));
        check(&two, 1_009, Turn::Failed, None);
        check(&two, 1_010, Turn::Mine, Some(true));
        check(&two, 1_020, Turn::Mine, None);
        check(&one, 4_999, Turn::Others, None);
        // Whoever fetched it went away.
        check(&one, 5_000, Turn::Mine, Some(true));
        assert_eq!(flights.0.len(), 1);
    }
}
