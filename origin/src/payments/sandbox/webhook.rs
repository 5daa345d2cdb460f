//! Reads the sandbox provider's webhooks.
//!
//! Invariant: nothing is believed that the provider's secret has not signed within five minutes.
//! Header: `Sandbox-Signature: t=<Unix seconds>,v1=<hex HMAC-SHA-256 of "<t>.<body>">`.

use super::super::provider::{BadWebhook, PaymentProvider, ProviderEvent, REFERENCE_BYTES_MAX};
use super::{RefundState, Sandbox};
use crate::ledger::{RefundNotice, Settlement};
use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use kernel::ids::OrderId;
use kernel::money::Money;
use kernel::time::UnixMillis;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

const SIGNATURE_HEADER: &str = "sandbox-signature";
/// How far the time of signing may lie from ours, in seconds.
const SKEW_SECONDS_MAX: i64 = 300;

#[derive(Deserialize)]
struct Kind {
    id: String,
    r#type: String,
}

#[derive(Deserialize)]
struct PaymentEvent {
    payment: EventPayment,
}

#[derive(Deserialize)]
struct RefundEvent {
    payment: EventPayment,
    refund: EventRefund,
}

#[derive(Deserialize)]
struct EventPayment {
    payment_id: String,
    order_id: OrderId,
    amount: Money,
}

#[derive(Deserialize)]
struct EventRefund {
    refund_id: String,
    idempotency_key: String,
    state: RefundState,
}

/// Checks the signature and reads the event.
pub(super) fn read(
    secret: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: UnixMillis,
) -> Result<ProviderEvent, BadWebhook> {
    let signature = headers.get(SIGNATURE_HEADER);
    let signature = signature.and_then(|value| value.to_str().ok());
    verify(secret, signature.unwrap_or_default(), body, now)?;
    let Kind { id, r#type } = parse(body)?;
    match r#type.as_str() {
        "payment.paid" | "payment.declined" => {
            let PaymentEvent { payment } = parse(body)?;
            Ok(ProviderEvent::Payment(Settlement {
                event: fitting(id)?,
                provider: Sandbox::NAME,
                provider_ref: fitting(payment.payment_id)?,
                order: payment.order_id,
                amount: payment.amount,
                paid: r#type == "payment.paid",
            }))
        }
        "refund.done" | "refund.failed" => {
            let RefundEvent { payment, refund } = parse(body)?;
            let failed = refund.state == RefundState::Failed || r#type == "refund.failed";
            Ok(ProviderEvent::Refund(RefundNotice {
                event: fitting(id)?,
                provider: Sandbox::NAME,
                provider_ref: fitting(payment.payment_id)?,
                key: refund.idempotency_key.parse().ok(),
                failed: failed.then(|| format!("{} failed there", refund.refund_id)),
                refund_ref: fitting(refund.refund_id)?,
            }))
        }
        _ => Ok(ProviderEvent::NotOurs(r#type)),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, BadWebhook> {
    serde_json::from_slice(body).map_err(|error| BadWebhook::Malformed(error.to_string()))
}

fn fitting(id: String) -> Result<String, BadWebhook> {
    if (1..=REFERENCE_BYTES_MAX).contains(&id.len()) {
        return Ok(id);
    }
    let what = format!("an id has 1 to {REFERENCE_BYTES_MAX} bytes");
    Err(BadWebhook::Malformed(what))
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
    if now.seconds().abs_diff(seconds) > SKEW_SECONDS_MAX.unsigned_abs() {
        return Err(BadWebhook::Old(SKEW_SECONDS_MAX));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);
    const PAYMENT: &str = r#""payment":{"payment_id":"pay_1","order_id":"5","amount":{"amount_minor":100,"currency":"USD"},"state":"paid"}"#;

    fn signed(secret: &str, time: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{time}.{body}").as_bytes());
        format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes()))
    }

    fn read_with(header: &str, body: &str) -> Result<ProviderEvent, BadWebhook> {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE_HEADER, header.parse().unwrap());
        read("s", &headers, body.as_bytes(), NOON)
    }

    fn event(kind: &str, more: &str) -> String {
        format!(r#"{{"id":"evt_1","type":"{kind}","created_at_ms":1,{PAYMENT}{more}}}"#)
    }

    #[test]
    fn only_what_the_provider_signed_lately_is_read() {
        let time = NOON.seconds();
        let body = event("payment.paid", "");
        let check = |header: &str, expected: Option<BadWebhook>| {
            assert_eq!(read_with(header, &body).err(), expected, "{header}");
        };
        check(&signed("s", time, &body), None);
        check(&signed("other", time, &body), Some(BadWebhook::Signature));
        check(&signed("s", time, "{}"), Some(BadWebhook::Signature));
        check(&signed("s", time - 301, &body), Some(BadWebhook::Old(300)));
        check(&signed("s", time + 301, &body), Some(BadWebhook::Old(300)));
        check(&signed("s", i64::MIN, &body), Some(BadWebhook::Old(300)));
        check("", Some(BadWebhook::Signature));
    }

    #[test]
    fn each_type_of_event_is_told_from_the_others() {
        let check = |body: &str, expected: &str| {
            let read = read_with(&signed("s", NOON.seconds(), body), body);
            let told = match read {
                Ok(ProviderEvent::Payment(settlement)) if settlement.paid => "paid".to_owned(),
                Ok(ProviderEvent::Payment(_)) => "declined".to_owned(),
                Ok(ProviderEvent::Refund(notice)) => {
                    let key = notice.key.map(|key| key.to_string()).unwrap_or_default();
                    format!("refund {key} {}", notice.failed.unwrap_or_default())
                }
                Ok(ProviderEvent::NotOurs(kind)) => format!("not ours: {kind}"),
                Err(BadWebhook::Malformed(_)) => "malformed".to_owned(),
                Err(other) => other.to_string(),
            };
            assert_eq!(told, expected, "{body}");
        };
        let refund = |state, key| {
            format!(
                r#","refund":{{"refund_id":"ref_1","idempotency_key":"{key}","amount":{{"amount_minor":100,"currency":"USD"}},"state":"{state}"}}"#
            )
        };
        check(&event("payment.paid", ""), "paid");
        check(&event("payment.declined", ""), "declined");
        check(&event("refund.done", &refund("done", "7")), "refund 7 ");
        check(
            &event("refund.failed", &refund("failed", "7-2")),
            "refund 7-2 ref_1 failed there",
        );
        check(
            &event("refund.done", &refund("done", "by hand")),
            "refund  ",
        );
        check(&event("payment.lost", ""), "not ours: payment.lost");
        check(&event("refund.done", ""), "malformed");
        check("{}", "malformed");
    }
}
