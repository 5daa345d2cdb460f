//! What the shop is told: one event for each thing that happens to a payment or a refund.
//!
//! The body is kept as it was first sent, so that every attempt, also after a restart, carries the
//! same bytes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Outcome, Payment, Refund, RefundState};

/// Something the shop is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub created_at_ms: i64,
    pub payment_id: String,
    pub body: String,
}

impl Event {
    /// What the buyer did; `payment` is as it stands afterwards.
    pub fn of_attempt(id: String, payment: &Payment, outcome: Outcome, now_ms: i64) -> Self {
        let kind = match outcome {
            Outcome::Pay => "payment.paid",
            Outcome::Decline => "payment.declined",
        };
        Self::new(id, kind, payment, None, now_ms)
    }

    /// What became of a refund of `payment`; none while it is pending.
    pub fn of_refund(id: String, payment: &Payment, refund: &Refund, now_ms: i64) -> Option<Self> {
        let kind = match refund.state {
            RefundState::Pending => return None,
            RefundState::Done => "refund.done",
            RefundState::Failed => "refund.failed",
        };
        let refund = json!({
            "refund_id": refund.id,
            "idempotency_key": refund.idempotency_key,
            "amount": refund.amount,
            "state": refund.state,
        });
        Some(Self::new(id, kind, payment, Some(refund), now_ms))
    }

    fn new(id: String, kind: &str, payment: &Payment, refund: Option<Value>, now_ms: i64) -> Self {
        let mut body = json!({
            "id": id,
            "type": kind,
            "created_at_ms": now_ms,
            "payment": {
                "payment_id": payment.id,
                "order_id": payment.request.order_id,
                "amount": payment.request.amount,
                "state": payment.state,
                "refunded": payment.refunded(),
            },
        });
        if let Some(refund) = refund {
            body["refund"] = refund;
        }
        Self {
            id,
            created_at_ms: now_ms,
            payment_id: payment.id.clone(),
            body: body.to_string(),
        }
    }
}
