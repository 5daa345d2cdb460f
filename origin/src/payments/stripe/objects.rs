//! Stripe's objects, as far as they are read.
//!
//! Where Stripe gives an id or, expanded, the object itself, both are read.

use super::super::provider::REFERENCE_BYTES_MAX;
use super::{ORDER_ID, PAYMENT_ID};
use kernel::ids::OrderId;
use serde::Deserialize;
use std::collections::HashMap;

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct List<T> {
    pub data: Vec<T>,
    pub has_more: bool,
}

/// A PaymentIntent.
#[derive(Deserialize)]
pub(super) struct Intent {
    pub id: String,
    pub amount: i64,
    /// What came, which is less than `amount` where only a part was captured.
    amount_received: Option<i64>,
    /// In small letters.
    pub currency: String,
    pub client_secret: Option<String>,
    /// In seconds.
    pub created: i64,
    status: String,
    metadata: Option<HashMap<String, String>>,
    latest_charge: Option<Charge>,
}

/// A charge: its id, or itself.
#[derive(Deserialize)]
#[serde(untagged)]
enum Charge {
    Whole {
        #[serde(default)]
        amount_refunded: i64,
    },
    Id(#[expect(dead_code, reason = "only told from the whole object")] String),
}

/// A refund.
#[derive(Deserialize)]
pub(super) struct Refund {
    pub id: String,
    pub payment_intent: Option<String>,
    #[serde(default)]
    pub status: RefundStatus,
    failure_reason: Option<String>,
    metadata: Option<HashMap<String, String>>,
}

/// Where a refund stands.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Option<String>")]
pub(super) enum RefundStatus {
    #[default]
    Pending,
    Succeeded,
    Failed,
}

impl From<Option<String>> for RefundStatus {
    fn from(word: Option<String>) -> Self {
        match word.as_deref() {
            Some("succeeded") => Self::Succeeded,
            Some("failed" | "canceled") => Self::Failed,
            // `pending`, `requires_action`, and what we do not know yet: it may still go either way.
            _ => Self::Pending,
        }
    }
}

impl Intent {
    /// Our order, if the intent is ours.
    pub fn order(&self) -> Option<OrderId> {
        let metadata = self.metadata.as_ref()?;
        metadata.get(PAYMENT_ID)?;
        metadata.get(ORDER_ID)?.parse().ok()
    }

    pub fn is_paid(&self) -> bool {
        self.status == "succeeded"
    }

    /// What came, or what was asked for while nothing came.
    pub fn came(&self) -> i64 {
        match self.amount_received {
            Some(received) if self.is_paid() => received,
            _ => self.amount,
        }
    }

    /// What went back, or is on its way.
    pub fn refunded(&self) -> i64 {
        match self.latest_charge {
            Some(Charge::Whole { amount_refunded }) => amount_refunded,
            _ => 0,
        }
    }
}

impl Refund {
    pub fn metadata(&self, name: &str) -> Option<&String> {
        self.metadata.as_ref()?.get(name)
    }

    /// Why it failed.
    pub fn why(&self) -> String {
        let reason = self.failure_reason.as_deref().unwrap_or("no reason given");
        format!("{} failed at Stripe: {reason}", self.id)
    }
}

/// An id that the ledger can keep.
pub(super) fn reference(id: String) -> Result<String, String> {
    if (1..=REFERENCE_BYTES_MAX).contains(&id.len()) {
        Ok(id)
    } else {
        Err(format!("an id has 1 to {REFERENCE_BYTES_MAX} bytes"))
    }
}
