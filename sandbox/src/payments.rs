//! What a payment is: opened by the shop, paid or declined by the buyer on the checkout page, and
//! given back by the shop, whole or in parts.
//!
//! A decline is an attempt that failed and leaves the payment open; a paid payment stays paid, and
//! its refunds never come to more than was paid.

pub mod event;
pub mod journal;
pub mod money;
pub mod refund;
pub mod store;

use serde::{Deserialize, Serialize};

pub use event::Event;
pub use money::Amount;
pub use refund::{Refund, RefundState};

/// What the shop asks for; the same key with the same request is the same payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The shop's order, a decimal number as text.
    pub order_id: String,
    /// What to take.
    pub amount: Amount,
    /// Where the buyer goes afterwards.
    pub return_url: String,
    /// From this instant on the checkout takes no money.
    pub expires_at_ms: i64,
}

/// A payment as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// `pay_…`
    pub id: String,
    /// The key the shop opened it with.
    pub idempotency_key: String,
    /// When it was opened.
    #[serde(default)]
    pub created_at_ms: i64,
    /// What it was opened for.
    pub request: Request,
    /// Where it stands.
    pub state: State,
    /// Attempts that failed.
    pub declines: u32,
    /// In the order in which the shop asked for them.
    #[serde(default)]
    pub refunds: Vec<Refund>,
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Open,
    Paid,
}

/// What the buyer chose on the checkout page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Pay,
    Decline,
}

impl Payment {
    pub fn expired(&self, now_ms: i64) -> bool {
        now_ms >= self.request.expires_at_ms
    }

    /// What has been given back: refunds that are done.
    pub fn refunded(&self) -> Amount {
        self.sum_of(|state| state == RefundState::Done)
    }

    /// What another refund may have at most.
    pub fn refundable_minor(&self) -> i64 {
        let taken = self.sum_of(|state| state != RefundState::Failed);
        self.request.amount.amount_minor - taken.amount_minor
    }

    fn sum_of(&self, counts: impl Fn(RefundState) -> bool) -> Amount {
        let parts = self.refunds.iter().filter(|refund| counts(refund.state));
        Amount {
            amount_minor: parts.map(|refund| refund.amount.amount_minor).sum(),
            currency: self.request.amount.currency.clone(),
        }
    }
}

impl Request {
    /// Says what is wrong with a request, if anything.
    pub fn fault(&self, now_ms: i64) -> Option<&'static str> {
        let id = &self.order_id;
        if id.is_empty() || id.len() > 20 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some("order_id must be a decimal number of at most 20 digits, as text");
        }
        if let Some(fault) = self.amount.fault() {
            return Some(fault);
        }
        if self.return_url.len() > 2_048 {
            return Some("return_url must have at most 2048 characters");
        }
        match reqwest::Url::parse(&self.return_url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => {}
            _ => return Some("return_url must be an absolute http or https URL"),
        }
        (self.expires_at_ms <= now_ms).then_some("expires_at_ms must lie in the future")
    }
}
