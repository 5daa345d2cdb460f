//! All payments of this sandbox, in memory and in the journal.
//!
//! A change is in the journal before it is in memory, so nobody is told what a restart forgets.

mod list;
mod refunds;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::journal::{Journal, Record};
use super::{Event, Outcome, Payment, Request, State};
use crate::ids;

pub use list::{Cursor, Span};

/// More payments than this are refused.
const PAYMENTS_MAX: usize = 200_000;
/// More events waiting for the shop than this, and the checkout refuses to go on.
const EVENTS_MAX: usize = 100_000;
/// Attempts that may fail on one payment.
const DECLINES_MAX: u32 = 20;

pub struct Store {
    inner: Mutex<Inner>,
}

struct Inner {
    journal: Journal,
    payments: HashMap<String, Payment>,
    by_key: HashMap<String, String>,
    by_order: HashMap<String, Vec<String>>,
    /// When each was opened, and its id.
    by_time: BTreeSet<Cursor>,
    /// A refund's key: its payment and its id.
    refunds_by_key: HashMap<String, (String, String)>,
    events: HashMap<String, Event>,
}

/// A payment and whether this call made it.
pub struct Opened {
    pub payment: Payment,
    pub created: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0}")]
    Invalid(&'static str),
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("the sandbox holds as many payments as it can")]
    Full,
    #[error("cannot write the journal")]
    Journal(#[from] io::Error),
}

/// What became of an attempt.
pub enum Attempt {
    /// The event tells the shop.
    Recorded(Payment, Event),
    /// It was paid before; nothing happened now.
    AlreadyPaid(Payment),
    /// It can no longer be paid.
    Expired(Payment),
}

#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    #[error("there is no such payment")]
    Unknown,
    #[error("too many events wait for the shop, or too many attempts were made")]
    Full,
    #[error("cannot write the journal")]
    Journal(#[from] io::Error),
}

impl Store {
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let (journal, replay) = Journal::open(folder, ids::now_ms())?;
        let mut inner = Inner {
            journal,
            payments: HashMap::new(),
            by_key: HashMap::new(),
            by_order: HashMap::new(),
            by_time: BTreeSet::new(),
            refunds_by_key: HashMap::new(),
            events: replay.events,
        };
        for payment in replay.payments.into_values() {
            inner.insert(payment);
        }
        Ok(Self {
            inner: Mutex::new(inner),
        })
    }

    /// Opens a payment, or finds the one this key opened before.
    pub fn create(&self, key: &str, request: Request, now_ms: i64) -> Result<Opened, OpenError> {
        let mut inner = self.lock();
        if let Some(payment) = inner.by_key.get(key).and_then(|id| inner.payments.get(id)) {
            if payment.request != request {
                return Err(OpenError::KeyReused);
            }
            return Ok(Opened {
                payment: payment.clone(),
                created: false,
            });
        }
        if let Some(fault) = request.fault(now_ms) {
            return Err(OpenError::Invalid(fault));
        }
        if inner.payments.len() >= PAYMENTS_MAX {
            return Err(OpenError::Full);
        }
        let payment = Payment {
            id: ids::fresh("pay")?,
            idempotency_key: key.to_owned(),
            created_at_ms: now_ms,
            request,
            state: State::Open,
            declines: 0,
            refunds: Vec::new(),
        };
        inner.journal.append(&Record::Opened(payment.clone()))?;
        inner.insert(payment.clone());
        Ok(Opened {
            payment,
            created: true,
        })
    }

    pub fn payment(&self, id: &str) -> Option<Payment> {
        self.lock().payments.get(id).cloned()
    }

    /// All payments opened for an order.
    pub fn of_order(&self, order_id: &str) -> Vec<Payment> {
        let inner = self.lock();
        let ids = inner
            .by_order
            .get(order_id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        ids.iter()
            .filter_map(|id| inner.payments.get(id))
            .cloned()
            .collect()
    }

    /// The buyer pays or declines at `now_ms`; with `late` also after the payment has expired.
    pub fn attempt(
        &self,
        id: &str,
        outcome: Outcome,
        late: bool,
        now_ms: i64,
    ) -> Result<Attempt, AttemptError> {
        let mut inner = self.lock();
        let mut payment = inner
            .payments
            .get(id)
            .cloned()
            .ok_or(AttemptError::Unknown)?;
        if payment.state == State::Paid {
            return Ok(Attempt::AlreadyPaid(payment));
        }
        if payment.expired(now_ms) && !late {
            return Ok(Attempt::Expired(payment));
        }
        if inner.events.len() >= EVENTS_MAX || payment.declines >= DECLINES_MAX {
            return Err(AttemptError::Full);
        }
        match outcome {
            Outcome::Pay => payment.state = State::Paid,
            Outcome::Decline => payment.declines += 1,
        }
        let event = Event::of_attempt(ids::fresh("evt")?, &payment, outcome, now_ms);
        inner.journal.append(&Record::Attempted {
            payment: payment.clone(),
            event: event.clone(),
        })?;
        inner.payments.insert(id.to_owned(), payment.clone());
        inner.events.insert(event.id.clone(), event.clone());
        Ok(Attempt::Recorded(payment, event))
    }

    /// Events the shop has not taken yet.
    pub fn undelivered(&self) -> Vec<Event> {
        self.lock().events.values().cloned().collect()
    }

    /// The shop took the event, or the sandbox gave up.
    pub fn close_event(&self, event_id: &str) -> io::Result<()> {
        let mut inner = self.lock();
        inner.journal.append(&Record::Closed {
            event_id: event_id.to_owned(),
        })?;
        inner.events.remove(event_id);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn insert(&mut self, payment: Payment) {
        let id = payment.id.clone();
        self.by_key
            .insert(payment.idempotency_key.clone(), id.clone());
        self.by_order
            .entry(payment.request.order_id.clone())
            .or_default()
            .push(id.clone());
        self.by_time
            .insert(Cursor::new(payment.created_at_ms, id.clone()));
        for refund in &payment.refunds {
            let place = (id.clone(), refund.id.clone());
            self.refunds_by_key
                .insert(refund.idempotency_key.clone(), place);
        }
        self.payments.insert(id, payment);
    }
}
