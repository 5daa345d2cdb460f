//! Faults that a developer or a test switches on: what a provider does on its bad days.
//!
//! All of them are off at the start, none outlives the program, and what is drawn by chance is
//! drawn alike for the same seed.

mod dice;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::payments::RefundState;
use crate::payments::refund::Ending;
use dice::Dice;

/// Longest delay of an answer or a webhook.
const DELAY_MS_MAX: u64 = 60_000;
/// Times an event is sent at most.
const COPIES_MAX: u32 = 5;
/// First attempts of an event that are dropped at most.
const DROPPED_MAX: u32 = 100;
/// Longest time a refund is pending: a day.
const PENDING_MS_MAX: i64 = 24 * 60 * 60 * 1_000;

/// What goes wrong. What a document leaves out is off.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    pub api: ApiFaults,
    pub webhooks: WebhookFaults,
    pub refunds: RefundFaults,
    /// The checkout takes money after the payment has expired.
    pub late_payments: bool,
    /// Chance begins anew from here whenever faults are set.
    pub seed: u64,
}

/// Of the payment API.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiFaults {
    /// Each call waits this long before anything happens.
    pub delay_ms: u64,
    /// The share of calls that are answered 503 and do nothing.
    pub fail_share: f64,
    /// The share of calls that do what they should, and are answered 500 or cut off.
    pub fail_after_effect_share: f64,
}

/// Of the events the shop is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookFaults {
    /// Each attempt waits for up to this long.
    pub delay_ms_max: u64,
    /// How often each event is sent, with the same id and body.
    pub copies: u32,
    /// Events are held for a moment and sent in an order drawn by chance.
    pub reorder: bool,
    /// So many attempts of each copy get lost on the way.
    pub drop_first_attempts: u32,
}

impl Default for WebhookFaults {
    fn default() -> Self {
        Self {
            delay_ms_max: 0,
            copies: 1,
            reorder: false,
            drop_first_attempts: 0,
        }
    }
}

/// Of refunds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefundFaults {
    /// What the answer says: `done`, or `pending` for `pending_ms`.
    pub state_first: RefundState,
    pub pending_ms: i64,
    /// The share of refunds that fail.
    pub fail_share: f64,
}

impl Default for RefundFaults {
    fn default() -> Self {
        Self {
            state_first: RefundState::Done,
            pending_ms: 1_000,
            fail_share: 0.0,
        }
    }
}

/// What happens to one call of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Pass,
    /// It is refused before it does anything.
    Fail,
    /// Its answer becomes a 500.
    FailAfterEffect,
    /// Its connection is closed instead of an answer.
    CutAfterEffect,
}

impl Faults {
    /// Says what is wrong with the document, if anything.
    pub fn fault(&self) -> Option<String> {
        let share = |name: &str, share: f64| {
            (!(0.0..=1.0).contains(&share)).then(|| format!("{name} must lie between 0 and 1"))
        };
        let api = &self.api;
        let shares = [
            ("api.fail_share", api.fail_share),
            ("api.fail_after_effect_share", api.fail_after_effect_share),
            ("refunds.fail_share", self.refunds.fail_share),
        ];
        if let Some(fault) = shares.iter().find_map(|(name, value)| share(name, *value)) {
            return Some(fault);
        }
        let fault = if api.fail_share + api.fail_after_effect_share > 1.0 {
            "api.fail_share and api.fail_after_effect_share must not come to more than 1".to_owned()
        } else if api.delay_ms > DELAY_MS_MAX {
            format!("api.delay_ms must be at most {DELAY_MS_MAX}")
        } else if self.webhooks.delay_ms_max > DELAY_MS_MAX {
            format!("webhooks.delay_ms_max must be at most {DELAY_MS_MAX}")
        } else if !(1..=COPIES_MAX).contains(&self.webhooks.copies) {
            format!("webhooks.copies must lie between 1 and {COPIES_MAX}")
        } else if self.webhooks.drop_first_attempts > DROPPED_MAX {
            format!("webhooks.drop_first_attempts must be at most {DROPPED_MAX}")
        } else if self.refunds.state_first == RefundState::Failed {
            "refunds.state_first must be done or pending; fail_share makes refunds fail".to_owned()
        } else if !(1..=PENDING_MS_MAX).contains(&self.refunds.pending_ms) {
            format!("refunds.pending_ms must lie between 1 and {PENDING_MS_MAX}")
        } else {
            return None;
        };
        Some(fault)
    }
}

/// The faults in force.
#[derive(Default)]
pub struct Switches {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    faults: Faults,
    dice: Dice,
}

impl Switches {
    /// What is switched on.
    pub fn faults(&self) -> Faults {
        self.lock().faults.clone()
    }

    /// Puts faults that were checked in place of those in force.
    pub fn set(&self, faults: Faults) {
        let mut inner = self.lock();
        inner.dice = Dice::new(faults.seed);
        inner.faults = faults;
    }

    /// How long the next call of the API waits, and what happens to it.
    pub fn call(&self) -> (Duration, Verdict) {
        let mut inner = self.lock();
        let api = inner.faults.api.clone();
        let drawn = inner.dice.share("call");
        let verdict = if drawn < api.fail_share {
            Verdict::Fail
        } else if drawn >= api.fail_share + api.fail_after_effect_share {
            Verdict::Pass
        } else if inner.dice.share("cut") < 0.5 {
            Verdict::CutAfterEffect
        } else {
            Verdict::FailAfterEffect
        };
        (Duration::from_millis(api.delay_ms), verdict)
    }

    /// How long the next attempt to send an event waits.
    pub fn webhook_delay(&self) -> Duration {
        let mut inner = self.lock();
        let longest = Duration::from_millis(inner.faults.webhooks.delay_ms_max);
        longest.mul_f64(inner.dice.share("webhook"))
    }

    /// Puts things into an order drawn by chance.
    pub fn shuffle<T>(&self, things: &mut [T]) {
        let mut inner = self.lock();
        things.sort_by_cached_key(|_| inner.dice.draw("order"));
    }

    /// How a refund that begins now ends.
    pub fn ending(&self, now_ms: i64) -> Ending {
        let mut inner = self.lock();
        let refunds = inner.faults.refunds.clone();
        let fails = inner.dice.share("refund") < refunds.fail_share;
        let state = if fails {
            RefundState::Failed
        } else {
            RefundState::Done
        };
        let pending_ms = match refunds.state_first {
            RefundState::Pending => refunds.pending_ms,
            RefundState::Done | RefundState::Failed => 0,
        };
        Ending {
            state,
            at_ms: now_ms + pending_ms,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
