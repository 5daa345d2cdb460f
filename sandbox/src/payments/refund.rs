//! What a refund is: a part of what was paid, given back once for each idempotency key.
//!
//! How a refund ends is settled when it begins, so that a restart cannot change it; one that is
//! done or failed is final, and a failed one is tried again under another key.

use std::io;

use serde::{Deserialize, Serialize};

use super::{Amount, Event, Payment, State};
use crate::ids;

/// Refunds of one payment.
const REFUNDS_MAX: usize = 50;

/// A refund as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// `ref_…`
    pub id: String,
    /// The key the shop asked for it with.
    pub idempotency_key: String,
    /// What goes back.
    pub amount: Amount,
    /// Where it stands.
    pub state: RefundState,
    /// What becomes of it if it is pending, and when.
    pub then: Ending,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    Pending,
    Done,
    Failed,
}

/// How a refund ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Never `Pending`.
    pub state: RefundState,
    /// Not later than the answer: it ends at once.
    pub at_ms: i64,
}

/// A refund, the payment it belongs to and what the shop is told.
#[derive(Debug)]
pub struct Refunded {
    pub payment: Payment,
    pub refund: Refund,
    /// The shop is told when a refund ends.
    pub event: Option<Event>,
    /// This call made it.
    pub created: bool,
}

/// Why nothing was given back.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    #[error("there is no such payment")]
    Unknown,
    #[error("{0}")]
    Invalid(&'static str),
    #[error("only a payment that is paid can be refunded")]
    NotPaid,
    #[error("at most {left_minor} minor units can still be refunded of this payment")]
    TooMuch { left_minor: i64 },
    #[error("the idempotency key was used for another refund; a new refund needs a new key")]
    KeyReused,
    #[error("a payment has at most {REFUNDS_MAX} refunds")]
    TooMany,
    #[error("too many events wait for the shop")]
    Full,
    #[error("cannot write the journal")]
    Journal(#[from] io::Error),
}

impl Refund {
    pub fn is_pending(&self) -> bool {
        self.state == RefundState::Pending
    }
}

impl Payment {
    /// Says why this refund cannot begin, if so.
    pub(super) fn refund_fault(&self, amount: &Amount) -> Option<RefundError> {
        if let Some(fault) = amount.fault() {
            return Some(RefundError::Invalid(fault));
        }
        if self.state != State::Paid {
            return Some(RefundError::NotPaid);
        }
        if amount.currency != self.request.amount.currency {
            let fault = "amount.currency must be the payment's currency";
            return Some(RefundError::Invalid(fault));
        }
        let left_minor = self.refundable_minor();
        if amount.amount_minor > left_minor {
            return Some(RefundError::TooMuch { left_minor });
        }
        (self.refunds.len() >= REFUNDS_MAX).then_some(RefundError::TooMany)
    }

    /// Adds a refund that ends as `ending` says.
    pub(super) fn begin_refund(
        &mut self,
        key: &str,
        amount: Amount,
        ending: Ending,
        now_ms: i64,
    ) -> io::Result<Refund> {
        let refund = Refund {
            id: ids::fresh("ref")?,
            idempotency_key: key.to_owned(),
            amount,
            state: if ending.at_ms > now_ms {
                RefundState::Pending
            } else {
                ending.state
            },
            then: ending,
        };
        self.refunds.push(refund.clone());
        Ok(refund)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Amount, Payment, Request, State};
    use super::{Ending, RefundState};

    fn dollars(amount_minor: i64) -> Amount {
        Amount {
            amount_minor,
            currency: "USD".to_owned(),
        }
    }

    #[test]
    fn parts_never_come_to_more_than_was_paid() {
        let mut payment = Payment {
            id: "pay_a".to_owned(),
            idempotency_key: "key".to_owned(),
            created_at_ms: 0,
            request: Request {
                order_id: "1".to_owned(),
                amount: dollars(100),
                return_url: "http://shop.test/".to_owned(),
                expires_at_ms: 10,
            },
            state: State::Open,
            declines: 0,
            refunds: Vec::new(),
        };
        let check = |payment: &Payment, amount: Amount| {
            payment.refund_fault(&amount).map(|error| error.to_string())
        };
        assert!(check(&payment, dollars(1)).unwrap().contains("is paid"));
        payment.state = State::Paid;
        let endings = [
            // Amount, when and how it ends; what may still be refunded, what has been.
            (60, 0, RefundState::Done, 40, 60),
            (30, 0, RefundState::Failed, 40, 60),
            (30, 9, RefundState::Failed, 10, 60),
        ];
        for (amount_minor, at_ms, state, left_minor, refunded_minor) in endings {
            assert_eq!(check(&payment, dollars(amount_minor)), None);
            let ending = Ending { state, at_ms };
            let amount = dollars(amount_minor);
            payment.begin_refund("key", amount, ending, 0).unwrap();
            assert_eq!(payment.refundable_minor(), left_minor);
            assert_eq!(payment.refunded(), dollars(refunded_minor));
        }
        assert!(check(&payment, dollars(11)).unwrap().contains("at most 10"));
        assert_eq!(check(&payment, dollars(10)), None);
        let mut euros = dollars(5);
        "EUR".clone_into(&mut euros.currency);
        assert!(check(&payment, euros).unwrap().contains("currency"));
    }
}
