//! Reads the sandbox provider's webhooks.
//!
//! Invariant: nothing is believed that the provider's secret has not signed within five minutes.
//! Header: `Sandbox-Signature: t=<Unix seconds>,v1=<hex HMAC-SHA-256 of "<t>.<body>">`.

use crate::ledger::Settlement;
use hmac::{Hmac, KeyInit, Mac};
use kernel::ids::OrderId;
use kernel::money::Money;
use kernel::time::UnixMillis;
use serde::Deserialize;
use sha2::Sha256;

/// How far the time of signing may lie from ours, in seconds.
const SKEW_SECONDS_MAX: i64 = 300;

/// Why a webhook is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWebhook {
    /// No signature, or a wrong one.
    #[error("the signature is wrong")]
    Signature,
    /// Signed too long ago.
    #[error("the signature is more than {SKEW_SECONDS_MAX} s old")]
    Old,
    /// Not an event we know.
    #[error("the event cannot be read: {0}")]
    Malformed(String),
}

#[derive(Deserialize)]
struct Event {
    id: String,
    r#type: String,
    payment: EventPayment,
}

#[derive(Deserialize)]
struct EventPayment {
    payment_id: String,
    order_id: OrderId,
    amount: Money,
}

/// Checks the signature and reads the event.
pub fn read(
    secret: &str,
    signature_header: &str,
    body: &[u8],
    now: UnixMillis,
) -> Result<Settlement, BadWebhook> {
    verify(secret, signature_header, body, now)?;
    let event: Event =
        serde_json::from_slice(body).map_err(|error| BadWebhook::Malformed(error.to_string()))?;
    let paid = match event.r#type.as_str() {
        "payment.paid" => true,
        "payment.declined" => false,
        other => return Err(BadWebhook::Malformed(format!("unknown type `{other}`"))),
    };
    if event.id.len() > 64 || event.payment.payment_id.len() > 64 {
        return Err(BadWebhook::Malformed(
            "an id of more than 64 bytes".to_owned(),
        ));
    }
    Ok(Settlement {
        event: event.id,
        provider_ref: event.payment.payment_id,
        order: event.payment.order_id,
        amount: event.payment.amount,
        paid,
    })
}

fn verify(secret: &str, header: &str, body: &[u8], now: UnixMillis) -> Result<(), BadWebhook> {
    let part = |name: &str| {
        header
            .split(',')
            .filter_map(|part| part.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    };
    let (Some(time), Some(signature)) = (part("t"), part("v1")) else {
        return Err(BadWebhook::Signature);
    };
    let signature = hex::decode(signature).map_err(|_| BadWebhook::Signature)?;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| BadWebhook::Signature)?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.verify_slice(&signature)
        .map_err(|_| BadWebhook::Signature)?;
    let seconds: i64 = time.parse().map_err(|_| BadWebhook::Signature)?;
    if (now.seconds() - seconds).abs() > SKEW_SECONDS_MAX {
        return Err(BadWebhook::Old);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);
    const BODY: &str = r#"{"id":"evt_1","type":"payment.paid","created_at_ms":1,"payment":{"payment_id":"pay_1","order_id":"5","amount":{"amount_minor":100,"currency":"USD"},"state":"paid"}}"#;

    fn signed(secret: &str, time: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{time}.{body}").as_bytes());
        format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn only_what_the_provider_signed_lately_is_read() {
        let time = NOON.seconds();
        let check = |header: &str, body: &str| read("s", header, body.as_bytes(), NOON).map(|_| ());
        assert_eq!(check(&signed("s", time, BODY), BODY), Ok(()));
        assert_eq!(
            check(&signed("other", time, BODY), BODY),
            Err(BadWebhook::Signature)
        );
        assert_eq!(
            check(&signed("s", time, "{}"), BODY),
            Err(BadWebhook::Signature)
        );
        assert_eq!(
            check(&signed("s", time - 301, BODY), BODY),
            Err(BadWebhook::Old)
        );
        assert_eq!(check("", BODY), Err(BadWebhook::Signature));
        let unknown = BODY.replace("payment.paid", "payment.lost");
        let malformed = check(&signed("s", time, &unknown), &unknown);
        assert!(matches!(malformed, Err(BadWebhook::Malformed(_))));
    }
}
