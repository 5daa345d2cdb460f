//! A histogram of times that threads add up.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the times of requests, in microseconds: 0.5 ms to 30 s.
pub const REQUEST_BOUNDS_US: [u64; 15] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000,
];
/// Upper bounds of the times of calls to the host, in microseconds: 0.1 ms to 10 s.
pub const CALL_BOUNDS_US: [u64; 9] = [
    100, 500, 1_000, 5_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000,
];

/// Counts of times up to each of `N` bounds, and above the last.
pub struct Histogram<const N: usize> {
    bounds_us: &'static [u64; N],
    counts: [AtomicU64; N],
    above: AtomicU64,
    sum_us: AtomicU64,
}

/// What histograms held at one time, added up.
pub struct Total<const N: usize> {
    /// The bounds, in microseconds.
    pub bounds_us: &'static [u64; N],
    /// How many were at most as long, not counting those of the bounds before.
    pub counts: [u64; N],
    /// How many were longer than the last bound.
    pub above: u64,
    /// All times, in microseconds.
    pub sum_us: u64,
}

impl<const N: usize> Histogram<N> {
    /// An empty one.
    pub const fn new(bounds_us: &'static [u64; N]) -> Self {
        Self {
            bounds_us,
            counts: [const { AtomicU64::new(0) }; N],
            above: AtomicU64::new(0),
            sum_us: AtomicU64::new(0),
        }
    }

    /// Counts one.
    pub fn add(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = self.bounds_us.iter().position(|bound| us <= *bound);
        let count = bucket.map_or(&self.above, |bucket| &self.counts[bucket]);
        count.fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }

    /// Adds up several of the same bounds.
    pub fn sum<'a>(bounds_us: &'static [u64; N], all: impl Iterator<Item = &'a Self>) -> Total<N> {
        let mut sum = Total {
            bounds_us,
            counts: [0; N],
            above: 0,
            sum_us: 0,
        };
        for one in all {
            for (total, count) in sum.counts.iter_mut().zip(&one.counts) {
                *total += count.load(Relaxed);
            }
            sum.above += one.above.load(Relaxed);
            sum.sum_us = sum.sum_us.wrapping_add(one.sum_us.load(Relaxed));
        }
        sum
    }
}

impl<const N: usize> Total<N> {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.above
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_in_the_first_bucket_that_holds_it() {
        let histograms = [
            Histogram::new(&REQUEST_BOUNDS_US),
            Histogram::new(&REQUEST_BOUNDS_US),
        ];
        for us in [0, 500, 501, 30_000_000, 30_000_001] {
            histograms[0].add(Duration::from_micros(us));
            histograms[1].add(Duration::from_micros(us));
        }
        let sum = Histogram::sum(&REQUEST_BOUNDS_US, histograms.iter());
        assert_eq!((sum.counts[0], sum.counts[1], sum.counts[14]), (4, 2, 2));
        assert_eq!((sum.above, sum.count()), (2, 10));
        assert_eq!(sum.sum_us, 2 * (500 + 501 + 30_000_000 + 30_000_001));
    }
}
