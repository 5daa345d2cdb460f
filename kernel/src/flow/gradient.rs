//! An adaptive limit: as many requests at the same time as answers stay quick with.
//!
//! Invariant: the limit stays within `min` and `max`, falls only while answers take longer than the
//! tolerance allows, and does not move while it is frozen or not used.
//!
//! After `Gradient2Limit` of Netflix' concurrency-limits (Apache-2.0): the short time, an average of
//! one window, is compared with the long one; their quotient is the gradient by which the limit falls,
//! and a small queue is what it grows by. Two things differ. The long time follows slower answers more
//! slowly than quicker ones, and now and then a window with half the limit is used to measure it anew,
//! as `GradientLimit` there does: who starts under load would else take a crowded server for a usual
//! one.

use super::NANOS_PER_MS;
use super::rules::Adaptive;

/// Answers are averaged over so long, and over so many at least.
const WINDOW_NS: u64 = 100 * NANOS_PER_MS;
const WINDOW_SAMPLES: u32 = 10;
/// Requests that may wait somewhere without harm.
const QUEUE: f64 = 4.0;
/// The limit falls to this much of itself at a step, at most.
const GRADIENT_MIN: f64 = 0.5;
/// How much of a window the long time takes over.
const SHARE_OF_SLOWER: f64 = 1.0 / 3_000.0;
const SHARE_OF_QUICKER: f64 = 1.0 / 100.0;
/// Windows at the start, whose mean is the first long time.
const WARM_UP_WINDOWS: u32 = 10;
/// In so many windows the last two have half the limit: one to drain, one to measure.
const PROBE_EVERY_WINDOWS: u32 = 100;
const PROBE_WINDOWS: u32 = 2;

/// What is remembered of an adaptive limit.
#[derive(Clone, Debug)]
pub struct Gradient {
    limit: f64,
    long_ns: f64,
    windows: u32,
    began_ns: u64,
    samples: u32,
    sum_ns: f64,
    in_flight_max: u32,
}

impl Gradient {
    /// With the limit of the start.
    pub fn new(rule: &Adaptive) -> Self {
        Self {
            limit: f64::from(rule.initial),
            long_ns: 0.0,
            windows: 0,
            began_ns: 0,
            samples: 0,
            sum_ns: 0.0,
            in_flight_max: 0,
        }
    }

    /// Requests that may be handled at the same time now.
    pub fn limit(&self, rule: &Adaptive) -> u32 {
        let (min, max) = (f64::from(rule.min), f64::from(rule.max));
        let limit = if self.is_probing() && !rule.frozen {
            self.limit / 2.0
        } else {
            self.limit
        };
        whole(limit.clamp(min, max))
    }

    /// Takes an answer that took so long; `in_flight` were handled at the same time as it was let in,
    /// itself included.
    pub fn answered(&mut self, rule: &Adaptive, now_ns: u64, took_ns: u64, in_flight: u32) {
        if rule.frozen {
            return;
        }
        if self.samples == 0 {
            self.began_ns = now_ns;
        }
        self.samples += 1;
        self.sum_ns += float(took_ns);
        self.in_flight_max = self.in_flight_max.max(in_flight);
        let is_over = now_ns.saturating_sub(self.began_ns) >= WINDOW_NS;
        if is_over && self.samples >= WINDOW_SAMPLES {
            let short_ns = (self.sum_ns / f64::from(self.samples)).max(1.0);
            self.step(rule, short_ns, self.in_flight_max);
            (self.samples, self.sum_ns, self.in_flight_max) = (0, 0.0, 0);
        }
    }

    fn is_probing(&self) -> bool {
        self.windows % PROBE_EVERY_WINDOWS >= PROBE_EVERY_WINDOWS - PROBE_WINDOWS
    }

    fn step(&mut self, rule: &Adaptive, short_ns: f64, in_flight: u32) {
        let was_probing = self.is_probing();
        self.windows = self.windows.wrapping_add(1);
        if was_probing {
            if !self.is_probing() {
                self.long_ns = short_ns;
            }
            return;
        }
        if self.windows <= WARM_UP_WINDOWS {
            self.long_ns += (short_ns - self.long_ns) / f64::from(self.windows);
        } else if short_ns > self.long_ns {
            self.long_ns += (short_ns - self.long_ns) * SHARE_OF_SLOWER;
        } else {
            self.long_ns += (short_ns - self.long_ns) * SHARE_OF_QUICKER;
        }
        // A limit that is not used says nothing of what would be too much.
        if f64::from(in_flight) < self.limit / 2.0 {
            return;
        }
        let tolerance = f64::from(rule.tolerance_percent) / 100.0;
        let gradient = (tolerance * self.long_ns / short_ns).clamp(GRADIENT_MIN, 1.0);
        let wanted = self.limit * gradient + QUEUE;
        let smoothing = f64::from(rule.smoothing_percent) / 100.0;
        let limit = self.limit * (1.0 - smoothing) + wanted * smoothing;
        self.limit = limit.clamp(f64::from(rule.min), f64::from(rule.max));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a time need not be exact to the nanosecond"
)]
fn float(nanoseconds: u64) -> f64 {
    nanoseconds as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a limit lies between those of a rule, which are small and positive"
)]
fn whole(limit: f64) -> u32 {
    limit.round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Adaptive = Adaptive {
        initial: 100,
        min: 10,
        max: 1_000,
        smoothing_percent: 20,
        tolerance_percent: 150,
        frozen: false,
    };

    /// A server that serves `knee` requests at once as quickly as one, and others after them.
    struct Server {
        base_ns: u64,
        knee: u64,
    }

    const QUICK: Server = Server {
        base_ns: 2 * NANOS_PER_MS,
        knee: 50,
    };

    impl Server {
        /// Serves as many as are allowed of those who ask, for so many seconds, and returns how many
        /// a second were served in the last one.
        fn serve(&self, state: &mut Gradient, rule: &Adaptive, asking: u32, seconds: u64) -> u64 {
            let (mut now_ns, mut served) = (state.began_ns, 0);
            let end_ns = now_ns + seconds * 1_000 * NANOS_PER_MS;
            while now_ns < end_ns {
                let in_flight = state.limit(rule).min(asking);
                let took_ns = self.base_ns * u64::from(in_flight).max(self.knee) / self.knee;
                now_ns += took_ns;
                for _ in 0..in_flight {
                    state.answered(rule, now_ns, took_ns, in_flight);
                }
                if end_ns - now_ns.min(end_ns) < 1_000 * NANOS_PER_MS {
                    served += u64::from(in_flight);
                }
            }
            served
        }
    }

    /// What the server can do at most, in a second.
    const PEAK: u64 = 25_000;

    #[test]
    fn the_limit_settles_where_the_server_is_busy_and_still_quick() {
        let check = |initial, asking: u32, limits: std::ops::RangeInclusive<u32>| {
            let rule = Adaptive { initial, ..RULE };
            let mut state = Gradient::new(&rule);
            let served = QUICK.serve(&mut state, &rule, asking, 120);
            let limit = whole(state.limit);
            assert!(limits.contains(&limit), "{initial} for {asking}: {limit}");
            let most = PEAK.min(u64::from(asking) * 500);
            assert!(
                served * 100 >= most * 90,
                "{initial} for {asking}: {served}"
            );
        };
        // Under a load that is far too great, from wherever it starts.
        check(10, 5_000, 50..=150);
        check(100, 5_000, 50..=150);
        check(1_000, 5_000, 50..=150);
        // Under one that it need not limit it stays as it was.
        check(100, 20, 100..=100);
    }

    #[test]
    fn the_limit_recovers_when_the_server_has_become_slower_or_quicker() {
        let mut state = Gradient::new(&RULE);
        QUICK.serve(&mut state, &RULE, 5_000, 60);
        let slow = Server {
            base_ns: 8 * NANOS_PER_MS,
            knee: 50,
        };
        let served = slow.serve(&mut state, &RULE, 5_000, 120);
        assert!(served * 100 >= PEAK / 4 * 90, "{served}");
        let served = QUICK.serve(&mut state, &RULE, 5_000, 120);
        assert!(served * 100 >= PEAK * 90, "{served}");
    }

    #[test]
    fn a_frozen_limit_stays_whatever_happens() {
        let mut state = Gradient::new(&RULE);
        QUICK.serve(&mut state, &RULE, 5_000, 30);
        let frozen = Adaptive {
            frozen: true,
            ..RULE
        };
        let before = state.limit(&frozen);
        for server in [
            &QUICK,
            &Server {
                base_ns: 500 * NANOS_PER_MS,
                knee: 1,
            },
        ] {
            server.serve(&mut state, &frozen, 5_000, 1);
            assert_eq!(state.limit(&frozen), before);
        }
    }

    #[test]
    fn other_bounds_hold_at_once() {
        let state = Gradient::new(&RULE);
        let check = |min, max, expected| {
            let rule = Adaptive { min, max, ..RULE };
            assert_eq!(state.limit(&rule), expected, "{min} to {max}");
        };
        check(10, 1_000, 100);
        check(200, 1_000, 200);
        check(10, 30, 30);
    }
}
