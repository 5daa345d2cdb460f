//! What a payment is: opened by the shop, paid or declined by the buyer on the checkout page.
//!
//! A decline is an attempt that failed and leaves the payment open; a paid payment is final.

pub mod journal;
pub mod money;
pub mod store;

use serde::{Deserialize, Serialize};

pub use money::Amount;

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
    /// What it was opened for.
    pub request: Request,
    /// Where it stands.
    pub state: State,
    /// Attempts that failed.
    pub declines: u32,
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

/// Something the shop is told. The body is kept as it was first sent, so that every attempt, also
/// after a restart, carries the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub created_at_ms: i64,
    pub payment_id: String,
    pub body: String,
}

impl Payment {
    pub fn expired(&self, now_ms: i64) -> bool {
        now_ms >= self.request.expires_at_ms
    }

    /// The event that tells the shop about `outcome`; `self` is the payment after it.
    pub fn event(&self, id: String, outcome: Outcome, now_ms: i64) -> Event {
        let kind = match outcome {
            Outcome::Pay => "payment.paid",
            Outcome::Decline => "payment.declined",
        };
        let body = serde_json::json!({
            "id": id,
            "type": kind,
            "created_at_ms": now_ms,
            "payment": {
                "payment_id": self.id,
                "order_id": self.request.order_id,
                "amount": self.request.amount,
                "state": self.state,
            },
        });
        Event {
            id,
            created_at_ms: now_ms,
            payment_id: self.id.clone(),
            body: body.to_string(),
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
