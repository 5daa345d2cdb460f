//! How operators see payments.
//!
//! Invariant: nothing here is shown to shoppers.

use crate::ledger::RefundRow;
use serde_json::{Value, json};

/// A refund as JSON.
pub fn refund_view(refund: &RefundRow) -> Value {
    json!({
        "refund_id": refund.key.refund,
        "try_number": refund.key.try_number,
        "payment_id": refund.payment,
        "order_id": refund.order,
        "provider": refund.provider,
        "payment_ref": refund.payment_ref,
        "refund_ref": refund.refund_ref,
        "amount": refund.amount,
        "reason": refund.reason,
        "state": refund.state,
        "attempts": refund.attempts,
        "actor": refund.actor,
        "last_error": refund.last_error,
        "created_at_ms": refund.created_at,
        "due_at_ms": refund.due_at,
        "done_at_ms": refund.done_at,
    })
}
