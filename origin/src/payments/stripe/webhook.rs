//! Reads Stripe's webhooks.
//!
//! Invariant: nothing is believed that the endpoint's secret has not signed within five minutes.
//! Header: `Stripe-Signature: t=<Unix seconds>,v1=<hex HMAC-SHA-256 of "<t>.<body>">`, with one `v1` a
//! secret while it is being changed; one of them must be right.

use super::super::provider::{BadWebhook, PaymentProvider, ProviderEvent};
use super::objects::{Intent, Refund, RefundStatus, reference};
use super::{REFUND_KEY, Stripe, money};
use crate::ledger::{RefundNotice, Settlement};
use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit, Mac};
use kernel::time::UnixMillis;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

const SIGNATURE_HEADER: &str = "stripe-signature";
/// How far the time of signing may lie from ours, in seconds.
const SKEW_SECONDS_MAX: i64 = 300;
/// Signatures of one header that are tried.
const SIGNATURES_MAX: usize = 8;

#[derive(Deserialize)]
struct Event {
    id: String,
    r#type: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: serde_json::Value,
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
    let event: Event = serde_json::from_slice(body).map_err(malformed)?;
    match event.r#type.as_str() {
        "payment_intent.succeeded" => payment(event, true),
        "payment_intent.payment_failed" | "payment_intent.canceled" => payment(event, false),
        // `charge.refunded` comes too, but does not say which refund it tells of.
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            refund(event)
        }
        _ => Ok(ProviderEvent::NotOurs(event.r#type)),
    }
}

fn payment(event: Event, paid: bool) -> Result<ProviderEvent, BadWebhook> {
    let intent: Intent = object(event.data)?;
    let Some(order) = intent.order() else {
        let what = format!("{} of a payment that is not the shop's", event.r#type);
        return Ok(ProviderEvent::NotOurs(what));
    };
    let amount = if paid { intent.came() } else { intent.amount };
    let amount = money::from_stripe(amount, &intent.currency).map_err(BadWebhook::Malformed)?;
    Ok(ProviderEvent::Payment(Settlement {
        event: reference(event.id).map_err(BadWebhook::Malformed)?,
        provider: Stripe::NAME,
        provider_ref: reference(intent.id).map_err(BadWebhook::Malformed)?,
        order,
        amount,
        paid,
    }))
}

fn refund(event: Event) -> Result<ProviderEvent, BadWebhook> {
    let refund: Refund = object(event.data)?;
    let intent = refund.payment_intent.clone();
    let (Some(intent), false) = (intent, refund.status == RefundStatus::Pending) else {
        let what = format!("{} of a refund that has not ended", event.r#type);
        return Ok(ProviderEvent::NotOurs(what));
    };
    let key = refund.metadata(REFUND_KEY);
    Ok(ProviderEvent::Refund(RefundNotice {
        event: reference(event.id).map_err(BadWebhook::Malformed)?,
        provider: Stripe::NAME,
        provider_ref: reference(intent).map_err(BadWebhook::Malformed)?,
        key: key.and_then(|key| key.parse().ok()),
        failed: (refund.status == RefundStatus::Failed).then(|| refund.why()),
        refund_ref: reference(refund.id).map_err(BadWebhook::Malformed)?,
    }))
}

fn object<T: DeserializeOwned>(data: Data) -> Result<T, BadWebhook> {
    serde_json::from_value(data.object).map_err(malformed)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn malformed(error: serde_json::Error) -> BadWebhook {
    BadWebhook::Malformed(error.to_string())
}

fn verify(secret: &str, header: &str, body: &[u8], now: UnixMillis) -> Result<(), BadWebhook> {
    let parts = header
        .split(',')
        .filter_map(|part| part.trim().split_once('='));
    let (mut time, mut signatures) = (None, Vec::new());
    for (name, value) in parts {
        match name {
            "t" => time = time.or(Some(value)),
            "v1" if signatures.len() < SIGNATURES_MAX => signatures.push(value),
            _ => {}
        }
    }
    let time = time.ok_or(BadWebhook::Signature)?;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| BadWebhook::Signature)?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    let is_right = signatures.iter().any(|signature| {
        hex::decode(signature).is_ok_and(|code| mac.clone().verify_slice(&code).is_ok())
    });
    if !is_right {
        return Err(BadWebhook::Signature);
    }
    let seconds: i64 = time.parse().map_err(|_| BadWebhook::Signature)?;
    if now.seconds().abs_diff(seconds) > SKEW_SECONDS_MAX.unsigned_abs() {
        return Err(BadWebhook::Old(SKEW_SECONDS_MAX));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
