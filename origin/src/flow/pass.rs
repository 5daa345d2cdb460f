//! Leave for a request, and the refusal of one.
//!
//! Invariant: whatever a request holds is given back once: when it is done, or when it is dropped
//! because the client went away.

use super::acting::Acting;
use kernel::flow::Call;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The work was done: how long it took says how busy we are.
    Served,
    /// It was refused for what it was, which says nothing of that.
    Refused,
    /// We failed.
    Failed,
    /// It took so long that it was given up.
    Late,
    /// It was shed by another rule.
    Shed,
}

/// A request that a rule does not let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shed {
    /// The rule's name.
    pub rule: String,
    /// Whether it is this account that asks too much, and not all together.
    pub of_account: bool,
    /// How long until it would be let through, as far as that is known.
    pub wait: Duration,
    /// Requests and seconds, if the rule is a rate.
    pub policy: Option<(u32, u64)>,
}

/// Leave for a request.
#[derive(Debug)]
#[must_use = "what it holds is given back when it is dropped"]
pub struct Pass {
    pub(super) now_ns: u64,
    wait_ns: u64,
    tickets: Vec<Ticket>,
}

/// What a request holds of one rule.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) acting: Arc<Acting>,
    pub(super) held: Held,
}

#[derive(Debug)]
pub(super) enum Held {
    /// One of a number of places, of which so many are taken.
    Place(Arc<AtomicU32>),
    /// One of an adaptive number, and how many were taken then.
    Adaptive(u32),
    /// Leave of a breaker.
    Call(Call),
    /// Nothing but that it waits.
    Turn,
}

impl Pass {
    pub(super) fn new(now_ns: u64) -> Self {
        Self {
            now_ns,
            wait_ns: 0,
            tickets: Vec::new(),
        }
    }

    pub(super) fn holds(&mut self, acting: &Arc<Acting>, held: Held) {
        self.tickets.push(Ticket {
            acting: acting.clone(),
            held,
        });
    }

    pub(super) fn waits(&mut self, wait_ns: u64) {
        self.wait_ns = self.wait_ns.max(wait_ns);
    }

    /// Waits for the request's turn, if a rule says so.
    pub async fn turn(&mut self) {
        if self.wait_ns > 0 {
            tokio::time::sleep(Duration::from_nanos(self.wait_ns)).await;
        }
        self.tickets.retain(|ticket| {
            let waited = matches!(ticket.held, Held::Turn);
            if waited {
                ticket.acting.gives_back();
            }
            !waited
        });
    }

    /// The request is done, and took so long from its turn on.
    pub fn done(mut self, outcome: Outcome, took: Duration) {
        let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let now_ns = self
            .now_ns
            .saturating_add(self.wait_ns)
            .saturating_add(took_ns);
        for ticket in self.tickets.drain(..) {
            ticket.acting.learn(&ticket.held, outcome, now_ns, took_ns);
            ticket.acting.take_back(&ticket.held);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        for ticket in self.tickets.drain(..) {
            ticket.acting.give_up(&ticket.held);
            ticket.acting.take_back(&ticket.held);
        }
    }
}

impl Held {
    /// Leaves the place, if it is one.
    pub(super) fn leave(&self) {
        if let Self::Place(taken) = self {
            taken.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
