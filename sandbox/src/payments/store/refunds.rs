//! Refunds in the store: begun by the shop, ended at once or later.
//!
//! A key begins one refund; asked again, it finds that one as it stands now.

use std::io;

use super::{EVENTS_MAX, Inner, Store};
use crate::ids;
use crate::payments::journal::Record;
use crate::payments::refund::{Ending, RefundError, Refunded};
use crate::payments::{Amount, Event, Payment, Refund};

impl Store {
    /// Begins a refund, or finds the one this key began before. `ending` is asked for a new one.
    pub fn refund(
        &self,
        payment_id: &str,
        key: &str,
        amount: Amount,
        ending: impl FnOnce() -> Ending,
        now_ms: i64,
    ) -> Result<Refunded, RefundError> {
        let mut inner = self.lock();
        let Some(payment) = inner.payments.get(payment_id) else {
            return Err(RefundError::Unknown);
        };
        if let Some((of, id)) = inner.refunds_by_key.get(key) {
            let known = payment.refunds.iter().find(|refund| refund.id == *id);
            return match known {
                Some(refund) if of == payment_id && refund.amount == amount => Ok(Refunded {
                    payment: payment.clone(),
                    refund: refund.clone(),
                    event: None,
                    created: false,
                }),
                _ => Err(RefundError::KeyReused),
            };
        }
        if let Some(fault) = payment.refund_fault(&amount) {
            return Err(fault);
        }
        if inner.events.len() >= EVENTS_MAX {
            return Err(RefundError::Full);
        }
        let mut payment = payment.clone();
        let refund = payment.begin_refund(key, amount, ending(), now_ms)?;
        let event = Event::of_refund(ids::fresh("evt")?, &payment, &refund, now_ms);
        inner.keep(&payment, event.as_ref())?;
        let place = (payment_id.to_owned(), refund.id.clone());
        inner.refunds_by_key.insert(key.to_owned(), place);
        Ok(Refunded {
            payment,
            refund,
            event,
            created: true,
        })
    }

    /// Ends a refund that is pending. None: it has ended before, or is unknown.
    pub fn end_refund(
        &self,
        payment_id: &str,
        refund_id: &str,
        now_ms: i64,
    ) -> io::Result<Option<Event>> {
        let mut inner = self.lock();
        let Some(mut payment) = inner.payments.get(payment_id).cloned() else {
            return Ok(None);
        };
        let pending = payment
            .refunds
            .iter_mut()
            .find(|refund| refund.id == refund_id && refund.is_pending());
        let Some(refund) = pending else {
            return Ok(None);
        };
        refund.state = refund.then.state;
        let refund = refund.clone();
        let event = Event::of_refund(ids::fresh("evt")?, &payment, &refund, now_ms);
        inner.keep(&payment, event.as_ref())?;
        Ok(event)
    }

    /// Refunds that have not ended, with the ids of their payments.
    pub fn pending_refunds(&self) -> Vec<(String, Refund)> {
        let inner = self.lock();
        let pending = inner.payments.values().flat_map(|payment| {
            let refunds = payment.refunds.iter().filter(|refund| refund.is_pending());
            refunds.map(|refund| (payment.id.clone(), refund.clone()))
        });
        pending.collect()
    }
}

impl Inner {
    fn keep(&mut self, payment: &Payment, event: Option<&Event>) -> io::Result<()> {
        self.journal.append(&Record::Refunded {
            payment: payment.clone(),
            event: event.cloned(),
        })?;
        self.payments.insert(payment.id.clone(), payment.clone());
        self.events
            .extend(event.map(|event| (event.id.clone(), event.clone())));
        Ok(())
    }
}
