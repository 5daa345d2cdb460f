//! What subscribers are told of an order.
//!
//! Invariant: nothing of a person, and nothing by which somebody else could pay or follow: no
//! name, contact, address or checkout.

use crate::calendar::rfc3339;
use crate::ledger::{OrderEvent, OrderRow};
use crate::orders;
use kernel::ids::PaymentId;
use kernel::time::UnixMillis;
use kernel::wire::PaymentState;
use serde::Serialize;
use serde_json::{Value, json};

/// A payment without its checkout.
#[derive(Serialize)]
struct PaymentView {
    payment_id: PaymentId,
    state: PaymentState,
}

/// The body of a message: `{type, timestamp, data}`.
pub fn body(kind: OrderEvent, happened_at: UnixMillis, row: OrderRow) -> String {
    let payment = row.payment.as_ref().map(|payment| PaymentView {
        payment_id: payment.payment_id,
        state: payment.state,
    });
    let mut data = json!(orders::order(row));
    if let Value::Object(fields) = &mut data {
        fields.insert("payment".to_owned(), json!(payment));
    }
    let message = json!({
        "type": format!("order.{}", kind.as_str()),
        "timestamp": rfc3339(happened_at),
        "data": data,
    });
    message.to_string()
}
